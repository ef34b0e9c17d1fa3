//! What a path or a header names: users, numbers, actions.

use axum::Json;
use axum::http::HeaderMap;
use serde_json::Value;
use troupe_runtime::text::cut;
use troupe_runtime::{AskError, Refused};

use super::failure::Failure;

/// Longest name of a user, in characters.
const USER_CHARS_MAX: usize = 128;

/// What a route answers.
pub(super) type Answer = Result<Json<Value>, Failure>;

/// The user, from the header that Maestro's clients set; it is not authenticated.
pub(super) fn user(headers: &HeaderMap) -> String {
    let named = headers.get("user").and_then(|value| value.to_str().ok()).unwrap_or_default();
    cut(named, USER_CHARS_MAX)
}

/// A number out of a path; `None` for `latest`.
pub(super) fn number(field: &'static str, text: &str) -> Result<Option<u64>, Failure> {
    if text.eq_ignore_ascii_case("latest") {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| {
        let text = cut(text, 64);
        Failure::missing(field, format!("{text:?} is not a number"))
    })
}

/// An instance's number out of a path.
pub(super) fn instance_number(text: &str) -> Result<u64, Failure> {
    number("instance", text)?
        .ok_or_else(|| Failure::missing("instance", "instances are named by their number".to_owned()))
}

/// Refuses what the entities know no word for.
pub(super) fn unknown_action(action: &str, known: &str) -> Failure {
    let action = cut(action, 64);
    let refused = Refused::field("NO_SUCH_ACTION", "action", format!("unknown action {action:?}: {known}"));
    Failure::from(AskError::Refused(refused))
}
