//! These tests run real models, the fixtures of `tests/fixtures`. Without an ONNX Runtime library they print a note and
//! pass; with the variable `CI` set they fail.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ractor::ActorCell;
use troupe_runtime::config::Section;
use troupe_runtime::entity::Globals;
use troupe_runtime::{AskError, NodeId};

use super::loader::Loader;
use super::model::ScoringModel;
use super::*;
use troupe_lake::{Lake, Sha256};

const EASE: &[u8] = include_bytes!("../tests/fixtures/ease4.onnx");
const NEGATED: &[u8] = include_bytes!("../tests/fixtures/ease4_negated.onnx");
const WITH_NAN: &[u8] = include_bytes!("../tests/fixtures/ease4_nan.onnx");
const TRUNCATED: &[u8] = include_bytes!("../tests/fixtures/truncated.onnx");
const WRONG_INPUT: &[u8] = include_bytes!("../tests/fixtures/wrong_input.onnx");
const FIVE_ITEMS: &[u8] = include_bytes!("../tests/fixtures/five_items.onnx");
const DOUBLE: &[u8] = include_bytes!("../tests/fixtures/double.onnx");

/// Row `i` holds what item `i` of the history adds to each score.
const WEIGHTS: [[f32; 4]; 4] =
    [[0.0, 0.5, 0.25, 0.125], [0.5, 0.0, 0.75, 0.0625], [0.25, 0.75, 0.0, 0.3], [0.125, 0.0625, 0.3, 0.0]];

/// Long enough for a loaded machine; only a failing test waits this long.
const DEADLINE: Duration = Duration::from_secs(20);

fn engine() -> Option<Engine> {
    let engine = Engine::load(&ServingConfig::default(), None);
    if let EngineKind::Unavailable(why) = engine.kind() {
        assert!(std::env::var_os("CI").is_none(), "CI needs the library: {why}");
        eprintln!("skipped, no engine: {why}");
        return None;
    }
    Some(engine)
}

fn ids(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let mut tick = tokio::time::interval(Duration::from_millis(2));
    let deadline = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain for: {what}");
        tick.tick().await;
    }
}

/// A node's serving, with published versions that the test sets.
struct Scene {
    _dir: tempfile::TempDir,
    lake: Lake,
    globals: Arc<Globals>,
    published: Arc<Mutex<Vec<ServedVersion>>>,
    /// Reads of the published versions so far.
    looks: Arc<AtomicU32>,
    recommender: Recommender,
    actor: ActorCell,
    vocabulary: Sha256,
}

impl Scene {
    async fn set(node: u16, engine: Engine, config: ServingConfig) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let lake = Lake::open(dir.path()).unwrap();
        let vocabulary = Vocabulary::new(ids(&["a", "b", "c", "d"])).unwrap();
        let vocabulary = lake.put(vocabulary.to_bytes()).await.unwrap();
        let globals = Arc::new(Globals::default());
        let published = Arc::new(Mutex::new(Vec::<ServedVersion>::new()));
        let looks = Arc::new(AtomicU32::new(0));
        let (source, looked) = (published.clone(), looks.clone());
        let loader = Loader { engine, lake: lake.clone(), config: Arc::new(config) };
        let recommender = Recommender::with_source(
            NodeId(node),
            loader,
            globals.clone(),
            None,
            Arc::new(move |_| {
                looked.fetch_add(1, Ordering::Relaxed);
                source.lock().unwrap().clone()
            }),
        );
        let actor = (recommender.child().start)(None).await.unwrap();
        Self { _dir: dir, lake, globals, published, looks, recommender, actor, vocabulary }
    }

    async fn version(&self, version: u32, artifact: &[u8], champion: bool) -> ServedVersion {
        ServedVersion {
            model: "m".to_owned(),
            version,
            artifact: self.lake.put(artifact.to_vec()).await.unwrap(),
            vocabulary: self.vocabulary,
            algorithm: "ease".to_owned(),
            champion,
        }
    }

    fn publish(&self, versions: Vec<ServedVersion>) {
        *self.published.lock().unwrap() = versions;
        self.globals.publish(vec![("scene", "m".to_owned(), Arc::new(()))]);
    }

    /// Publishes and waits until exactly these versions are loaded.
    async fn load(&self, versions: Vec<ServedVersion>) {
        let wanted: BTreeSet<u32> = versions.iter().map(|served| served.version).collect();
        let champion = versions.iter().find(|served| served.champion).map(|served| served.version);
        self.publish(versions);
        until("the published versions to be ready", || {
            let view = self.recommender.view();
            let ready: BTreeSet<u32> =
                view.iter().filter(|pool| pool.ready).map(|pool| pool.served.version).collect();
            let first = view.iter().find(|pool| pool.served.champion).map(|pool| pool.served.version);
            ready == wanted && first == champion
        })
        .await;
    }

    async fn ask(&self, version: Option<u32>, history: &[&str]) -> Result<Recommended, ServeError> {
        let history = ids(history);
        let ask =
            Ask { model: "m", version, history: &history, exclude_history: true, k: 10, deadline: None };
        self.recommender.recommend(ask).await
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.actor.stop(None);
    }
}

