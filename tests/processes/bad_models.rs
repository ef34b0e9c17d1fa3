//! Artifacts that cannot be served: refused before they are published, while the champion goes on serving.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use troupe_inference::Vocabulary;
use troupe_lake::{Lake, Sha256};
use troupe_training::{Algorithm, SyntheticSpec, Trained, synthetic, train};

use super::bad_input::{assert_problem, cluster};
use super::binary::{Site, repository};
use super::http::Http;

/// A model small enough to be trained in an instant.
fn tiny() -> Trained {
    let spec = SyntheticSpec { members: 30, contents: 24, genres: 4, events: 300 };
    train(Algorithm::Ease { lambda: 50.0 }, &synthetic(7, spec), 7, &mut |_| {}).unwrap()
}

fn publication(artifact: &str, vocabulary: &str, items: usize) -> Value {
    json!({"algorithm": "ease", "artifact": artifact, "vocabulary": vocabulary, "items": items})
}

/// The model's bytes with another name for its input or output, of the same length.
fn renamed(onnx: &[u8], from: &str, to: &str) -> Vec<u8> {
    let mut bytes = onnx.to_vec();
    while let Some(at) = bytes.windows(from.len()).position(|window| window == from.as_bytes()) {
        bytes[at..at + from.len()].copy_from_slice(to.as_bytes());
    }
    bytes
}

/// Every gateway answers with this version.
async fn serves(http: &Http, site: &Site, version: u64, what: &str) {
    for gateway in &site.gateways {
        let said = http.get(&format!("{gateway}/v1/members/someone/recommendations?k=3")).await;
        assert_eq!((said.status, &said.body["version"]), (200, &json!(version)), "{what}: {}", said.body);
        assert_eq!(said.body["items"].as_array().unwrap().len(), 3, "{what}");
    }
}

