//! When a leader fires timers: once they are due, at a bounded rate.

use super::timers::Pace;
use crate::replication::Mono;
use crate::time::Timestamp;

/// The rate limit of a shard's timers, and whether one is due soon.
pub(super) struct Firing {
    pace: Pace,
    per_second: u32,
    /// Milliseconds between heartbeats.
    beat_ms: u64,
    near: bool,
}

impl Firing {
    pub(super) fn new(per_second: u32, beat_ms: u64) -> Self {
        Self { pace: Pace::default(), per_second, beat_ms, near: false }
    }

    /// Timers that may fire now.
    pub(super) fn allowed(&mut self, now: Mono) -> usize {
        self.pace.allowed(now, self.per_second)
    }

    /// So many timers have fired.
    pub(super) fn spend(&mut self, fired: usize) {
        self.pace.spend(fired);
    }

    /// Notes when the next timer is due; `None` without one, and on a replica that does not lead.
    pub(super) fn look_ahead(&mut self, next: Option<Timestamp>, wall: Timestamp) {
        self.near = next.is_some_and(|due| due.0 <= wall.0 + 2 * self.beat_ms);
    }

    /// Whether a timer is due within the next two heartbeats.
    pub(super) const fn is_near(&self) -> bool {
        self.near
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_is_near_within_two_beats() {
        let mut firing = Firing::new(10, 100);
        for (next, near) in [(Some(1_200), true), (Some(1_201), false), (Some(5), true), (None, false)] {
            firing.look_ahead(next.map(Timestamp), Timestamp(1_000));
            assert_eq!(firing.is_near(), near, "{next:?}");
        }
    }
}