fn names(answer: &Recommended) -> Vec<&str> {
    answer.items.iter().map(|(id, _)| id.as_str()).collect()
}

#[test]
fn a_model_scores_each_row_of_a_batch_from_its_own_history() {
    let Some(engine) = engine() else { return };
    let mut model = ScoringModel::load(&engine, EASE, 4, 1).unwrap();
    let scores = model.score(&[&[0], &[], &[1, 3]], <[f32]>::to_vec).unwrap();
    let both: Vec<f32> = (0..4).map(|item| WEIGHTS[1][item] + WEIGHTS[3][item]).collect();
    assert_eq!(scores, [&WEIGHTS[0][..], &[0.0; 4], &both].concat());
    assert_eq!(model.score(&[&[2]], <[f32]>::to_vec).unwrap(), WEIGHTS[2], "a smaller batch after a larger");
}

#[tokio::test]
async fn an_artifact_that_cannot_be_served_is_refused_with_what_to_put_right() {
    let Some(engine) = engine() else { return };
    let scene = Scene::set(901, engine, ServingConfig::default()).await;
    for (name, artifact, code, says) in [
        ("truncated", TRUNCATED, "BAD_ARTIFACT", "does not load"),
        ("not a model", &b"hello"[..], "BAD_ARTIFACT", "does not load"),
        ("empty", &b""[..], "BAD_ARTIFACT", "does not load"),
        ("wrong input", WRONG_INPUT, "BAD_SIGNATURE", "expected the input \"history\", got \"features\""),
        ("another width", FIVE_ITEMS, "BAD_SIGNATURE", "ranks 5 items, the vocabulary names 4"),
        ("another type", DOUBLE, "BAD_SIGNATURE", "f32[batch, 4]"),
    ] {
        let artifact = scene.lake.put(artifact.to_vec()).await.unwrap();
        let error = scene.recommender.verify(&artifact, &scene.vocabulary).await.unwrap_err();
        assert_eq!(error.code(), code, "{name}: {error}");
        assert!(error.to_string().contains(says), "{name}: {error}");
    }
    let good = scene.lake.put(EASE).await.unwrap();
    assert_eq!(scene.recommender.verify(&good, &scene.vocabulary).await.unwrap().items, 4);
    let missing = Sha256::of(b"nowhere");
    let error = scene.recommender.verify(&missing, &scene.vocabulary).await.unwrap_err();
    assert!(error.code() == "ARTIFACT_MISSING" && error.to_string().contains("artifact"), "{error}");
    let error = scene.recommender.verify(&good, &missing).await.unwrap_err();
    assert!(error.code() == "ARTIFACT_MISSING" && error.to_string().contains("vocabulary"), "{error}");
    let error = scene.recommender.verify(&good, &good).await.unwrap_err();
    assert_eq!(error.code(), "BAD_VOCABULARY", "{error}");
}

