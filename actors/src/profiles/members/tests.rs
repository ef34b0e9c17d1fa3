use std::collections::BTreeMap;
use std::sync::Arc;

use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use troupe_runtime::entity::{Answer, Globals};
use troupe_runtime::routing::Solo;
use troupe_runtime::{Address, AskError, AskOptions, Context, Decide, Entity, Router, Timestamp, wire};

use super::{
    BEHIND_MAX, Event, GetHistory, GetInputs, GetPredictions, GetProfile, HISTORY_MAX, History, Member,
    Predictions, Profile, Record, Recorded, Remember, Remembered, SetProfile,
};
use crate::experimentation::exposures::{Exposures, GetExposures};
use crate::feature_store::catalog::{
    Anchor, Catalog, Declare, EntityKey, Event as CatalogEvent, FeatureSpec, Group, GroupSpec, Op, Source,
};
use crate::feature_store::values::{Features, LookedUp, Lookup};
use crate::profiles::content::{Content, GetContent};

const NOW: Timestamp = Timestamp(1_000_000_000_000);

fn rating(content: &str, at: u64) -> Record {
    Record {
        content: content.to_owned(),
        kind: "rating".into(),
        value: Some(4.0),
        at: Timestamp(at),
        event_id: None,
        context: Vec::new(),
    }
}

fn group(name: &str, entity: EntityKey, events: &[&str]) -> GroupSpec {
    GroupSpec {
        name: name.to_owned(),
        entity,
        events: events.iter().map(|event| (*event).to_owned()).collect(),
        features: vec![FeatureSpec { name: "n".into(), op: Op::Count, of: Source::Value, window_ms: 0 }],
        anchor: Anchor::LastEvent,
    }
}

fn groups() -> Vec<GroupSpec> {
    vec![
        group("by_content", EntityKey::Content, &[]),
        group("by_device", EntityKey::Context("device".into()), &[]),
        group("by_member", EntityKey::Member, &["rating"]),
        group("plays", EntityKey::Member, &["play"]),
    ]
}

fn with_groups() -> Globals {
    let mut catalog = Catalog::create(Catalog::KEY);
    for spec in groups() {
        catalog.apply(&CatalogEvent::Declared(Group { spec, version: 1 }));
    }
    let globals = Globals::default();
    globals.publish(vec![(Catalog::KIND, Catalog::KEY.to_owned(), Arc::new(catalog))]);
    globals
}

/// Decides, applies the events, and returns whether it was a duplicate.
fn record(member: &mut Member, ask: &Record) -> Result<bool, String> {
    let globals = Globals::default();
    let (events, outcome) = {
        let decision = member.decide(ask, &Context::at(NOW, "42", &globals));
        let outcome = decision.outcome().map(|reply| reply.unwrap().duplicate);
        (decision.events().to_vec(), outcome.map_err(|refused| refused.code.clone()))
    };
    events.iter().for_each(|event| member.apply(event));
    outcome
}

fn history(member: &Member, limit: u32) -> super::HistoryView {
    let globals = Globals::default();
    member.answer(&GetHistory { limit }, &Context::at(NOW, "42", &globals)).unwrap()
}

#[test]
fn an_interaction_is_sent_to_its_content_and_to_every_group_that_observes_it() {
    let globals = with_groups();
    let ctx = Context::at(NOW, "42", &globals);
    let tv = vec![("device".to_owned(), "tv".to_owned())];
    for (name, ask, expected) in [
        (
            "rating",
            rating("7", 1),
            vec!["content/{c:7}", "features/{c:7}:by_content", "features/{42}:by_member"],
        ),
        (
            "with a device",
            Record { context: tv, ..rating("7", 1) },
            vec![
                "content/{c:7}",
                "features/{c:7}:by_content",
                "features/{x:tv}:by_device",
                "features/{42}:by_member",
            ],
        ),
        (
            "another type",
            Record { kind: "play".into(), ..rating("7", 1) },
            vec!["content/{c:7}", "features/{c:7}:by_content", "features/{42}:plays"],
        ),
    ] {
        let decision = Member::create("42").decide(&ask, &ctx);
        let sent: Vec<String> = decision.effects().iter().map(|effect| effect.to.to_string()).collect();
        assert_eq!(sent, expected, "{name}");
        assert_eq!(decision.events().len(), 1, "{name}");
    }
    let own = Address::of::<Member>("42").shard(64);
    assert_eq!(Address::of::<Features>(Features::member_key("42", "by_member")).shard(64), own);
}

