//! From verdicts on windows to the few messages that somebody reads.
//!
//! Four things stand between a bad window and a message. *Hysteresis*: the alert rises when `enter` of the last `of`
//! windows were bad, and falls after `leave` good ones in a row. *Dedupe*: it fires once per rise. *Cool-down*: it
//! does not fire again within `cooldown_ms` of the last time. *Silences*: it says nothing inside one, and afterwards
//! what then still holds. The state follows the windows all the while, so that no message is lost, only late or no
//! longer true.
//!
//! The same machine decides when to retrain: a firing is the signal, and the cool-down its least distance.
//!
//! Time is an argument in milliseconds since any fixed moment. Time that runs backwards is taken to stand still.

use serde::{Deserialize, Serialize};

use super::error::{DriftError, ensure};

/// When an alert rises, falls and may fire again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlertPolicy {
    /// Bad windows that make it rise; at least 1 and at most `of`.
    pub enter: u32,
    /// Windows among which the bad ones are counted; at most 64.
    pub of: u32,
    /// Good windows in a row that make it fall; at least 1.
    pub leave: u32,
    /// Milliseconds between two firings.
    pub cooldown_ms: u64,
}

impl Default for AlertPolicy {
    fn default() -> Self {
        Self { enter: 2, of: 3, leave: 3, cooldown_ms: 0 }
    }
}

/// A span of time in which nothing is said: from its begin up to and without its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// Its first millisecond.
    pub from_ms: u64,
    /// The first millisecond after it.
    pub until_ms: u64,
}

/// What a window showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Good,
    /// Not as it should be.
    Bad,
    /// Nothing: the window held no data and counts neither way.
    NoData,
}

/// What is to be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum AlertEvent {
    /// It is bad, since this millisecond.
    Fired {
        /// When the alert rose, which a silence or a cool-down may have kept to itself.
        since_ms: u64,
    },
    /// It is good again, since this millisecond.
    Resolved {
        /// When the alert fell.
        since_ms: u64,
    },
}

/// One alert and its memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    policy: AlertPolicy,
    silences: Vec<Silence>,
    /// The last windows, the youngest in the lowest bit; 1 is bad.
    recent: u64,
    good_in_a_row: u32,
    raised: bool,
    /// When it rose or fell.
    since_ms: u64,
    /// What was last said: true for fired.
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

    /// Adds a silence; one that has ended or is empty is dropped, one that is there already is not added.
    pub fn silence(&mut self, silence: Silence) {
        if silence.until_ms > self.now_ms.max(silence.from_ms) && !self.silences.contains(&silence) {
            self.silences.push(silence);
        }
    }

    /// Takes back a silence that was added. False if it is not there.
    pub fn lift(&mut self, silence: Silence) -> bool {
        let before = self.silences.len();
        self.silences.retain(|other| *other != silence);
        self.silences.len() < before
    }

    /// Whether the alert is up, said or not.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        self.raised
    }

    /// Whether the last that was said is that it fired.
    #[must_use]
    pub fn is_firing(&self) -> bool {
        self.told
    }

    /// Folds a window that ended at `now_ms`, and says what is to be said.
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

    /// Says what a silence or a cool-down that is over has kept. Call it now and then where windows are rare.
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
