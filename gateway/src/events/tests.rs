//! Lines, good and bad.

use axum::http::StatusCode;
use troupe_runtime::{AskError, Refused};

use super::{Batch, Line, Receipt, Rejected};

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
        (r#"{"member":"42","member":"43","content":"7","type":"rating","at":1}"#, None, "BAD_EVENT"),
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

fn good(number: usize) -> String {
    format!(r#"{{"member":"m{}","content":"7","type":"rating","value":4,"at":{number}}}"#, number % 2)
}

#[test]
fn blank_lines_count_for_numbers_only_and_order_is_kept() {
    let body = format!("{}\r\n\n  \n{}\nnope\n{}", good(1), good(2), good(3));
    let mut batch = Batch::read(body.as_bytes(), 10, LATEST).unwrap();
    let members: Vec<String> = batch.take_asks().into_iter().map(|ask| ask.to.key).collect();
    assert_eq!(members, ["m1", "m0", "m1"]);
    let refused = Refused::field("BAD_RATING", "value", "no");
    let outcomes =
        vec![Err(AskError::Refused(refused)), Err(AskError::Unknown("lost".into())), Err(AskError::Expired)];
    let problem = batch.conclude(outcomes).unwrap_err();
    let receipt = problem.0.receipt.as_ref().unwrap();
    let rejected: Vec<_> = receipt.rejected.iter().map(|r| (r.line, r.code.as_str())).collect();
    assert_eq!(rejected, [(1, "BAD_RATING"), (5, "BAD_JSON")]);
    let failed: Vec<_> = receipt.failed.iter().map(|f| (f.line, f.code.as_str(), f.retryable)).collect();
    assert_eq!(failed, [(4, "UNKNOWN_OUTCOME", true), (6, "DEADLINE_EXCEEDED", true)]);
    assert_eq!((problem.0.status, problem.0.code.as_str()), (504, "UNKNOWN_OUTCOME"));
}

#[test]
fn a_batch_of_no_events_or_too_many_is_refused_before_anything_is_sent() {
    let body: String = (0..4).map(|n| good(n) + "\n").collect();
    assert!(Batch::read(body.as_bytes(), 4, LATEST).is_ok());
    for (body, status, code) in [
        (body.as_str(), StatusCode::PAYLOAD_TOO_LARGE, "TOO_MANY_EVENTS"),
        ("", StatusCode::BAD_REQUEST, "NO_EVENTS"),
        ("\n \r\n", StatusCode::BAD_REQUEST, "NO_EVENTS"),
    ] {
        let problem = Batch::read(body.as_bytes(), 3, LATEST).map(|_| ()).unwrap_err();
        assert_eq!((problem.0.status, problem.0.code.as_str()), (status.as_u16(), code));
    }
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