#[test]
fn a_repeated_interaction_is_a_duplicate_and_changes_nothing() {
    let id = |id: &str, record: Record| Record { event_id: Some(id.to_owned()), ..record };
    let mut member = Member::create("42");
    for (name, ask, duplicate) in [
        ("first", rating("7", 1), false),
        ("again", rating("7", 1), true),
        ("with another value", Record { value: Some(1.0), ..rating("7", 1) }, true),
        ("at another time", rating("7", 2), false),
        ("of another content", rating("8", 1), false),
        ("of another type", Record { kind: "play".into(), ..rating("7", 1) }, false),
        ("with an id", id("e1", rating("7", 1)), false),
        ("with that id again", id("e1", rating("9", 5)), true),
        ("with another id", id("e2", rating("7", 1)), false),
    ] {
        let before = history(&member, u32::MAX).recorded;
        assert_eq!(record(&mut member, &ask), Ok(duplicate), "{name}");
        let counted = history(&member, u32::MAX).recorded - before;
        assert_eq!(counted, u64::from(!duplicate), "{name}");
    }
}

#[test]
fn a_malformed_interaction_is_refused_with_its_field() {
    let globals = with_groups();
    let context = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    let long = "x".repeat(129);
    let ahead = NOW.millis() + 25 * 3_600_000;
    for (ask, code, field) in [
        (Record { value: Some(f32::NAN), ..rating("7", 1) }, "NOT_FINITE", "value"),
        (Record { value: Some(f32::NEG_INFINITY), ..rating("7", 1) }, "NOT_FINITE", "value"),
        (rating("7", ahead), "FROM_THE_FUTURE", "at"),
        (rating("", 1), "BAD_ID", "content"),
        (rating(&long, 1), "BAD_ID", "content"),
        (rating("a{b", 1), "BAD_ID", "content"),
        (rating("a\nb", 1), "BAD_ID", "content"),
        (Record { kind: String::new(), ..rating("7", 1) }, "BAD_ID", "type"),
        (Record { context: context("device", &long), ..rating("7", 1) }, "BAD_CONTEXT", "context"),
        (Record { context: context("device", "t\0v"), ..rating("7", 1) }, "BAD_CONTEXT", "context"),
        (
            Record { context: vec![(String::new(), String::new()); 17], ..rating("7", 1) },
            "BAD_CONTEXT",
            "context",
        ),
    ] {
        let decision = Member::create("42").decide(&ask, &Context::at(NOW, "42", &globals));
        let refused = decision.outcome().unwrap_err();
        assert_eq!((refused.code.as_str(), refused.field.as_deref()), (code, Some(field)), "{refused:?}");
        assert!(decision.events().is_empty() && decision.effects().is_empty());
    }
    let decision = Member::create(&long).decide(&rating("7", 1), &Context::at(NOW, &long, &globals));
    assert_eq!(decision.outcome().unwrap_err().field.as_deref(), Some("member"));
    let soon = rating("7", NOW.millis() + 23 * 3_600_000);
    assert_eq!(record(&mut Member::create("42"), &soon), Ok(false));
}

#[test]
fn an_interaction_older_than_a_full_history_counts_once() {
    let mut member = Member::create("42");
    for at in 0..HISTORY_MAX as u64 {
        assert_eq!(record(&mut member, &rating("7", 10_000 + at)), Ok(false));
    }
    assert_eq!(record(&mut member, &rating("7", 0)), Ok(false));
    assert_eq!(record(&mut member, &rating("7", 0)), Ok(true));
    let view = history(&member, u32::MAX);
    assert_eq!((view.interactions.len(), view.recorded), (HISTORY_MAX, HISTORY_MAX as u64 + 1));
    assert_eq!(view.interactions.last().map(|oldest| oldest.at), Some(Timestamp(10_000)));

    // Ids older than the history are bounded too: an interaction older than all of them is refused, not counted
    // twice.
    for at in 0..BEHIND_MAX as u64 {
        assert_eq!(record(&mut member, &rating("7", 20_000 + at)), Ok(false));
    }
    assert_eq!(record(&mut member, &rating("7", 0)), Err("TOO_OLD".to_owned()));
    assert_eq!(record(&mut member, &rating("7", 1)), Ok(false));
    assert_eq!(record(&mut member, &rating("7", 1)), Err("TOO_OLD".to_owned()));
    assert_eq!(record(&mut member, &rating("7", 10_500)), Ok(true));
}