#[tokio::test]
async fn a_node_without_an_engine_says_so_and_lives() {
    let config =
        ServingConfig { library: Some("/nonexistent/libonnxruntime.so".into()), ..ServingConfig::default() };
    let engine = Engine::load(&config, None);
    if cfg!(feature = "tract") {
        assert!(!matches!(engine.kind(), EngineKind::Unavailable(_)));
        return;
    }
    let scene = Scene::set(902, engine, config).await;
    let served = scene.version(1, EASE, true).await;
    let error = scene.recommender.verify(&served.artifact, &served.vocabulary).await.unwrap_err();
    assert!(error.to_string().contains("/nonexistent/libonnxruntime.so"), "{error}");
    scene.publish(vec![served]);
    until("the failure to show", || scene.recommender.view().iter().any(|pool| pool.failure.is_some())).await;
    let error = scene.ask(None, &["a"]).await.unwrap_err();
    assert!(matches!(&error, ServeError::Unavailable(why) if why.contains("/nonexistent")), "{error}");
    assert!(matches!(AskError::from(error), AskError::NotSent(_)));
}

#[tokio::test]
async fn a_recommendation_ranks_what_the_member_has_not_seen() {
    let Some(engine) = engine() else { return };
    let scene = Scene::set(903, engine, ServingConfig::default()).await;
    assert_eq!(scene.ask(None, &[]).await.unwrap_err(), ServeError::NoModel("m".into()));
    scene.load(vec![scene.version(7, EASE, true).await, scene.version(8, WITH_NAN, false).await]).await;

    let answer = scene.ask(None, &["b", "unheard of", "b"]).await.unwrap();
    assert_eq!(answer.items, [("c".into(), 0.75), ("a".into(), 0.5), ("d".into(), 0.0625)]);
    assert_eq!((answer.version, answer.algorithm.as_str(), answer.timing.batch), (7, "ease", 1));
    assert_eq!(names(&scene.ask(None, &[]).await.unwrap()), ["a", "b", "c", "d"], "ties keep the order");
    assert_eq!(names(&scene.ask(Some(8), &["b"]).await.unwrap()), ["a", "d"], "c is not a number");
    assert_eq!(scene.ask(Some(99), &["b"]).await.unwrap().version, 7, "the champion stands in");

    let history = ids(&["b"]);
    let ask = Ask {
        model: "m",
        version: None,
        history: &history,
        exclude_history: false,
        k: 2,
        deadline: Some(Instant::now() + DEADLINE),
    };
    assert_eq!(names(&scene.recommender.recommend(ask).await.unwrap()), ["c", "a"]);
    let ask = Ask { k: 9, ..ask };
    assert_eq!(names(&scene.recommender.recommend(ask).await.unwrap()), ["c", "a", "d", "b"]);
    let late = Ask { deadline: Some(Instant::now()), ..ask };
    assert_eq!(scene.recommender.recommend(late).await.unwrap_err(), ServeError::Expired);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_wait_together_are_scored_together_each_with_its_own_answer() {
    let Some(engine) = engine() else { return };
    let config = ServingConfig { replicas: NonZeroUsize::MIN, ..ServingConfig::default() };
    let batch_max = config.max_batch.get();
    let scene = Scene::set(904, engine, config).await;
    scene.load(vec![scene.version(1, EASE, true).await]).await;
    let items = ["a", "b", "c", "d"];
    let asks = (0..400).map(|n| {
        let scene = &scene;
        async move { (n % 4, scene.ask(None, &[items[n % 4]]).await.unwrap()) }
    });
    let answers = futures::future::join_all(asks).await;
    for (seen, answer) in &answers {
        assert_eq!(answer.items.len(), 3);
        for (id, score) in &answer.items {
            let item = items.iter().position(|item| item == id).unwrap();
            assert_eq!(*score, WEIGHTS[*seen][item], "an answer meant for another");
        }
    }
    let largest = answers.iter().map(|(_, answer)| answer.timing.batch).max().unwrap();
    assert!(largest > 1, "nothing was batched");
    assert!(largest as usize <= batch_max);
    let view = &scene.recommender.view()[0];
    assert_eq!(view.requests, 400);
    assert!(view.batches < 400, "{view:?}");
}

#[tokio::test]
async fn one_request_more_than_may_wait_is_answered_busy_at_once() {
    let Some(engine) = engine() else { return };
    let count = |n| NonZeroUsize::new(n).unwrap();
    let config = ServingConfig {
        replicas: count(1),
        queue_max: count(5),
        max_batch: count(2),
        ..ServingConfig::default()
    };
    let scene = Scene::set(905, engine, config).await;
    scene.load(vec![scene.version(1, EASE, true).await]).await;
    // On one thread, all of them are queued before the replica can take any.
    let answers = futures::future::join_all((0..9).map(|_| scene.ask(None, &["a"]))).await;
    let (served, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!((served.len(), refused.len()), (5, 4));
    for refused in refused {
        let error = refused.unwrap_err();
        assert_eq!(error, ServeError::Busy { model: "m@1".into(), waiting: 5 });
        assert!(AskError::from(error).retryable());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_are_swapped_under_load_without_a_failed_request() {
    let Some(engine) = engine() else { return };
    let scene = Arc::new(Scene::set(906, engine, ServingConfig::default()).await);
    let artifacts = [EASE, NEGATED];
    scene.load(vec![scene.version(1, EASE, true).await]).await;
    let stop = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicU32::new(0));
    let callers: Vec<_> = (0..16)
        .map(|_| {
            let (scene, stop, answered) = (scene.clone(), stop.clone(), answered.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let answer = scene.ask(None, &["b"]).await.expect("a request failed in a swap");
                    let sign = if answer.version % 2 == 1 { 1.0 } else { -1.0 };
                    let best = if answer.version % 2 == 1 { ("c", 0.75) } else { ("d", 0.0625) };
                    assert_eq!(answer.items[0], (best.0.to_owned(), best.1 * sign), "{answer:?}");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for version in 2..=9 {
        let before = answered.load(Ordering::Relaxed);
        let artifact = artifacts[(version as usize + 1) % 2];
        scene.load(vec![scene.version(version, artifact, true).await]).await;
        until("traffic on the new version", || answered.load(Ordering::Relaxed) > before + 50).await;
    }
    stop.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.unwrap();
    }
    assert_eq!(scene.ask(None, &["b"]).await.unwrap().version, 9);
    until("the replaced pools to end", || scene.actor.get_children().len() == 1).await;
}

#[tokio::test]
async fn the_old_champion_goes_on_where_the_new_one_does_not_load() {
    let Some(engine) = engine() else { return };
    let scene = Scene::set(907, engine, ServingConfig::default()).await;
    scene.load(vec![scene.version(1, EASE, true).await]).await;
    let bad = scene.version(2, TRUNCATED, true).await;
    scene.publish(vec![bad.clone()]);
    until("the failure to show", || scene.recommender.view().iter().any(|pool| pool.failure.is_some())).await;
    for asked in [None, Some(1), Some(2)] {
        assert_eq!(scene.ask(asked, &["b"]).await.unwrap().version, 1);
    }
    let view = scene.recommender.view();
    assert!(
        view.iter().any(|pool| pool.served.version == 1 && pool.ready && pool.served.champion),
        "{view:?}"
    );
    let failed = view.iter().find(|pool| pool.served.version == 2).unwrap();
    assert!(!failed.ready && failed.failure.as_ref().unwrap().contains("does not load"), "{view:?}");

    for published in [Vec::new(), vec![bad]] {
        let before = scene.looks.load(Ordering::Relaxed);
        scene.publish(published);
        until("the publication to be seen", || scene.looks.load(Ordering::Relaxed) > before).await;
        tokio::task::yield_now().await;
        assert_eq!(scene.ask(None, &["b"]).await.unwrap().version, 1, "a reload of the control group");
    }
    scene.load(vec![scene.version(3, NEGATED, true).await]).await;
    assert_eq!(scene.ask(None, &["b"]).await.unwrap().version, 3);
}

#[tokio::test]
async fn an_object_that_arrives_late_is_loaded_when_it_is_there() {
    let Some(engine) = engine() else { return };
    let scene = Scene::set(908, engine, ServingConfig::default()).await;
    let mut late = scene.version(1, EASE, true).await;
    late.artifact = Sha256::of(NEGATED);
    scene.publish(vec![late]);
    until("the failure to show", || scene.recommender.view().iter().any(|pool| pool.failure.is_some())).await;
    let error = scene.ask(None, &["b"]).await.unwrap_err();
    assert!(matches!(&error, ServeError::NotReady { why, .. } if why.contains("not in the lake")), "{error}");
    scene.lake.put(NEGATED).await.unwrap();
    until("the load to be tried again", || scene.recommender.view().iter().any(|pool| pool.ready)).await;
    assert_eq!(scene.ask(None, &["b"]).await.unwrap().version, 1);
}

#[tokio::test]
async fn a_replica_or_a_whole_pool_that_dies_is_started_again() {
    let Some(engine) = engine() else { return };
    let scene = Scene::set(909, engine, ServingConfig::default()).await;
    scene.load(vec![scene.version(1, EASE, true).await]).await;
    let pool = scene.actor.get_children().remove(0);
    let replicas: BTreeSet<_> = pool.get_children().iter().map(ActorCell::get_id).collect();
    pool.get_children()[0].kill();
    until("the factory to replace its worker", || {
        let now: BTreeSet<_> = pool.get_children().iter().map(ActorCell::get_id).collect();
        now.len() == replicas.len() && now != replicas
    })
    .await;
    for _ in 0..4 {
        assert_eq!(scene.ask(None, &["b"]).await.unwrap().version, 1);
    }

    pool.kill();
    until("the supervisor to start the pool again", || scene.recommender.view()[0].restarts == 1).await;
    assert_eq!(scene.ask(None, &["b"]).await.unwrap().version, 1);
    assert_ne!(scene.actor.get_children()[0].get_id(), pool.get_id());
}

#[tokio::test]
async fn a_supervisor_that_dies_answers_queued_requests_and_its_successor_reloads_every_model() {
    let Some(engine) = engine() else { return };
    let mut scene = Scene::set(910, engine, ServingConfig::default()).await;
    scene.load(vec![scene.version(1, EASE, true).await]).await;
    let pool = scene.actor.get_children().remove(0);
    scene.actor.kill();
    until("the pool to end with its supervisor", || pool.get_status() == ractor::ActorStatus::Stopped).await;
    let stranded = scene.ask(None, &["b"]);
    let restart = async {
        tokio::task::yield_now().await;
        (scene.recommender.child().start)(None).await.unwrap()
    };
    let (stranded, successor) = tokio::time::timeout(DEADLINE, futures::future::join(stranded, restart))
        .await
        .expect("a request was left waiting");
    assert!(matches!(stranded.unwrap_err(), ServeError::NotReady { .. }));
    scene.actor = successor;
    until("the successor to load", || scene.recommender.view().iter().any(|pool| pool.ready)).await;
    assert_eq!(scene.ask(None, &["b"]).await.unwrap().version, 1);
}

#[test]
fn the_section_refuses_unknown_keys_and_lists_every_impossible_value() {
    let config: ServingConfig = serde_json::from_str("{\"max_delay\":\"2ms\",\"replicas\":3}").unwrap();
    assert_eq!((config.max_delay, config.replicas.get()), (Duration::from_millis(2), 3));
    assert!(serde_json::from_str::<ServingConfig>("{\"replica\":3}").is_err());
    assert!(serde_json::from_str::<ServingConfig>("{\"replicas\":0}").is_err());
    let mut problems = Vec::new();
    ServingConfig::default().validate("serving", &mut problems);
    assert_eq!(problems, []);
    let count = |n| NonZeroUsize::new(n).unwrap();
    let impossible = ServingConfig {
        library: Some("".into()),
        replicas: count(1000),
        max_batch: count(5000),
        max_delay: Duration::from_secs(2),
        queue_max: count(2 << 20),
        intra_threads: count(1000),
        load_timeout: Duration::ZERO,
    };
    impossible.validate("serving", &mut problems);
    let keys: BTreeSet<&str> = problems.iter().map(|problem| problem.key.as_str()).collect();
    let all = ["library", "replicas", "max_batch", "max_delay", "queue_max", "intra_threads", "load_timeout"];
    assert_eq!(keys, all.map(|key| format!("serving.{key}")).iter().map(String::as_str).collect());
}

#[test]
fn a_vocabulary_names_each_content_once() {
    let vocabulary = Vocabulary::from_bytes(br#"["10","7","9"]"#).unwrap();
    assert_eq!(vocabulary.positions(&ids(&["9", "x", "10", "9"])), [0, 2]);
    assert_eq!((vocabulary.id(1), vocabulary.id(3)), (Some("7"), None));
    assert_eq!(vocabulary.to_bytes(), br#"["10","7","9"]"#);
    for bytes in [&b"[]"[..], b"[\"a\",\"a\"]", b"[1]", b"{}", b"", b"\xff"] {
        assert!(Vocabulary::from_bytes(bytes).is_err(), "{bytes:?}");
    }
}
