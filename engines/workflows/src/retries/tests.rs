use serde_json::json;

use super::{FailureKind, Retries};
use crate::definition::RetryPolicy;

fn retries(policy: serde_json::Value) -> Result<Retries, super::RetryError> {
    let policy: RetryPolicy = serde_json::from_value(policy).unwrap();
    Retries::of(Some(&policy), |text| Ok(text.replace("${n}", "4")))
}

#[test]
fn the_defaults_are_maestros() {
    let retries = Retries::of(None, |text| Ok(text.to_owned())).unwrap();
    let delays =
        |kind| (0..12).map_while(|at| retries.delay(kind, at)).map(|ms| ms / 1000).collect::<Vec<_>>();
    assert_eq!(delays(FailureKind::User), [60, 120]);
    assert_eq!(delays(FailureKind::Platform), [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600]);
    assert_eq!(delays(FailureKind::Timeout), [0; 0]);
    assert_eq!(Retries::none().delay(FailureKind::User, 0), None);
}

#[test]
fn a_policy_overrides_what_it_names() {
    let fixed = retries(json!({ "error_retry_limit": "${n}", "timeout_retry_limit": 3,
        "backoff": { "type": "fixed_backoff", "error_retry_backoff_in_secs": 1 } }))
    .unwrap();
    assert_eq!(fixed.delay(FailureKind::User, 3), Some(1000));
    assert_eq!(fixed.delay(FailureKind::User, 4), None);
    assert_eq!(fixed.delay(FailureKind::Timeout, 2), Some(60_000));
    let exponential = retries(json!({ "error_retry_limit": 99, "backoff": { "type": "EXPONENTIAL_BACKOFF",
        "error_retry_exponent": 3, "error_retry_backoff_in_secs": 10, "error_retry_limit_in_secs": 100 } }))
    .unwrap();
    assert_eq!(exponential.delay(FailureKind::User, 2), Some(90_000));
    assert_eq!(exponential.delay(FailureKind::User, 98), Some(100_000));
}

#[test]
fn numbers_beyond_their_bounds_are_refused_by_field() {
    let error = retries(json!({ "platform_retry_limit": 100 })).unwrap_err();
    assert_eq!(error.field, "platform_retry_limit");
    let error = retries(json!({ "error_retry_limit": "many" })).unwrap_err();
    assert!(error.to_string().contains("\"many\"; use a whole number from 0 to 99"), "{error}");
}