#[test]
fn no_order_of_arrival_counts_an_interaction_twice() {
    let sent: Vec<u64> = (0..2_500).collect();
    for seed in 0..3 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let (mut member, mut counted) = (Member::create("42"), BTreeMap::<u64, u32>::new());
        for _ in 0..3 {
            let mut order = sent.clone();
            order.shuffle(&mut rng);
            for at in order {
                if record(&mut member, &rating("7", at)) == Ok(false) {
                    *counted.entry(at).or_default() += 1;
                }
            }
        }
        assert!(counted.values().all(|times| *times == 1), "seed {seed}");
        assert_eq!(history(&member, 0).recorded, counted.len() as u64);
        assert!(counted.len() >= HISTORY_MAX + BEHIND_MAX, "seed {seed}");
    }
}

#[test]
fn a_packed_history_reads_as_what_went_in() {
    let mut rng = SmallRng::seed_from_u64(11);
    let (mut packed, mut plain) = (History::default(), Vec::new());
    for id in 0..20_000_u64 {
        // Numbers, texts that look like numbers, and more texts over time than the table of texts may hold.
        let content = match id % 4 {
            0 => rng.random_range(0..2_000_u32).to_string(),
            1 => format!("0{}", rng.random_range(0..9_u32)),
            2 => u32::MAX.to_string(),
            _ => format!("tt{id:07}"),
        };
        let kind = ["rating", "play", "stop"][rng.random_range(0..3)];
        let value = rng.random_bool(0.5).then(|| f32::from(rng.random_range(0_u8..10)));
        let at = Timestamp(id * 10 + rng.random_range(0..5_000));
        packed.add(id, &content, kind, value, at);
        plain.push((at, id, content, kind, value));
        if id % 1_999 != 0 {
            continue;
        }
        plain.sort_by_key(|held| (held.0, held.1));
        plain.drain(..plain.len().saturating_sub(HISTORY_MAX));
        let read: Vec<_> = packed.newest().collect();
        assert_eq!(read.len(), plain.len());
        for (read, plain) in read.iter().zip(plain.iter().rev()) {
            assert_eq!((read.at, read.id, read.value), (plain.0, plain.1, plain.4));
            assert_eq!((read.content.as_str(), read.kind.as_str()), (plain.2.as_str(), plain.3));
        }
        let restored: History = wire::decode(&wire::encode(&packed)).unwrap();
        assert!(restored.newest().eq(packed.newest()));
    }
    // 32 bytes an interaction, 16 bytes an id, and texts that do not grow with the number of interactions ever
    // recorded.
    assert!(packed.heap_bytes() < 32 * 1_100 + 16 * 2_048 + 4_100 * (16 + 12) * 2, "{}", packed.heap_bytes());
}

#[test]
fn a_member_adds_little_memory_to_its_hundred_interactions() {
    let mut member = Member::create("42");
    for at in 0..100 {
        record(&mut member, &rating(&at.to_string(), at)).unwrap();
    }
    // Id, time, content, value and type: 24 bytes; everything beyond must stay below 500 bytes.
    let overhead = member.size() - 100 * 24;
    assert!(overhead <= 500, "{overhead}");
}

#[test]
fn inputs_are_the_distinct_contents_newest_first() {
    let mut member = Member::create("42");
    for (content, at) in [("7", 1), ("tt1", 3), ("8", 2), ("7", 4)] {
        record(&mut member, &rating(content, at)).unwrap();
    }
    let globals = Globals::default();
    let ctx = Context::at(NOW, "42", &globals);
    assert_eq!(member.answer(&GetInputs {}, &ctx).unwrap().contents, ["7", "tt1", "8"]);
    let newest: Vec<String> =
        history(&member, 2).interactions.into_iter().map(|interaction| interaction.content).collect();
    assert_eq!(newest, ["7", "tt1"]);
}