async fn put_champion(http: &Http, site: &Site, lake: &Lake, model: &Trained) -> (Sha256, Sha256) {
    let artifact = lake.put(model.onnx.clone()).await.unwrap();
    let vocabulary = Vocabulary::new(model.vocabulary.clone()).unwrap().to_bytes();
    let vocabulary = lake.put(vocabulary).await.unwrap();
    let models = format!("{}/v1/actors/models/recommend", site.gateways[0]);
    let body = publication(&artifact.to_string(), &vocabulary.to_string(), model.vocabulary.len());
    let said = http.post(&format!("{models}/publish"), &[], body.to_string()).await;
    assert_eq!((said.status, &said.body["version"]), (200, &json!(1)), "{}", said.body);
    let seen = http.post(&format!("{models}/get"), &[], "").await.body["revision"].clone();
    let promote = json!({"version": 1, "to": "champion", "seen": seen}).to_string();
    assert_eq!(http.post(&format!("{models}/promote"), &[], promote).await.status, 200);
    let start = Instant::now();
    for gateway in &site.gateways {
        let url = format!("{gateway}/v1/members/someone/recommendations?k=3");
        while http.get(&url).await.status != 200 {
            assert!(start.elapsed() < Duration::from_secs(30), "the champion is not served");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    (artifact, vocabulary)
}

/// An object whose bytes are not what its name says.
async fn corrupt(site: &Site, lake: &Lake, mut bytes: Vec<u8>) -> String {
    bytes.push(0);
    let name = lake.put(bytes).await.unwrap().to_string();
    let (folder, rest) = name.split_at(2);
    let path = site.dir.path().join("data/lake/objects").join(folder).join(rest);
    std::fs::write(path, b"other bytes").unwrap();
    name
}

type Case = (&'static str, Value, u16, &'static str, &'static str);

async fn cases(site: &Site, lake: &Lake, model: &Trained, artifact: &str, vocabulary: &str) -> Vec<Case> {
    let put = |bytes: Vec<u8>| async { lake.put(bytes).await.unwrap().to_string() };
    let items = model.vocabulary.len();
    let fewer = put(Vocabulary::new(model.vocabulary[1..].to_vec()).unwrap().to_bytes()).await;
    let twice = put(serde_json::to_vec(&vec!["7"; items]).unwrap()).await;
    let text = put(b"not a list".to_vec()).await;
    let nonsense = put(b"this is not a model".to_vec()).await;
    let nothing = put(Vec::new()).await;
    let half = put(model.onnx[..model.onnx.len() / 2].to_vec()).await;
    let input = put(renamed(&model.onnx, "history", "hustory")).await;
    let output = put(renamed(&model.onnx, "scores", "scares")).await;
    let absent = Sha256::of(b"never stored").to_string();
    let corrupted = corrupt(site, lake, model.onnx.clone()).await;
    let with = |artifact: &str| publication(artifact, vocabulary, items);
    let named = |vocabulary: &str| publication(artifact, vocabulary, items);
    let mut unnamed = with(artifact);
    unnamed["algorithm"] = json!("");
    let mut unfounded = with(artifact);
    unfounded.as_object_mut().unwrap().remove("vocabulary");
    vec![
        ("no model", with(&nonsense), 422, "BAD_ARTIFACT", "artifact"),
        ("nothing", with(&nothing), 422, "BAD_ARTIFACT", "artifact"),
        ("half a model", with(&half), 422, "BAD_ARTIFACT", "artifact"),
        ("another input", with(&input), 422, "BAD_SIGNATURE", "artifact"),
        ("another output", with(&output), 422, "BAD_SIGNATURE", "artifact"),
        ("not in the lake", with(&absent), 422, "ARTIFACT_MISSING", "artifact"),
        ("not what its name says", with(&corrupted), 422, "ARTIFACT_CORRUPT", "artifact"),
        ("no vocabulary in the lake", named(&absent), 422, "ARTIFACT_MISSING", "vocabulary"),
        ("a broken vocabulary", named(&text), 422, "BAD_VOCABULARY", "vocabulary"),
        ("a content twice", named(&twice), 422, "BAD_VOCABULARY", "vocabulary"),
        ("another vocabulary", publication(artifact, &fewer, items - 1), 422, "BAD_SIGNATURE", "artifact"),
        ("another count", publication(artifact, vocabulary, items + 1), 422, "BAD_ITEMS", "items"),
        ("no name for it", unnamed, 422, "BAD_NAME", "algorithm"),
        ("no sum", with("cafe"), 400, "BAD_BODY", "artifact"),
        ("no vocabulary named", unfounded, 400, "BAD_BODY", "vocabulary"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_input_to_publishing_is_refused_and_the_champion_keeps_serving() {
    let library = repository().join(".deps/onnxruntime/libonnxruntime.so");
    if !library.exists() {
        assert!(std::env::var_os("CI").is_none(), "CI must have the inference library: run `make setup`");
        println!("skipped: no {}, run `make setup`", library.display());
        return;
    }
    let site = cluster().await;
    let http = Http::new();
    let lake = Lake::open(site.dir.path().join("data/lake")).unwrap();
    let model = tiny();
    let recommend = format!("{}/v1/members/someone/recommendations", site.gateways[0]);
    assert_problem(&http.get(&recommend).await, 503, "NO_MODEL", None, "before anything is published");
    let (artifact, vocabulary) = put_champion(&http, &site, &lake, &model).await;
    let cases = cases(&site, &lake, &model, &artifact.to_string(), &vocabulary.to_string()).await;
    let models = site.gateways.iter().cycle().map(|gateway| format!("{gateway}/v1/actors/models/recommend"));
    for ((what, body, status, code, field), models) in cases.into_iter().zip(models) {
        let said = http.post(&format!("{models}/publish"), &[], body.to_string()).await;
        assert_problem(&said, status, code, Some(field), what);
        let view = http.post(&format!("{models}/get"), &[], "").await.body;
        assert_eq!(view["versions"].as_array().map(Vec::len), Some(1), "{what}: {view}");
        assert_eq!(view["versions"][0]["stage"], "champion", "{what}");
        serves(&http, &site, 1, what).await;
    }
    for (query, code, status, field) in [
        ("k=0", "BAD_PARAMETER", 400, "k"),
        ("k=101", "BAD_PARAMETER", 400, "k"),
        ("k=ten", "BAD_PARAMETER", 400, "k"),
        ("experiment=ghost", "UNKNOWN_EXPERIMENT", 404, "experiment"),
    ] {
        assert_problem(&http.get(&format!("{recommend}?{query}")).await, status, code, Some(field), query);
    }
}
