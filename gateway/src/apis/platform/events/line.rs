//! One line of a batch.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use troupe_runtime::address::KEY_BYTES_MAX;

use super::diagnosis::{Fault, diagnose};

/// Longest id of a member or content: room is left for what feature keys add to it.
pub(crate) const ID_BYTES_MAX: usize = KEY_BYTES_MAX / 2;
/// Most entries of a context, and the longest name or value in it.
const CONTEXT_MAX: usize = 16;
const CONTEXT_BYTES_MAX: usize = 64;

/// An event as it is written, borrowing from the body.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Line<'a> {
    /// The member's id.
    #[serde(borrow)]
    pub(crate) member: Cow<'a, str>,
    /// The content's id.
    #[serde(borrow)]
    pub(crate) content: Cow<'a, str>,
    /// What happened: `rating`, `play`.
    #[serde(borrow, rename = "type")]
    pub(crate) kind: Cow<'a, str>,
    /// How much of it; finite.
    #[serde(default)]
    pub(crate) value: Option<f64>,
    /// When, in milliseconds since the epoch; not far ahead of the clock.
    pub(crate) at: u64,
    /// The sender's own id of the event.
    #[serde(borrow, default)]
    pub(crate) event_id: Option<Cow<'a, str>>,
    /// Circumstances: `device` -> `tv`.
    #[serde(default)]
    pub(crate) context: BTreeMap<String, String>,
}

impl<'a> Line<'a> {
    /// Reads a line. The common case is one pass without copies; a line that fails is read again with more care, to
    /// name its field.
    pub(crate) fn read(bytes: &'a [u8], latest: u64) -> Result<Self, Fault> {
        let line: Self = serde_json::from_slice(bytes).map_err(|error| diagnose(bytes, &error))?;
        line.check(latest)?;
        Ok(line)
    }

    fn check(&self, latest: u64) -> Result<(), Fault> {
        check_id("member", &self.member)?;
        check_id("content", &self.content)?;
        if let Some(id) = &self.event_id
            && !(1..=ID_BYTES_MAX).contains(&id.len())
        {
            return Err(Fault::of("event_id", "BAD_ID", format!("must be 1 to {ID_BYTES_MAX} bytes")));
        }
        // JSON has no NaN, but 1e999 is infinite by the time it is a number.
        if self.value.is_some_and(|value| !value.is_finite()) {
            return Err(Fault::of("value", "NOT_FINITE", "must be a finite number"));
        }
        if self.at > latest {
            return Err(Fault::of(
                "at",
                "FAR_FUTURE",
                format!(
                    "{} ms after the epoch is too far ahead of the clock: milliseconds are meant",
                    self.at
                ),
            ));
        }
        if self.context.len() > CONTEXT_MAX {
            return Err(Fault::of(
                "context",
                "TOO_LARGE",
                format!("must have at most {CONTEXT_MAX} entries"),
            ));
        }
        let long = |text: &String| text.is_empty() || text.len() > CONTEXT_BYTES_MAX;
        if self.context.iter().any(|(name, value)| long(name) || long(value)) {
            return Err(Fault::of(
                "context",
                "TOO_LARGE",
                format!("names and values must be 1 to {CONTEXT_BYTES_MAX} bytes"),
            ));
        }
        Ok(())
    }
}

/// Whether this can be the id of a member, content or circumstance. Braces mark the part of a key that places it, so an
/// id with one would end up in a shard of its own.
pub(crate) fn is_id(id: &str) -> bool {
    (1..=ID_BYTES_MAX).contains(&id.len())
        && !id.bytes().any(|byte| byte.is_ascii_control() || byte == b'{' || byte == b'}')
}

fn check_id(field: &'static str, id: &str) -> Result<(), Fault> {
    if is_id(id) {
        Ok(())
    } else {
        Err(Fault::of(
            field,
            "BAD_ID",
            format!("must be 1 to {ID_BYTES_MAX} bytes without control characters and braces"),
        ))
    }
}