#[test]
fn a_profile_is_bounded_and_the_same_one_changes_nothing() {
    let globals = Globals::default();
    let ctx = Context::at(NOW, "42", &globals);
    let profile = |profile: Profile| SetProfile { profile };
    let good = Profile { age: Some(24), gender: Some("M".into()), ..Profile::default() };
    let mut member = Member::create("42");
    member.apply(&Event::ProfileSet(good.clone()));
    assert!(member.decide(&profile(good), &ctx).events().is_empty());
    let many: BTreeMap<String, String> = (0..17).map(|n: u32| (n.to_string(), String::new())).collect();
    for (bad, field) in [
        (Profile { gender: Some("x".repeat(129)), ..Profile::default() }, "gender"),
        (Profile { occupation: Some("x".repeat(129)), ..Profile::default() }, "occupation"),
        (Profile { attributes: many, ..Profile::default() }, "attributes"),
    ] {
        let decision = member.decide(&profile(bad), &ctx);
        assert_eq!(decision.outcome().unwrap_err().field.as_deref(), Some(field));
    }
}

fn remember(exposure: Option<(&str, &str)>) -> Remember {
    Remember {
        model: "movies".into(),
        version: 2,
        items: vec!["7".into(), "8".into()],
        exposure: exposure.map(|(experiment, variation)| (experiment.to_owned(), variation.to_owned())),
    }
}

#[test]
fn an_answer_that_cannot_be_stored_is_refused_with_its_field() {
    let globals = Globals::default();
    let ctx = Context::at(NOW, "42", &globals);
    let long = "x".repeat(129);
    for (ask, field) in [
        (Remember { items: vec![String::new(); 101], ..remember(None) }, "items"),
        (Remember { items: vec![long.clone()], ..remember(None) }, "items"),
        (Remember { model: String::new(), ..remember(None) }, "model"),
        (remember(Some((&long, "a"))), "exposure"),
    ] {
        let decision = Member::create("42").decide(&ask, &ctx);
        assert_eq!(decision.outcome().unwrap_err().field.as_deref(), Some(field));
    }
}

async fn exposures(router: &Router, variation: &str) -> u64 {
    let mut sum = 0;
    for bucket in Exposures::all("movies", variation) {
        sum += router.query(&bucket, &GetExposures {}, std::time::Duration::from_secs(1)).await.unwrap();
    }
    sum
}

#[tokio::test]
async fn an_exposure_counts_once_for_each_variation() {
    let (router, _) = Solo::router(crate::registry());
    let (within, options) = (std::time::Duration::from_secs(1), AskOptions::default());
    for (member, exposure, first) in [
        ("1", Some(("movies", "a")), true),
        ("1", Some(("movies", "a")), false),
        ("1", None, false),
        ("1", Some(("movies", "b")), true),
        ("2", Some(("movies", "a")), true),
        ("1", Some(("movies", "a")), false),
    ] {
        let member = Address::of::<Member>(member);
        let reply = router.ask(&member, &remember(exposure), options).await.unwrap();
        assert_eq!(reply, Remembered { first_exposure: first }, "{member} {exposure:?}");
    }
    assert_eq!((exposures(&router, "a").await, exposures(&router, "b").await), (2, 1));
    let member = Address::of::<Member>("1");
    let profile = router.query(&member, &GetProfile {}, within).await.unwrap();
    assert_eq!(profile.exposures.len(), 2);
    let predictions = router.query(&member, &GetPredictions {}, within).await.unwrap().unwrap();
    assert_eq!((predictions.version, predictions.items), (2, vec!["7".to_owned(), "8".to_owned()]));
}

#[tokio::test]
async fn an_interaction_is_readable_everywhere_once_it_is_acknowledged() {
    let (router, _) = Solo::router(crate::registry());
    let (within, options) = (std::time::Duration::from_secs(1), AskOptions::default());
    for spec in groups() {
        let catalog = Address::of::<Catalog>(Catalog::KEY);
        router.ask(&catalog, &Declare { group: spec }, options).await.unwrap();
    }
    let member = Address::of::<Member>("42");
    for (at, duplicate) in [(1, false), (2, false), (1, true)] {
        let reply = router.ask(&member, &rating("7", at), options).await.unwrap();
        assert_eq!(reply, Recorded { duplicate });
    }
    let content = router.query(&Content::address("7"), &GetContent {}, within).await.unwrap();
    assert_eq!((content.interactions, content.values), (2, (8.0, 2)));
    for key in [Features::member_key("42", "by_member"), Features::content_key("7", "by_content")] {
        let to = Address::of::<Features>(key.clone());
        let LookedUp { names, values } =
            router.query(&to, &Lookup { features: Vec::new(), at: None }, within).await.unwrap();
        assert_eq!((names, values[0].value), (vec!["n".to_owned()], Some(2.0)), "{key}");
    }
}

