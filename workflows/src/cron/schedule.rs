//! A cron expression in a time zone.

use crate::definition::TimeTrigger;

/// Why a schedule is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    #[error("{field}: {what}; {fix}")]
    Field { field: &'static str, what: String, fix: String },
    #[error("{name:?} is not a time zone; use a name such as Europe/Berlin or UTC")]
    Zone { name: String },
    #[error("fuzzy_max_delay: {text:?} is not a time; write one such as 30 minutes")]
    Delay { text: String },
    #[error("the schedule never fires; change its day, month or year")]
    Never,
}

/// A parsed cron expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {}

/// A time zone of the database that is built in, so that all nodes agree.
#[derive(Debug, Clone, PartialEq)]
pub struct Zone(jiff::tz::TimeZone);

impl Zone {
    /// A zone by its name.
    ///
    /// # Errors
    /// If there is none of this name.
    pub fn named(name: &str) -> Result<Self, CronError> {
        jiff::tz::TimeZone::get(name).map(Self).map_err(|_| CronError::Zone { name: name.to_owned() })
    }
}

impl Cron {
    /// Parses an expression.
    ///
    /// # Errors
    /// With the field that is wrong.
    pub fn parse(_expression: &str) -> Result<Self, CronError> {
        Ok(Self {})
    }

    /// The first time after one, both in milliseconds since 1970.
    #[must_use]
    pub fn next_after(&self, _ms: i64, _zone: &Zone) -> Option<i64> {
        None
    }
}

/// A time trigger's cron, zone and delay.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    cron: Cron,
    zone: Zone,
    delay_ms: i64,
}

impl Schedule {
    /// The schedule of a trigger. `salt` (the workflow's id) spreads those with a `fuzzy_max_delay`.
    ///
    /// # Errors
    /// If its expression, zone or delay is wrong.
    pub fn of(trigger: &TimeTrigger, _salt: &str) -> Result<Self, CronError> {
        Ok(Self {
            cron: Cron::parse(trigger.cron())?,
            zone: Zone::named(trigger.timezone_or_default())?,
            delay_ms: 0,
        })
    }

    /// The first firing after a time.
    #[must_use]
    pub fn next_after(&self, ms: i64) -> Option<i64> {
        let next = self.cron.next_after(ms - self.delay_ms, &self.zone)?;
        Some(next + self.delay_ms)
    }
}
