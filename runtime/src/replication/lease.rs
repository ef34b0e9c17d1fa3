//! The leader lease: the time during which no other replica can be elected.
//!
//! raft-rs's own lease consults no clock, so a leader that was frozen for seconds would still answer. Here each
//! heartbeat round is stamped with the time at which it started. A follower that has received a round does not vote for
//! another replica within its election timeout (check-quorum). So once a majority has answered, the lease ends one
//! minimal election timeout after the start of the round, less a margin for the granularity of the followers' ticks.

use std::collections::VecDeque;

/// Monotonic microseconds, from the shell's clock.
pub type Mono = u64;

/// Rounds in flight, at most; a further round replaces the oldest.
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

    /// A lease of the given length that names its first round after `first`.
    #[must_use]
    pub fn beginning_at(length: Mono, first: u64) -> Self {
        // Halved, so that the names cannot overflow.
        Self { next: (first >> 1) + 1, ..Self::new(length) }
    }

    /// Starts a round and returns its name. Always `Some`: with too many rounds unanswered the oldest is forgotten.
    pub fn start(&mut self, now: Mono) -> Option<u64> {
        if self.rounds.len() >= ROUNDS_MAX {
            self.rounds.pop_front();
        }
        let round = self.next;
        self.next += 1;
        self.rounds.push_back((round, now));
        Some(round)
    }

    /// A majority answered the round. Returns when it started; `None` for an unknown round.
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

    /// Whether less than half of the lease is left.
    #[must_use]
    pub const fn ageing(&self, now: Mono) -> bool {
        now + self.length / 2 >= self.until
    }

    /// Whether a round is unanswered.
    #[must_use]
    pub fn asking(&self) -> bool {
        !self.rounds.is_empty()
    }

    /// Whether the newest round is unanswered for a quarter of the lease: its messages may be lost. True without a
    /// round.
    #[must_use]
    pub fn stale(&self, now: Mono) -> bool {
        self.rounds.back().is_none_or(|(_, started)| now.saturating_sub(*started) > self.length / 4)
    }

    /// Ends the lease and forgets all rounds: leadership was lost, won or is being transferred.
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
        // The leader was frozen for a second while the answers waited in the socket.
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
