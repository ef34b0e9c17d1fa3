//! Follower reads with bounded staleness: a replica that does not lead answers once its state is young enough.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::address::{Address, NodeId};
use crate::error::AskError;
use crate::replication::{Lease, Mono};
use crate::transport::Outcome;

/// When a client that was rejected at the bound should come back.
const RETRY_AFTER: Duration = Duration::from_millis(50);

/// A follower read.
#[derive(Debug)]
pub struct NearAsk {
    /// The entity.
    pub to: Address,
    /// The query.
    pub verb: String,
    /// The query's body, encoded.
    pub body: Vec<u8>,
    /// When it was asked, on the shell's monotonic clock.
    pub asked: Mono,
    /// Largest age of the state at `asked`, in microseconds.
    pub age_max: Mono,
    /// When the caller stops waiting, on the same clock.
    pub deadline: Mono,
    /// Receives the answer.
    pub reply: oneshot::Sender<Result<NearAnswer, AskError>>,
}

/// The answer to a follower read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NearAnswer {
    /// The answer's bytes, or a refusal.
    pub outcome: Outcome,
    /// Age of the state when it was asked, in microseconds: the state holds everything acknowledged before that.
    pub age: Mono,
}

/// The follower reads of one replica, and what it knows of its state's age.
pub(super) struct FollowerReads {
    /// Rounds asked of the leader, by this replica's own clock.
    rounds: Lease,
    /// Commit indices that the leader named, and when they had been asked for.
    named: VecDeque<(u64, Mono)>,
    /// Everything acknowledged before this time is applied.
    fresh: Option<Mono>,
    waiting: Vec<NearAsk>,
    max: usize,
}

impl FollowerReads {
    /// No reads, and at most `max`. `first` names the first round and differs between starts: a late answer to a round
    /// of an earlier start is not taken for an answer to a new one.
    pub(super) fn new(round_length: Mono, first: u64, max: usize) -> Self {
        let rounds = Lease::beginning_at(round_length, first);
        Self { rounds, named: VecDeque::new(), fresh: None, waiting: Vec::new(), max }
    }

    /// Takes a read, or rejects it with `Busy` at the bound.
    pub(super) fn ask(&mut self, ask: NearAsk) {
        if self.waiting.len() >= self.max {
            // A caller that stopped waiting is not an error, here and below.
            let _ = ask.reply.send(Err(AskError::busy("near reads", RETRY_AFTER)));
            return;
        }
        self.waiting.push(ask);
    }

    /// The leader's commit index was at least `index` when the round began.
    pub(super) fn named(&mut self, round: u64, index: u64) {
        if let Some(started) = self.rounds.confirm(round) {
            self.named.push_back((index, started));
        }
    }

    /// Whether a read waits.
    pub(super) const fn is_asked(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Learns the state's age from the entries applied so far.
    pub(super) fn settle(&mut self, applied: u64) {
        while let Some((index, started)) = self.named.front().copied()
            && index <= applied
        {
            self.named.pop_front();
            self.fresh = self.fresh.max(Some(started));
        }
    }

    /// Age at `asked` of the state with the entries applied so far; `None` until the leader has named an index.
    pub(super) fn age(&mut self, applied: u64, asked: Mono) -> Option<Mono> {
        self.settle(applied);
        self.fresh.map(|fresh| asked.saturating_sub(fresh))
    }

    /// Answers the reads that the state is young enough for. Late ones are answered `Expired`; if this replica leads,
    /// all are answered `NotLeader` with its own node as the hint, because the caller must ask the leader as such.
    pub(super) fn answer(
        &mut self,
        leads: Option<NodeId>,
        now: Mono,
        mut look_up: impl FnMut(&NearAsk) -> Outcome,
    ) {
        let fresh = self.fresh;
        let age_of = |ask: &NearAsk| fresh.map(|fresh| ask.asked.saturating_sub(fresh));
        for ask in std::mem::take(&mut self.waiting) {
            if let Some(node) = leads {
                let _ = ask.reply.send(Err(AskError::NotLeader { hint: Some(node.0) }));
            } else if ask.deadline <= now {
                let _ = ask.reply.send(Err(AskError::Expired));
            } else if let Some(age) = age_of(&ask).filter(|age| *age <= ask.age_max) {
                let outcome = look_up(&ask);
                let _ = ask.reply.send(Ok(NearAnswer { outcome, age }));
            } else {
                self.waiting.push(ask);
            }
        }
    }

    /// A round to ask of the leader: reads wait, and neither an answer nor a round is on its way.
    pub(super) fn round_due(&mut self, now: Mono) -> Option<u64> {
        let asking = self.rounds.asking() && !self.rounds.stale(now);
        if !self.is_asked() || asking || !self.named.is_empty() {
            return None;
        }
        self.rounds.start(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Answer = oneshot::Receiver<Result<NearAnswer, AskError>>;

    fn ask(reads: &mut FollowerReads, asked: Mono, age_max: Mono) -> Answer {
        let (reply, answer) = oneshot::channel();
        let to = Address { kind: "k".into(), key: "a".into() };
        let ask = NearAsk { to, verb: "v".into(), body: Vec::new(), asked, age_max, deadline: 10_000, reply };
        reads.ask(ask);
        answer
    }

    fn answered(reads: &mut FollowerReads, now: Mono) {
        reads.answer(None, now, |_| Ok(vec![7]));
    }

    #[test]
    fn the_age_runs_from_the_start_of_the_round_that_named_an_applied_index() {
        let mut reads = FollowerReads::new(100, 1, 10);
        let mut answer = ask(&mut reads, 1_000, 300);
        answered(&mut reads, 1_000);
        let round = reads.round_due(1_100).unwrap();
        assert_eq!(reads.round_due(1_110), None, "a round is on its way");
        reads.named(round, 5);
        reads.settle(4);
        answered(&mut reads, 1_200);
        assert!(answer.try_recv().is_err(), "entry 5 is not applied");
        assert_eq!(reads.round_due(1_200), None, "an index is named and not yet applied");
        reads.settle(5);
        answered(&mut reads, 1_200);
        assert_eq!(answer.try_recv().unwrap().unwrap().age, 0, "asked before the round began");
        for (asked, answers) in [(1_400, true), (1_401, false)] {
            let mut answer = ask(&mut reads, asked, 300);
            answered(&mut reads, asked);
            assert_eq!(answer.try_recv().is_ok(), answers, "{asked}");
        }
    }

    #[test]
    fn a_leader_redirects_and_late_or_surplus_reads_are_rejected() {
        let mut reads = FollowerReads::new(100, 1, 1);
        let mut answer = ask(&mut reads, 1_000, 300);
        let mut surplus = ask(&mut reads, 1_000, 300);
        assert!(matches!(surplus.try_recv(), Ok(Err(AskError::Busy { .. }))));
        answered(&mut reads, 10_000);
        assert_eq!(answer.try_recv(), Ok(Err(AskError::Expired)));
        let mut answer = ask(&mut reads, 1_000, 300);
        reads.answer(Some(NodeId(4)), 1_000, |_| Ok(vec![7]));
        assert_eq!(answer.try_recv(), Ok(Err(AskError::NotLeader { hint: Some(4) })));
        assert!(!reads.is_asked());
    }
}
