//! Answers of a leader that wait until its leadership is proven: by the lease, or by a heartbeat round (ReadIndex).

use super::asks::Slot;
use crate::planted::{Bug, Planted};
use crate::replication::{Lease, Mono};
use crate::transport::Outcome;

/// An answer that may leave once entry `wait` is committed and leadership at a time after `asked` is proven.
pub(super) struct HeldRead {
    pub(super) slot: Slot,
    pub(super) outcome: Outcome,
    pub(super) wait: u64,
    pub(super) asked: Mono,
}

/// The leader's held answers, and its proof of leadership.
pub(super) struct Reads {
    held: Vec<HeldRead>,
    lease: Lease,
    /// Start of the newest heartbeat round that a majority answered.
    confirmed: Mono,
    planted: Planted,
}

impl Reads {
    /// No answers, under a lease of this length in microseconds.
    pub(super) const fn new(lease: Mono, planted: Planted) -> Self {
        Self { held: Vec::new(), lease: Lease::new(lease), confirmed: 0, planted }
    }

    pub(super) fn hold(&mut self, read: HeldRead) {
        self.held.push(read);
    }

    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Bytes of the held answers.
    pub(super) fn bytes(&self) -> u64 {
        self.held.iter().map(|read| read.outcome.as_ref().map_or(0, Vec::len) as u64).sum()
    }

    /// A majority answered this heartbeat round.
    pub(super) fn confirm(&mut self, round: u64) {
        if let Some(started) = self.lease.confirm(round) {
            self.confirmed = self.confirmed.max(started);
        }
    }

    /// Ends the lease: leadership was won, lost or is handed over.
    pub(super) fn void(&mut self) {
        self.lease.void();
    }

    /// Takes every held answer: leadership was lost.
    pub(super) fn lose(&mut self) -> Vec<HeldRead> {
        std::mem::take(&mut self.held)
    }

    /// Whether no other replica can lead. After a handover (`handed`) the lease proves nothing.
    pub(super) fn is_leased(&self, now: Mono, handed: bool) -> bool {
        self.lease.holds(now) && !handed || self.planted.has(Bug::LeaseUnchecked)
    }

    /// Whether the lease holds and is not about to end. Half of it is left for the next query's way here.
    pub(super) fn is_leased_for_long(&self, now: Mono, handed: bool) -> bool {
        let ageing = self.lease.ageing(now) && !self.planted.has(Bug::LeaseUnchecked);
        self.is_leased(now, handed) && !ageing
    }

    /// A heartbeat round to start, when an answer needs proof of leadership or will need it soon.
    pub(super) fn round_due(&mut self, now: Mono, handed: bool) -> Option<u64> {
        let proven = self.lease.holds(now) && !handed && !self.lease.ageing(now);
        if self.held.is_empty() || proven || (self.lease.asking() && !self.lease.stale(now)) {
            return None;
        }
        self.lease.start(now)
    }

    /// Takes the answers with an applied entry and proof of leadership: the lease (`leased`), or a round that began
    /// after the ask.
    pub(super) fn release(&mut self, applied: u64, leased: bool) -> Vec<HeldRead> {
        let confirmed = self.confirmed;
        let (free, held) = std::mem::take(&mut self.held)
            .into_iter()
            .partition(|read| read.wait <= applied && (leased || confirmed >= read.asked));
        self.held = held;
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(waits: &[(u64, Mono)]) -> Reads {
        let mut reads = Reads::new(100, Planted::NONE);
        for (at, (wait, asked)) in waits.iter().enumerate() {
            let slot = Slot { token: 1, at };
            reads.hold(HeldRead { slot, outcome: Ok(vec![0; 3]), wait: *wait, asked: *asked });
        }
        reads
    }

    fn released(reads: &mut Reads, applied: u64, leased: bool) -> Vec<usize> {
        reads.release(applied, leased).into_iter().map(|read| read.slot.at).collect()
    }

    #[test]
    fn an_answer_waits_for_its_entry_and_for_proof_of_leadership() {
        let mut reads = reads(&[(5, 10), (6, 10), (5, 30)]);
        assert_eq!(reads.bytes(), 9);
        assert!(released(&mut reads, 5, false).is_empty(), "nothing proves leadership");
        let round = reads.round_due(20, false).unwrap();
        reads.confirm(round);
        // The round began at 20: it proves nothing for an ask of time 30.
        assert_eq!(released(&mut reads, 5, false), [0]);
        assert_eq!(released(&mut reads, 5, true), [2]);
        assert_eq!(released(&mut reads, 6, false), [1]);
        assert_eq!(reads.len(), 0);
    }

    #[test]
    fn a_round_is_started_only_while_an_answer_waits_and_the_lease_is_short() {
        let mut idle = reads(&[]);
        assert_eq!(idle.round_due(20, false), None);
        let mut reads = reads(&[(5, 10)]);
        let round = reads.round_due(1_000, false).unwrap();
        assert_eq!(reads.round_due(1_010, false), None, "a round is on its way");
        reads.confirm(round);
        assert!(reads.is_leased(1_099, false) && !reads.is_leased(1_100, false));
        assert!(reads.is_leased_for_long(1_049, false) && !reads.is_leased_for_long(1_050, false));
        assert_eq!(reads.round_due(1_049, false), None);
        assert!(reads.round_due(1_050, false).is_some());
    }

    #[test]
    fn a_handover_or_a_void_lease_proves_nothing() {
        let mut reads = reads(&[(5, 10)]);
        let round = reads.round_due(1_000, false).unwrap();
        reads.confirm(round);
        assert!(!reads.is_leased(1_001, true));
        assert!(reads.round_due(1_001, true).is_some(), "a handed leader asks its majority");
        reads.void();
        assert!(!reads.is_leased(1_001, false));
    }
}
