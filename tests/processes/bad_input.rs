//! What clients get wrong, over HTTP: each mistake is named with its field, and nothing is half done.

use std::time::Duration;

use serde_json::{Value, json};

use super::binary::Site;
use super::http::{Http, Said};

/// A problem as clients are promised it: typed, with what to do, and sure that nothing happened.
#[track_caller]
pub(crate) fn assert_problem(said: &Said, status: u16, code: &str, field: Option<&str>, what: &str) {
    let body = &said.body;
    assert_eq!((said.status, body["code"].as_str()), (status, Some(code)), "{what}: {body}");
    assert_eq!(said.content_type, "application/problem+json", "{what}");
    assert_eq!(body["field"].as_str(), field, "{what}: {body}");
    assert_eq!(body["status"], status, "{what}");
    assert_eq!(body["outcome"], "not_executed", "{what}: {body}");
    assert!(body["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{what}: {body}");
}

/// Three nodes that are ready.
pub(crate) async fn cluster() -> Site {
    Site::running().await
}

/// Contents in a member's history, oldest first.
async fn history(http: &Http, gateway: &str, member: &str) -> Vec<String> {
    let said = http.post(&format!("{gateway}/v1/actors/members/{member}/get-history"), &[], "").await;
    let interactions = said.body["interactions"].as_array().unwrap_or_else(|| panic!("{}", said.body));
    interactions.iter().rev().map(|one| one["content"].as_str().unwrap().to_owned()).collect()
}

fn event(member: &str, content: usize) -> String {
    format!(
        r#"{{"member":"{member}","content":"{content}","type":"rating","value":4,"at":{}}}"#,
        1_000 + content
    )
}

/// What is wrong, the line, its field and its code.
type BadLine = (&'static str, &'static [u8], Option<&'static str>, &'static str);

/// Lines that are not events.
const BAD_LINES: [BadLine; 20] = [
    (
        "not a number",
        br#"{"member":"a","content":"90","type":"rating","value":NaN,"at":1}"#,
        Some("value"),
        "NOT_FINITE",
    ),
    (
        "infinite",
        br#"{"member":"a","content":"91","type":"rating","value":1e999,"at":1}"#,
        Some("value"),
        "NOT_FINITE",
    ),
    (
        "over single precision",
        br#"{"member":"a","content":"92","type":"rating","value":1e300,"at":1}"#,
        Some("value"),
        "NOT_FINITE",
    ),
    (
        "in the year 2100",
        br#"{"member":"a","content":"93","type":"play","at":4102444800000}"#,
        Some("at"),
        "FAR_FUTURE",
    ),
    (
        "the end of time",
        br#"{"member":"a","content":"93","type":"play","at":18446744073709551615}"#,
        Some("at"),
        "FAR_FUTURE",
    ),
    ("before the epoch", br#"{"member":"a","content":"93","type":"play","at":-1}"#, Some("at"), "WRONG_TYPE"),
    (
        "a date in words",
        br#"{"member":"a","content":"93","type":"play","at":"2026-01-01"}"#,
        Some("at"),
        "WRONG_TYPE",
    ),
    ("absent", br#"{"content":"94","type":"play","at":1}"#, Some("member"), "MISSING"),
    ("empty member", br#"{"member":"","content":"94","type":"play","at":1}"#, Some("member"), "BAD_ID"),
    (
        "member in braces",
        br#"{"member":"{a}","content":"94","type":"play","at":1}"#,
        Some("member"),
        "BAD_ID",
    ),
    (
        "two members",
        br#"{"member":"a","member":"b","content":"94","type":"play","at":1}"#,
        Some("member"),
        "TWICE",
    ),
    (
        "content is a number",
        br#"{"member":"a","content":95,"type":"play","at":1}"#,
        Some("content"),
        "WRONG_TYPE",
    ),
    ("empty type", br#"{"member":"a","content":"96","type":"","at":1}"#, Some("type"), "BAD_ID"),
    (
        "unknown field",
        br#"{"member":"a","content":"97","type":"play","at":1,"colour":1}"#,
        Some("colour"),
        "UNKNOWN_FIELD",
    ),
    (
        "context of numbers",
        br#"{"member":"a","content":"98","type":"play","at":1,"context":{"device":7}}"#,
        Some("context"),
        "WRONG_TYPE",
    ),
    ("no JSON", br#"member=a&content=99"#, None, "BAD_JSON"),
    ("a list", br#"[1,2]"#, None, "NOT_AN_OBJECT"),
    ("half a line", br#"{"member":"a","content":"99","type":"pl"#, Some("type"), "BAD_JSON"),
    ("no text", b"{\"member\":\"\xff\xfe\"}", Some("member"), "BAD_JSON"),
    ("deep", &[b'['; 100_000], None, "BAD_JSON"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_input_to_events_costs_the_good_ones_nothing_and_is_named_by_line_and_field() {
    let site = cluster().await;
    let http = Http::new();
    let url = format!("{}/v1/events", site.gateways[0]);
    // A good line before, between and after the bad ones.
    let mut body = (event("a", 0) + "\n").into_bytes();
    for (at, (_, line, ..)) in BAD_LINES.iter().enumerate() {
        body.extend_from_slice(line);
        body.extend_from_slice(format!("\n{}\n", event("a", at + 1)).as_bytes());
    }
    let said = http.post(&url, &[("content-type", "application/x-ndjson")], body).await;
    assert_eq!((said.status, &said.body["accepted"]), (200, &json!(BAD_LINES.len() + 1)), "{}", said.body);
    let rejected = said.body["rejected"].as_array().unwrap();
    assert_eq!(rejected.len(), BAD_LINES.len(), "{rejected:#?}");
    for (at, ((what, _, field, code), said)) in BAD_LINES.iter().zip(rejected).enumerate() {
        assert_eq!(said["line"], 2 * at + 2, "{what}");
        assert_eq!((said["field"].as_str(), said["code"].as_str()), (*field, Some(*code)), "{what}: {said}");
        assert!(said["message"].as_str().is_some_and(|message| !message.is_empty()), "{what}: {said}");
    }
    let good: Vec<String> = (0..=BAD_LINES.len()).map(|content| content.to_string()).collect();
    assert_eq!(history(&http, &site.gateways[2], "a").await, good);
    // Alone, each is a problem with the receipt in it.
    for (what, line, field, code) in &BAD_LINES {
        let said = http.post(&url, &[], *line).await;
        assert_problem(&said, 422, "EVENTS_REJECTED", None, what);
        let rejected = &said.body["receipt"]["rejected"][0];
        assert_eq!(
            (rejected["line"].as_u64(), rejected["field"].as_str(), rejected["code"].as_str()),
            (Some(1), *field, Some(*code)),
            "{what}"
        );
    }

    whole_bodies(&http, &site).await;
}

/// Calls of which nothing is taken, for any content of their lines.
async fn whole_bodies(http: &Http, site: &Site) {
    let url = format!("{}/v1/events", site.gateways[0]);
    let many: String = (0..10_001).map(|content| event("many", content) + "\n").collect();
    let large = " ".repeat(8 << 20) + &event("many", 1);
    let one = event("many", 1);
    let headers = |name, value| vec![(name, value)];
    for (what, headers, body, status, code, field) in [
        ("too many", vec![], many, 413, "TOO_MANY_EVENTS", None),
        ("too large", vec![], large, 413, "BODY_TOO_LARGE", None),
        ("empty", vec![], " \n\n".to_owned(), 400, "NO_EVENTS", None),
        (
            "no time left",
            headers("x-deadline-ms", "0"),
            one.clone(),
            504,
            "DEADLINE_EXCEEDED",
            Some("X-Deadline-Ms"),
        ),
        (
            "past",
            headers("x-deadline-ms", "-1000"),
            one.clone(),
            504,
            "DEADLINE_EXCEEDED",
            Some("X-Deadline-Ms"),
        ),
        (
            "no deadline",
            headers("x-deadline-ms", "soon"),
            one.clone(),
            400,
            "BAD_HEADER",
            Some("X-Deadline-Ms"),
        ),
        (
            "XML",
            headers("content-type", "text/xml"),
            one.clone(),
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            Some("Content-Type"),
        ),
        (
            "compressed",
            headers("content-encoding", "gzip"),
            one.clone(),
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            Some("Content-Encoding"),
        ),
    ] {
        let said = http.post(&url, &headers, body).await;
        assert_problem(&said, status, code, field, what);
        assert_eq!(history(http, &site.gateways[1], "many").await, Vec::<String>::new(), "{what}");
    }
}

/// What is wrong, the path and body of the call, and the answer's status, code and field.
type BadCall = (&'static str, &'static str, &'static str, u16, &'static str, Option<&'static str>);

const RECORD: &str = "members/b/record";
const BAD_CALLS: &[BadCall] = &[
    ("unknown kind", "ghosts/b/record", "{}", 404, "UNKNOWN_KIND", Some("kind")),
    ("unknown verb", "members/b/forget", "{}", 404, "UNKNOWN_VERB", Some("verb")),
    ("unknown version", "members/b/record.v9", "{}", 404, "UNKNOWN_VERB", Some("verb")),
    ("key with a control character", "members/b%00c/get-history", "{}", 400, "BAD_KEY", Some("key")),
    ("key that is not text", "members/%ff%fe/get-history", "{}", 400, "BAD_PATH", Some("key")),
    ("no key", "members//get-history", "{}", 400, "BAD_KEY", Some("key")),
    ("no JSON", RECORD, "content=7", 400, "BAD_JSON", Some("body")),
    ("half a body", RECORD, r#"{"content":"#, 400, "BAD_JSON", Some("body")),
    ("nothing", RECORD, "", 400, "BAD_BODY", Some("content")),
    ("a field is missing", RECORD, r#"{"content":"7","type":"play"}"#, 400, "BAD_BODY", Some("at")),
    ("wrong type", RECORD, r#"{"content":"7","type":"play","at":"noon"}"#, 400, "BAD_BODY", Some("at")),
    (
        "unknown field",
        RECORD,
        r#"{"content":"7","type":"play","at":1,"colour":"red"}"#,
        400,
        "BAD_BODY",
        Some("colour"),
    ),
    ("NaN", RECORD, r#"{"content":"7","type":"rating","at":1,"value":NaN}"#, 400, "BAD_JSON", Some("body")),
    (
        "overflow",
        RECORD,
        r#"{"content":"7","type":"rating","at":1,"value":1e300}"#,
        422,
        "NOT_FINITE",
        Some("value"),
    ),
    (
        "far future",
        RECORD,
        r#"{"content":"7","type":"play","at":9999999999999}"#,
        422,
        "FROM_THE_FUTURE",
        Some("at"),
    ),
    (
        "beyond all time",
        RECORD,
        r#"{"content":"7","type":"play","at":18446744073709551615}"#,
        422,
        "FROM_THE_FUTURE",
        Some("at"),
    ),
    ("braces", RECORD, r#"{"content":"{7}","type":"play","at":1}"#, 422, "BAD_ID", Some("content")),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_input_to_calls_and_lookups_is_named_and_changes_nothing() {
    let site = cluster().await;
    let http = Http::new();
    let gateway = &site.gateways[1];
    let long = format!("{gateway}/v1/actors/members/{}/get-history", "k".repeat(300));
    assert_problem(&http.post(&long, &[], "").await, 400, "BAD_KEY", Some("key"), "long key");
    for (what, path, body, status, code, field) in BAD_CALLS {
        let said = http.post(&format!("{gateway}/v1/actors/{path}"), &[], *body).await;
        assert_problem(&said, *status, code, *field, what);
    }
    let url = format!("{gateway}/v1/actors/{RECORD}");
    let body = r#"{"content":"7","type":"play","at":1}"#;
    let long = "k".repeat(129);
    for (what, header, status, code, field) in [
        ("past", ("x-deadline-ms", "-1"), 504, "DEADLINE_EXCEEDED", "X-Deadline-Ms"),
        ("long key", ("idempotency-key", long.as_str()), 400, "BAD_HEADER", "Idempotency-Key"),
        ("empty key", ("idempotency-key", ""), 400, "BAD_HEADER", "Idempotency-Key"),
        ("form", ("content-type", "multipart/form-data"), 415, "UNSUPPORTED_MEDIA_TYPE", "Content-Type"),
    ] {
        assert_problem(&http.post(&url, &[header], body).await, status, code, Some(field), what);
    }
    let large = http.post(&url, &[], format!("{body}{}", " ".repeat(8 << 20))).await;
    assert_problem(&large, 413, "BODY_TOO_LARGE", None, "too large");
    assert_eq!(history(&http, gateway, "b").await, Vec::<String>::new(), "something was half done");

    let key = [("idempotency-key", "one")];
    assert_eq!(http.post(&url, &key, body).await.status, 200);
    assert_eq!(http.post(&url, &key, body).await.status, 200, "the same call again is answered as before");
    let other = body.replace("\"7\"", "\"8\"");
    let reused = http.post(&url.replace(&site.gateways[1], &site.gateways[2]), &key, other).await;
    assert_problem(&reused, 422, "KEY_REUSED", Some("Idempotency-Key"), "reused through another node");
    assert_eq!(history(&http, gateway, "b").await, ["7"]);
    lookups(&http, gateway).await;
}

async fn lookups(http: &Http, gateway: &str) {
    let known = "member_recent:events_1d";
    let url = format!("{gateway}/v1/features:lookup");
    let good = json!({"features": [known], "entities": [{"member": "b"}]}).to_string();
    // The groups are declared once the cluster has a leader for them.
    let start = std::time::Instant::now();
    while http.post(&url, &[], good.clone()).await.status != 200 {
        assert!(start.elapsed() < Duration::from_secs(30), "the configured groups are not declared");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let one = json!([{"member": "b"}]);
    let many: Vec<Value> = (0..1_001).map(|member| json!({"member": member.to_string()})).collect();
    let long = "k".repeat(300);
    for (what, features, entities, status, code, field) in [
        ("unknown group", json!(["ghosts:x"]), one.clone(), 404, "UNKNOWN_GROUP", "features[0]"),
        (
            "unknown feature",
            json!([known, "member_recent:x"]),
            one.clone(),
            404,
            "UNKNOWN_FEATURE",
            "features[1]",
        ),
        ("no group", json!(["events_1d"]), one.clone(), 400, "BAD_LOOKUP", "features[0]"),
        ("no feature", json!([]), one.clone(), 400, "BAD_LOOKUP", "features"),
        ("too many features", json!(vec![known; 201]), one.clone(), 400, "BAD_LOOKUP", "features"),
        ("no entity", json!([known]), json!([]), 400, "BAD_LOOKUP", "entities"),
        ("too many entities", json!([known]), json!(many), 400, "BAD_LOOKUP", "entities"),
        (
            "of another kind",
            json!([known]),
            json!([{"member": "b"}, {"content": "7"}]),
            400,
            "BAD_LOOKUP",
            "entities[1].member",
        ),
        ("empty id", json!([known]), json!([{"member": ""}]), 400, "BAD_LOOKUP", "entities[0].member"),
        ("long id", json!([known]), json!([{"member": long}]), 400, "BAD_LOOKUP", "entities[0].member"),
        (
            "a number",
            json!([known]),
            json!([{"member": "b"}, {"member": 7}]),
            400,
            "BAD_BODY",
            "entities[1].member",
        ),
        ("no list", json!(known), one.clone(), 400, "BAD_BODY", "features"),
    ] {
        let body = json!({"features": features, "entities": entities}).to_string();
        let said = http.post(&url, &[], body).await;
        assert_problem(&said, status, code, Some(field), what);
        if status == 404 {
            assert!(said.body["known"].as_array().is_some_and(|known| !known.is_empty()), "{}", said.body);
        }
    }
    for (what, body, code, field) in [
        ("no JSON", "features", "BAD_JSON", "body"),
        ("no entities", r#"{"features":[]}"#, "BAD_BODY", "entities"),
        ("unknown field", r#"{"features":[],"entities":[],"at":1}"#, "BAD_BODY", "at"),
    ] {
        assert_problem(&http.post(&url, &[], body).await, 400, code, Some(field), what);
    }
    let xml = http.post(&url, &[("content-type", "application/xml")], good).await;
    assert_problem(&xml, 415, "UNSUPPORTED_MEDIA_TYPE", Some("Content-Type"), "XML");
}
