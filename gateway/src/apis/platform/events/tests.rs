//! Lines, good and bad.

use troupe_runtime::AskError;

use super::line::Line;
use crate::edge::receipt::{Receipt, Rejected};

const LATEST: u64 = 2_000_000_000_000;

fn fault(line: &str) -> (Option<String>, &'static str) {
    let fault = Line::read(line.as_bytes(), LATEST).expect_err(line);
    assert!(!fault.message.is_empty());
    (fault.field, fault.code)
}

#[test]
fn a_line_is_read_whole_and_without_copies() {
    let text = r#"{"member":"42","content":"7","type":"rating","value":4.5,"at":881250949000,"event_id":"e1","context":{"device":"tv"}}"#;
    let line = Line::read(text.as_bytes(), LATEST).unwrap();
    assert_eq!((line.member.as_ref(), line.content.as_ref(), line.kind.as_ref()), ("42", "7", "rating"));
    assert_eq!((line.value, line.at, line.event_id.as_deref()), (Some(4.5), 881_250_949_000, Some("e1")));
    assert_eq!(line.context.get("device").map(String::as_str), Some("tv"));
    assert!(matches!(line.member, std::borrow::Cow::Borrowed(_)));
    let least = Line::read(br#" {"at":0,"type":"play","content":"c","member":"m"} "#, LATEST).unwrap();
    assert_eq!((least.value, least.event_id, least.context.len()), (None, None, 0));
    let escaped = Line::read(br#"{"at":0,"type":"play","content":"c","member":"\u00e9"}"#, LATEST).unwrap();
    assert_eq!(escaped.member, "é");
}

#[test]
fn a_malformed_line_is_named_by_field_and_code() {
    for (line, field, code) in [
        (r#"{"content":"7","type":"rating","at":1}"#, Some("member"), "MISSING"),
        (r#"{"member":"42","type":"rating","at":1}"#, Some("content"), "MISSING"),
        (r#"{"member":"42","content":"7","at":1}"#, Some("type"), "MISSING"),
        (r#"{"member":"42","content":"7","type":"rating"}"#, Some("at"), "MISSING"),
        (r#"{"member":42,"content":"7","type":"rating","at":1}"#, Some("member"), "WRONG_TYPE"),
        (r#"{"member":"42","content":"7","type":"rating","at":"1997"}"#, Some("at"), "WRONG_TYPE"),
        (r#"{"member":"42","content":"7","type":"rating","at":-1}"#, Some("at"), "WRONG_TYPE"),
        (r#"{"member":"42","content":"7","type":"rating","at":1.5}"#, Some("at"), "WRONG_TYPE"),
        (r#"{"member":"42","content":"7","type":"rating","at":1,"value":"4"}"#, Some("value"), "WRONG_TYPE"),
        (
            r#"{"member":"42","content":"7","type":"rating","at":1,"event_id":9}"#,
            Some("event_id"),
            "WRONG_TYPE",
        ),
        (
            r#"{"member":"42","content":"7","type":"rating","at":1,"context":[]}"#,
            Some("context"),
            "WRONG_TYPE",
        ),
        (
            r#"{"member":"42","content":"7","type":"rating","at":1,"context":{"a":1}}"#,
            Some("context"),
            "WRONG_TYPE",
        ),
        (r#"{"member":"42","contnt":"7","type":"rating","at":1}"#, Some("contnt"), "UNKNOWN_FIELD"),
        (r#"{"member":"42","content":"7","type":"rating","at":1,"value":NaN}"#, Some("value"), "NOT_FINITE"),
        (
            r#"{"member":"42","content":"7","type":"rating","value": -Infinity,"at":1}"#,
            Some("value"),
            "NOT_FINITE",
        ),
        (
            r#"{"member":"42","content":"7","type":"rating","value":"NaN","at":1}"#,
            Some("value"),
            "NOT_FINITE",
        ),
        (
            r#"{"member":"42","content":"7","type":"rating","value":1e999,"at":1}"#,
            Some("value"),
            "NOT_FINITE",
        ),
        (r#"{"member":"42","content":"7","type":"rating","at":2000000000001}"#, Some("at"), "FAR_FUTURE"),
        (r#"{"member":"","content":"7","type":"rating","at":1}"#, Some("member"), "BAD_ID"),
        (r#"{"member":"4{2}","content":"7","type":"rating","at":1}"#, Some("member"), "BAD_ID"),
        (r#"{"member":"42","content":"a\u0000b","type":"rating","at":1}"#, Some("content"), "BAD_ID"),
        (r#"{"member":"42","content":"7","type":"rating","at":1,"event_id":""}"#, Some("event_id"), "BAD_ID"),
        (
            r#"{"member":"42","content":"7","type":"rating","at":1,"context":{"":"x"}}"#,
            Some("context"),
            "TOO_LARGE",
        ),
        (r#"{"member":"42","member":"43","content":"7","type":"rating","at":1}"#, Some("member"), "TWICE"),
        (r#"{"member":"42","content":"7","type":"rating","at":1"#, Some("at"), "BAD_JSON"),
        ("[]", None, "NOT_AN_OBJECT"),
        ("garbage", None, "BAD_JSON"),
        ("\u{0}", None, "BAD_JSON"),
    ] {
        assert_eq!(fault(line), (field.map(str::to_owned), code), "{line}");
    }
    let long = "x".repeat(129);
    let line = format!(r#"{{"member":"{long}","content":"7","type":"rating","at":1}}"#);
    assert_eq!(fault(&line), (Some("member".to_owned()), "BAD_ID"));
    assert_eq!(Line::read(b"\xff\xfe", LATEST).map_err(|fault| fault.code), Err("BAD_JSON"));
}

#[test]
fn a_receipt_is_a_problem_only_when_nothing_was_taken() {
    let rejected = Rejected { line: 1, field: None, code: "BAD_JSON".into(), message: "no".into() };
    let none = Receipt { rejected: vec![rejected.clone()], ..Receipt::default() };
    let problem = none.conclude(None).unwrap_err();
    assert_eq!(
        (problem.0.status, problem.0.code.as_str(), problem.0.retryable),
        (422, "EVENTS_REJECTED", false)
    );
    let some = Receipt { duplicates: 1, rejected: vec![rejected], ..Receipt::default() };
    assert_eq!(some.clone().conclude(Some(AskError::Expired)), Ok(some));
}
