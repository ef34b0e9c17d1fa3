//! An event as the command that its member gets, and the member's reply.

use std::borrow::Cow;

use troupe_actors::profiles::members::{Member, Record, Recorded};
use troupe_runtime::transport::AskOne;
use troupe_runtime::{AskError, Timestamp, wire};

use super::diagnosis::Fault;
use super::line::Line;
use crate::edge::asks::command;

/// The command that records an event with its member. It is repeatable: the member knows an event by its `event_id`, or
/// without one by its content, type and time.
///
/// # Errors
/// `NOT_FINITE`: the value does not fit a single precision number.
pub(super) fn record(event: Line<'_>) -> Result<AskOne, Fault> {
    #[allow(
        clippy::cast_possible_truncation,
        reason = "values are kept in single precision; overflow is refused"
    )]
    let value = event.value.map(|value| value as f32);
    if value.is_some_and(|value| !value.is_finite()) {
        return Err(Fault::of("value", "NOT_FINITE", "must fit a single precision number"));
    }
    let record = Record {
        content: event.content.into_owned(),
        kind: event.kind.into_owned(),
        value,
        at: Timestamp(event.at),
        event_id: event.event_id.map(Cow::into_owned),
        context: event.context.into_iter().collect(),
    };
    Ok(command::<Member, Record>(event.member.into_owned(), &record))
}

/// Whether the member had recorded the event before.
///
/// # Errors
/// The reply does not decode.
pub(super) fn was_duplicate(reply: &[u8]) -> Result<bool, AskError> {
    wire::decode::<Recorded>(reply).map(|recorded| recorded.duplicate).map_err(AskError::Fault)
}
