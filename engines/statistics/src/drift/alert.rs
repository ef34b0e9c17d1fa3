//! Turns the verdicts on windows into few alert events.
//!
//! Four filters stand between a bad window and an event. *Hysteresis*: the alert rises when `enter` of the last `of`
//! windows were bad, and falls after `leave` consecutive good windows. *Deduplication*: it fires once per rise.
//! *Cool-down*: it does not fire again within `cooldown_ms`. *Silence*: it sends no event during a silence, and afterwards
//! only an event that still holds. The state follows every window, so an event may be late or obsolete but is not lost.
//!
//! The same state machine triggers retraining: a firing is the trigger, and the cool-down the least interval.
//!
//! Time is an argument in milliseconds since any fixed moment. Time that runs backwards counts as unchanged.

use serde::{Deserialize, Serialize};

use super::error::{DriftError, ensure};

/// The policy of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlertPolicy {
    /// Bad windows for a rise; 1 to `of`.
    pub enter: u32,
    /// Recent windows that are counted; 1 to 64.
    pub of: u32,
    /// Consecutive good windows for a fall; at least 1.
    pub leave: u32,
    /// Least milliseconds between two firings.
    pub cooldown_ms: u64,
}

impl Default for AlertPolicy {
    fn default() -> Self {
        Self { enter: 2, of: 3, leave: 3, cooldown_ms: 0 }
    }
}

/// A time span without events: begin inclusive, end exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// Its first millisecond.
    pub from_ms: u64,
    /// The first millisecond after it.
    pub until_ms: u64,
}

/// The verdict on a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The window meets the expectation.
    Good,
    /// The window does not meet the expectation.
    Bad,
    /// The window has no data and does not count.
    NoData,
}

/// An event to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum AlertEvent {
    /// The alert fired.
    Fired {
        /// When the alert rose; a silence or a cool-down may have delayed the event.
        since_ms: u64,
    },
    /// The alert was resolved.
    Resolved {
        /// When the alert fell.
        since_ms: u64,
    },
}

/// One alert and its state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    policy: AlertPolicy,
    silences: Vec<Silence>,
    /// The last windows, the youngest in the lowest bit; 1 is bad.
    recent: u64,
    good_in_a_row: u32,
    raised: bool,
    /// When it last rose or fell.
    since_ms: u64,
    /// The last event: true for fired. The stored states have this field name.
    told: bool,
    last_fired_ms: Option<u64>,
    now_ms: u64,
}

impl Alert {
    /// An alert that is down.
    ///
    /// # Errors
    ///
    /// [`DriftError::Value`] if the policy can never rise or never fall.
    pub fn new(policy: AlertPolicy) -> Result<Self, DriftError> {
        let AlertPolicy { enter, of, leave, .. } = policy;
        ensure((1..=64).contains(&of), "of", f64::from(of), "give 1 to 64 windows")?;
        ensure(
            (1..=of).contains(&enter),
            "enter",
            f64::from(enter),
            "give 1 to as many windows as are counted",
        )?;
        ensure(leave > 0, "leave", f64::from(leave), "give at least 1 window")?;
        Ok(Self {
            policy,
            silences: Vec::new(),
            recent: 0,
            good_in_a_row: 0,
            raised: false,
            since_ms: 0,
            told: false,
            last_fired_ms: None,
            now_ms: 0,
        })
    }

    /// Adds a silence. An ended, empty or duplicate silence is ignored.
    pub fn silence(&mut self, silence: Silence) {
        if silence.until_ms > self.now_ms.max(silence.from_ms) && !self.silences.contains(&silence) {
            self.silences.push(silence);
        }
    }

    /// Removes a silence. False if it is unknown.
    pub fn lift(&mut self, silence: Silence) -> bool {
        let before = self.silences.len();
        self.silences.retain(|other| *other != silence);
        self.silences.len() < before
    }

    /// Whether the alert is up, reported or not.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        self.raised
    }

    /// Whether the last event was a firing.
    #[must_use]
    pub fn is_firing(&self) -> bool {
        self.told
    }

    /// Folds a window that ended at `now_ms` and returns the event to send.
    pub fn observe(&mut self, now_ms: u64, verdict: Verdict) -> Option<AlertEvent> {
        self.now_ms = self.now_ms.max(now_ms);
        let bad = match verdict {
            Verdict::NoData => return self.tick(now_ms),
            Verdict::Bad => true,
            Verdict::Good => false,
        };
        self.recent = (self.recent << 1 | u64::from(bad)) & (u64::MAX >> (64 - self.policy.of));
        self.good_in_a_row = if bad { 0 } else { self.good_in_a_row.saturating_add(1) };
        if !self.raised && self.recent.count_ones() >= self.policy.enter {
            (self.raised, self.since_ms) = (true, self.now_ms);
        } else if self.raised && self.good_in_a_row >= self.policy.leave {
            (self.raised, self.since_ms, self.recent) = (false, self.now_ms, 0);
        }
        self.tick(now_ms)
    }

    /// Returns the event that an ended silence or cool-down held back. Call it periodically if windows are rare.
    pub fn tick(&mut self, now_ms: u64) -> Option<AlertEvent> {
        self.now_ms = self.now_ms.max(now_ms);
        let now = self.now_ms;
        self.silences.retain(|silence| silence.until_ms > now);
        if self.raised == self.told || self.silences.iter().any(|silence| silence.from_ms <= now) {
            return None;
        }
        if !self.raised {
            self.told = false;
            return Some(AlertEvent::Resolved { since_ms: self.since_ms });
        }
        let cooled = self.last_fired_ms.is_none_or(|last| now - last >= self.policy.cooldown_ms);
        if !cooled {
            return None;
        }
        (self.told, self.last_fired_ms) = (true, Some(now));
        Some(AlertEvent::Fired { since_ms: self.since_ms })
    }
}
