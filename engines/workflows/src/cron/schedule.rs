//! A cron expression in a time zone, with a delay.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Cron, CronError};
use crate::definition::TimeTrigger;

/// Longest delay: 30 days.
const DELAY_MS_MAX: u64 = 30 * 24 * 3600 * 1000;

/// A time zone of the built-in database, so that all nodes agree.
#[derive(Debug, Clone, PartialEq)]
pub struct Zone(TimeZone);

impl Zone {
    /// A zone by its name.
    ///
    /// # Errors
    /// If the name is unknown.
    pub fn named(name: &str) -> Result<Self, CronError> {
        if name == "UTC" || name == "Z" {
            return Ok(Self(TimeZone::UTC));
        }
        TimeZone::get(name).map(Self).map_err(|_| CronError::Zone { name: name.to_owned() })
    }
}

impl Cron {
    /// The first firing after a time, both in milliseconds since 1970; `None` if the next 50 years have none.
    #[must_use]
    pub fn next_after(&self, ms: i64, zone: &Zone) -> Option<i64> {
        let after = Timestamp::from_millisecond(ms).ok()?;
        super::next::next(self, after, &zone.0).map(Timestamp::as_millisecond)
    }
}

/// A time trigger's cron expression, zone and delay.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    cron: Cron,
    zone: Zone,
    delay_ms: i64,
}

impl Schedule {
    /// The schedule of a trigger. `salt` (the workflow's id) spreads the starts of triggers with a `fuzzy_max_delay`.
    ///
    /// # Errors
    /// If its expression, zone or delay is invalid.
    pub fn of(trigger: &TimeTrigger, salt: &str) -> Result<Self, CronError> {
        let delay_ms = match &trigger.fuzzy_max_delay {
            None => 0,
            Some(delay) => {
                let most =
                    delay.millis().filter(|most| *most <= DELAY_MS_MAX).ok_or_else(|| CronError::Delay {
                        text: delay.text().map_or_else(|| format!("{delay:?}"), str::to_owned),
                    })?;
                spread(salt, trigger.cron()) % most.max(1)
            }
        };
        Ok(Self {
            cron: Cron::parse(trigger.cron())?,
            zone: Zone::named(trigger.timezone_or_default())?,
            delay_ms: i64::try_from(delay_ms / 1000 * 1000).unwrap_or(0),
        })
    }

    /// The first firing after a time, both in milliseconds since 1970.
    #[must_use]
    pub fn next_after(&self, ms: i64) -> Option<i64> {
        let next = self.cron.next_after(ms.saturating_sub(self.delay_ms), &self.zone)?;
        next.checked_add(self.delay_ms)
    }
}

/// A constant number for a workflow and trigger (FNV-1a).
fn spread(salt: &str, cron: &str) -> u64 {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = salt.bytes().chain([0]).chain(cron.bytes()).fold(0xcbf2_9ce4_8422_2325, mix);
    hash ^ (hash >> 29)
}
