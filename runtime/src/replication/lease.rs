//! The leader lease: for how long no other replica can have been elected.
//!
//! raft-rs's own lease consults no clock, so a leader that was frozen for seconds would still answer. Here a round of
//! heartbeats is stamped with the time it *started*; when a majority has answered it, no follower will vote for anybody
//! within its election timeout of having heard that round (check-quorum), so the lease ends one minimal election timeout
//! after the start, less a margin for the grain of the followers' ticks.

use std::collections::VecDeque;

/// Monotonic microseconds, from the shell's clock.
pub type Mono = u64;

/// Rounds in flight; more are not started until one is confirmed or forgotten.
const ROUNDS_MAX: usize = 64;

/// The lease of one leader.
#[derive(Debug)]
pub struct Lease {
    length: Mono,
    rounds: VecDeque<(u64, Mono)>,
    next: u64,
    until: Mono,
}

impl Lease {
    /// A lease of the given length in microseconds, not yet held.
    #[must_use]
    pub const fn new(length: Mono) -> Self {
        Self { length, rounds: VecDeque::new(), next: 1, until: 0 }
    }

    /// One whose first round has this name.
    #[must_use]
    pub fn beginning_at(length: Mono, first: u64) -> Self {
        // Room for as many as anybody starts.
        Self { next: (first >> 1) + 1, ..Self::new(length) }
    }

    /// Starts a round and names it; `None` while too many are unanswered.
    pub fn start(&mut self, now: Mono) -> Option<u64> {
        if self.rounds.len() >= ROUNDS_MAX {
            self.rounds.pop_front();
        }
        let round = self.next;
        self.next += 1;
        self.rounds.push_back((round, now));
        Some(round)
    }

    /// A majority answered the round. Returns when it had started.
    pub fn confirm(&mut self, round: u64) -> Option<Mono> {
        while let Some((front, started)) = self.rounds.front().copied() {
            if front > round {
                return None;
            }
            self.rounds.pop_front();
            if front == round {
                self.until = self.until.max(started + self.length);
                return Some(started);
            }
        }
        None
    }

    /// Whether the lease holds at `now`.
    #[must_use]
    pub const fn holds(&self, now: Mono) -> bool {
        now < self.until
    }

    /// Whether it should be renewed soon.
    #[must_use]
    pub const fn ageing(&self, now: Mono) -> bool {
        now + self.length / 2 >= self.until
    }

    /// Whether a round is on its way.
    #[must_use]
    pub fn asking(&self) -> bool {
        !self.rounds.is_empty()
    }

    /// Whether the newest round has been unanswered for so long that its messages may be lost.
    #[must_use]
    pub fn stale(&self, now: Mono) -> bool {
        self.rounds.back().is_none_or(|(_, started)| now.saturating_sub(*started) > self.length / 4)
    }

    /// Leadership was lost, won or is being handed over: nothing confirmed so far counts.
    pub fn void(&mut self) {
        self.rounds.clear();
        self.until = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_runs_from_the_start_of_a_confirmed_round() {
        let mut lease = Lease::new(100);
        let first = lease.start(1_000).unwrap();
        assert!(!lease.holds(1_000), "an unanswered round gives nothing");
        assert_eq!(lease.confirm(first), Some(1_000));
        for (now, holds) in [(1_000, true), (1_099, true), (1_100, false), (5_000, false)] {
            assert_eq!(lease.holds(now), holds, "{now}");
        }
    }

    #[test]
    fn a_frozen_leader_gains_nothing_from_late_answers() {
        let mut lease = Lease::new(100);
        let round = lease.start(1_000).unwrap();
        // Frozen for a second; the answers were waiting in the socket.
        lease.confirm(round);
        assert!(!lease.holds(1_001_000));
    }

    #[test]
    fn voiding_forgets_rounds_in_flight() {
        let mut lease = Lease::new(100);
        let round = lease.start(1_000).unwrap();
        lease.void();
        assert_eq!(lease.confirm(round), None);
        assert!(!lease.holds(1_000));
    }

    #[test]
    fn a_later_round_confirms_earlier_ones_away() {
        let mut lease = Lease::new(100);
        let _ = lease.start(10);
        let second = lease.start(20).unwrap();
        assert_eq!(lease.confirm(second), Some(20));
        assert!(!lease.asking());
    }
}
