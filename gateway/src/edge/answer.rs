//! From what the cluster said to what HTTP says: the one place where the two vocabularies meet.

use std::time::Duration;

use axum::http::StatusCode;
use troupe_actors::refusals::{RefusalKind, kind_of};
use troupe_runtime::{AskError, Refused};

use crate::edge::problem::Problem;

/// When a shard without a reachable leader is worth asking again: an election takes most of a second, its first half
/// is waiting.
const ELECTION: Duration = Duration::from_millis(250);

impl From<AskError> for Problem {
    fn from(error: AskError) -> Self {
        let detail = error.to_string();
        let problem = |status| Self::new(status, error.code(), detail.clone());
        match &error {
            AskError::Refused(refused) => refusal(refused),
            AskError::UnknownKind(_) | AskError::UnknownVerb { .. } => problem(StatusCode::NOT_FOUND),
            AskError::BadBody(_) => problem(StatusCode::BAD_REQUEST),
            AskError::BadKey(_) => problem(StatusCode::BAD_REQUEST).field("key"),
            AskError::KeyReused => problem(StatusCode::UNPROCESSABLE_ENTITY).field("Idempotency-Key"),
            AskError::Busy { retry_after_ms, .. } => problem(StatusCode::TOO_MANY_REQUESTS)
                .retry_after(Duration::from_millis(u64::from(*retry_after_ms))),
            AskError::NotLeader { .. } | AskError::NotSent(_) => {
                problem(StatusCode::SERVICE_UNAVAILABLE).retry_after(ELECTION)
            }
            AskError::Expired => problem(StatusCode::GATEWAY_TIMEOUT).retryable(),
            AskError::Unknown(_) => problem(StatusCode::GATEWAY_TIMEOUT).retryable().outcome_unknown(),
            AskError::Fault(_) => problem(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

fn refusal(refused: &Refused) -> Problem {
    let kind = kind_of(&refused.code).unwrap_or_else(|| unlisted(refused));
    let status = StatusCode::from_u16(kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut problem = Problem::new(status, &refused.code, refused.message.clone());
    if kind == RefusalKind::Unavailable {
        problem = problem.retry_after(ELECTION);
    }
    match &refused.field {
        Some(field) => problem.field(field.clone()),
        None => problem,
    }
}

/// The kind of a code that the table does not know, of an entity outside of this workspace.
fn unlisted(refused: &Refused) -> RefusalKind {
    if refused.field.is_some() { RefusalKind::Invalid } else { RefusalKind::Conflict }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::problem::Executed;

    #[test]
    fn each_delivery_error_has_its_status_and_says_whether_to_retry() {
        use Executed::{NotExecuted, Unknown};
        let verb = AskError::UnknownVerb { kind: "members".into(), verb: "fly.v1".into() };
        for (error, status, code, retryable, outcome, after) in [
            (AskError::UnknownKind("x".into()), 404, "UNKNOWN_KIND", false, NotExecuted, None),
            (verb, 404, "UNKNOWN_VERB", false, NotExecuted, None),
            (AskError::BadBody("b".into()), 400, "BAD_BODY", false, NotExecuted, None),
            (AskError::BadKey("k".into()), 400, "BAD_KEY", false, NotExecuted, None),
            (AskError::KeyReused, 422, "KEY_REUSED", false, NotExecuted, None),
            (
                AskError::busy("mailbox", Duration::from_millis(1_500)),
                429,
                "MAILBOX_FULL",
                true,
                NotExecuted,
                Some("2"),
            ),
            (AskError::NotLeader { hint: Some(2) }, 503, "NOT_LEADER", true, NotExecuted, Some("1")),
            (AskError::NotSent("n".into()), 503, "NOT_SENT", true, NotExecuted, Some("1")),
            (AskError::Expired, 504, "DEADLINE_EXCEEDED", true, NotExecuted, None),
            (AskError::Unknown("u".into()), 504, "UNKNOWN_OUTCOME", true, Unknown, None),
            (AskError::Fault("f".into()), 500, "ENTITY_FAULT", false, NotExecuted, None),
        ] {
            let problem = Problem::from(error);
            assert_eq!(problem.0.status, status, "{code}");
            assert_eq!(problem.0.code, code);
            assert_eq!(problem.0.retryable, retryable, "{code}");
            assert_eq!(problem.0.outcome, outcome, "{code}");
            let response = axum::response::IntoResponse::into_response(problem);
            let header =
                response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
            assert_eq!(header.as_deref(), after, "{code}");
        }
    }

    #[test]
    fn a_refusal_takes_its_status_from_the_kind_of_its_code() {
        for (refused, status) in [
            (Refused::new("EXISTS", "m"), 409),
            (Refused::field("ARCHIVED", "split.canary", "m"), 409),
            (Refused::field("STALE", "seen", "m"), 409),
            (Refused::new("BAD_BATCH", "m"), 422),
            (Refused::field("OUT_OF_RANGE", "value", "m"), 422),
            (Refused::new("TOO_MANY_VERSIONS", "m"), 422),
            (Refused::new("VERSION_NOT_FOUND", "m"), 404),
            (Refused::field("NO_VERSION", "version", "m"), 404),
            (Refused::new("UNKNOWN_GROUP", "m"), 404),
            (Refused::new("NOT_PUBLIC", "m"), 403),
            (Refused::new("NO_REPLY", "m"), 500),
            (Refused::new("OF_ANOTHER_KIND", "m"), 409),
            (Refused::field("OF_ANOTHER_KIND", "value", "m"), 422),
        ] {
            let problem = Problem::from(AskError::from(refused.clone()));
            assert_eq!((problem.0.status, problem.0.field), (status, refused.field), "{}", refused.code);
            assert!(!problem.0.retryable, "{}", refused.code);
        }
        let early = Problem::from(AskError::from(Refused::new("NOT_FOUNDED", "m")));
        assert!(early.0.status == 503 && early.0.retryable);
    }
}