#[tokio::test]
async fn json_of_clients_is_read_strictly() {
    let (router, _) = Solo::router(crate::registry());
    let ask = |body: &str| {
        let body = serde_json::from_str(body).unwrap();
        let router = router.clone();
        async move {
            let to = Address::of::<Member>("42");
            router.ask_json(to, "record.v1", &body, AskOptions::default()).await
        }
    };
    let good = r#"{"content": "7", "type": "rating", "value": 4, "at": 881250949000}"#;
    assert_eq!(ask(good).await.unwrap()["duplicate"], false);
    assert_eq!(ask(good).await.unwrap()["duplicate"], true);
    for bad in [
        r#"{"content": "7", "type": "rating", "at": -1}"#,
        r#"{"content": "7", "type": "rating"}"#,
        r#"{"content": "7", "type": "rating", "at": 1, "valeu": 4}"#,
    ] {
        assert!(matches!(ask(bad).await, Err(AskError::BadBody(_))), "{bad}");
    }
    // Too large for single precision: it decodes as infinity.
    let huge = ask(r#"{"content": "7", "type": "rating", "at": 1, "value": 1e300}"#).await;
    assert_eq!(huge.unwrap_err().code(), "NOT_FINITE");
}

#[tokio::test]
async fn a_member_counts_again_in_an_experiment_with_a_new_plan() {
    let (router, _) = Solo::router(crate::registry());
    let router = &router;
    let ask = |kind: &'static str, key: &'static str, verb: &'static str, body: serde_json::Value| async move {
        let to = Address::parse_parts(kind, key).unwrap();
        router.ask_json(to, verb, &body, AskOptions::default()).await.unwrap()
    };
    let spec = serde_json::json!({ "model": "m", "variations": [{ "name": "a" }, { "name": "b" }] });
    ask("experiments", "movies", "define.v1", serde_json::json!({ "spec": spec })).await;
    for name in ["plays", "hours"] {
        let metric = serde_json::json!({ "name": name, "event": "play" });
        ask("experiments", "movies", "plan.v1", serde_json::json!({ "plan": { "metrics": [metric] } })).await;
        ask("experiments", "movies", "start.v1", serde_json::json!({})).await;
        for _ in 0..2 {
            let member = Address::of::<Member>("1");
            router.ask(&member, &remember(Some(("movies", "a"))), AskOptions::default()).await.unwrap();
        }
        let outcome = ask("outcomes", "movies", "get.v1", serde_json::json!({})).await;
        assert_eq!(outcome["members"], serde_json::json!([["a", 1]]), "{name}");
        ask("experiments", "movies", "stop.v1", serde_json::json!({})).await;
    }
    assert_eq!(exposures(router, "a").await, 1);
}

#[test]
fn stored_events_keep_their_bytes() {
    let recorded =
        Event::Recorded { id: 5, content: "7".into(), kind: "play".into(), value: None, at: Timestamp(250) };
    assert_eq!(wire::encode(&recorded), [0, 5, 1, b'7', 4, b'p', b'l', b'a', b'y', 0, 250]);
    let profile = Profile { age: Some(24), ..Profile::default() };
    assert_eq!(wire::encode(&Event::ProfileSet(profile)), [1, 1, 24, 0, 0, 0]);
    let predictions =
        Predictions { model: "m".into(), version: 2, items: vec!["7".into()], at: Timestamp(9) };
    assert_eq!(wire::encode(&Event::Remembered(predictions)), [2, 1, b'm', 2, 1, 1, b'7', 9]);
    let exposed = Event::Exposed { experiment: "e".into(), variation: "a".into() };
    assert_eq!(wire::encode(&exposed), [3, 1, b'e', 1, b'a']);
}

#[test]
fn the_natural_id_of_an_interaction_is_pinned_because_stored_histories_depend_on_it() {
    assert_eq!(rating("7", 881_250_949_000).id(), 480_556_522_313_248_544);
}
