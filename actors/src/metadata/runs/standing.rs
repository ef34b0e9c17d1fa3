//! Status of a run, with its reason.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::Timestamp;

/// Status of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Running, as far as is known.
    #[default]
    Running,
    /// Succeeded.
    Completed,
    /// Failed.
    Failed,
}

impl Status {
    /// The status as text.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }
}

/// Status of a run with its reason, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default)]
pub struct Standing {
    /// Status.
    pub status: Status,
    /// The reason, as one sentence.
    pub why: String,
    /// Time of the end; `None` while the run is running.
    pub ended: Option<Timestamp>,
    /// The client's own word for the status, if the client reported it.
    pub word: String,
}

/// A time as RFC 3339 in UTC, to the second.
#[must_use]
pub(crate) fn moment(at: Timestamp) -> String {
    // The civil calendar from days since the epoch (Howard Hinnant, "chrono-compatible low-level date algorithms").
    let seconds = at.0 / 1_000;
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_as_others_write_it() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_827_696_789, "2000-02-29T12:34:56Z"),
            (1_709_251_199_000, "2024-02-29T23:59:59Z"),
            (1_795_416_123_838, "2026-11-23T06:42:03Z"),
            (4_107_542_399_000, "2100-02-28T23:59:59Z"),
        ] {
            assert_eq!(moment(Timestamp(ms)), text);
        }
    }
}
