//! What a shard remembers besides its entities: effects on their way out, effects taken in, answers for keys. It is
//! part of the replicated state, a fold of the same entries.

use std::collections::{BTreeMap, VecDeque};

use bincode::{Decode, Encode};
use protobuf::Message as _;

use super::config::ShardConfig;
use super::entry::{Answer, Batch};
use super::timers::{TimerChange, TimerTable};
use crate::address::{Address, ShardId};
use crate::entity::Effect;
use crate::replication::SnapshotMark;
use crate::time::Timestamp;
use crate::wire;

/// The most that answers age between two entries, in milliseconds.
const AGED_AT_ONCE_MS: u64 = 60_000;

/// An effect that its receiver has not been heard to have taken.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Waiting {
    /// Its number among this shard's effects for that receiver.
    pub seq: u64,
    /// The entry that decided it; it must not leave before that is committed.
    pub index: u64,
    /// Who decided it.
    pub from: Address,
    /// What it is.
    pub effect: Effect,
}

/// Effects for one receiving shard.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
pub struct Outgoing {
    /// The last number given out.
    pub last: u64,
    /// In order of their numbers.
    pub waiting: VecDeque<Waiting>,
}

/// An answer, and the entry that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct NamedFields {
    /// The answer.
    pub answer: Answer,
    /// Its entry.
    pub index: u64,
}

/// The shard's own part of the replicated state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    /// The newest batch's time.
    pub now: Timestamp,
    /// Effects on their way, by receiving shard.
    pub outbox: BTreeMap<ShardId, Outgoing>,
    /// The last effect taken from each sending shard.
    pub taken: BTreeMap<ShardId, u64>,
    answers: BTreeMap<u128, NamedFields>,
    answers_by_age: VecDeque<(Timestamp, u128)>,
    /// Timers of its entities.
    pub timers: TimerTable,
}

/// What the stored form begins with; timers follow where there are any.
type First = (
    Timestamp,
    BTreeMap<ShardId, Outgoing>,
    BTreeMap<ShardId, u64>,
    BTreeMap<u128, NamedFields>,
    VecDeque<(Timestamp, u128)>,
);

impl Ledger {
    /// Folds what a batch says, apart from its events.
    pub fn fold(
        &mut self,
        index: u64,
        batch: Batch,
        config: &ShardConfig,
        shard_of: impl Fn(&Effect) -> ShardId,
    ) {
        self.pass(batch.now);
        for (from, seq) in batch.taken {
            let mark = self.taken.entry(from).or_default();
            *mark = seq.max(*mark);
        }
        for (to, seq) in batch.acked {
            if let Some(outgoing) = self.outbox.get_mut(&to) {
                while outgoing.waiting.front().is_some_and(|waiting| waiting.seq <= seq) {
                    outgoing.waiting.pop_front();
                }
            }
        }
        for item in batch.items {
            for effect in item.effects {
                let outgoing = self.outbox.entry(shard_of(&effect)).or_default();
                outgoing.last += 1;
                let seq = outgoing.last;
                outgoing.waiting.push_back(Waiting { seq, index, from: item.to.clone(), effect });
            }
            if let Some(answer) = item.answer {
                self.answers_by_age.push_back((self.now, answer.key));
                self.answers.insert(answer.key, NamedFields { answer, index });
            }
        }
        for change in &batch.timers {
            self.timers.fold(change);
        }
        self.forget_answers(config);
    }

    /// Appends the stored form.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        let Self { now, outbox, taken, answers, answers_by_age, timers } = self;
        wire::encode_into(&(*now, outbox, taken, answers, answers_by_age), out);
        if timers.len() > 0 {
            wire::encode_into(&timers.list(), out);
        }
    }

    /// From the stored form.
    ///
    /// # Errors
    /// Bytes that are no ledger.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        let (first, used) = wire::decode_snapshot_prefix::<First>(bytes)?;
        let (now, outbox, taken, answers, answers_by_age) = first;
        let timers = match &bytes[used..] {
            [] => TimerTable::default(),
            rest => wire::decode_snapshot::<Vec<TimerChange>>(rest)?.into_iter().collect(),
        };
        Ok(Self { now, outbox, taken, answers, answers_by_age, timers })
    }

    /// The answer kept for a key.
    #[must_use]
    pub fn answer(&self, key: u128) -> Option<&NamedFields> {
        self.answers.get(&key)
    }

    /// Effects waiting, over all receivers.
    #[must_use]
    pub fn outbox_len(&self) -> usize {
        self.outbox.values().map(|outgoing| outgoing.waiting.len()).sum()
    }

    /// Moves the time on. What a step is longer than the longest ages no answer: where a clock has jumped, the caller that
    /// tries again within its second must find the answer to its first try.
    fn pass(&mut self, now: Timestamp) {
        let beyond = now.0.saturating_sub(self.now.0).saturating_sub(AGED_AT_ONCE_MS);
        if beyond > 0 {
            self.answers_by_age.iter_mut().for_each(|(at, _)| at.0 = at.0.saturating_add(beyond));
        }
        self.now = self.now.max(now);
    }

    /// Keeps within the bounds by the batch's own time, so that every replica forgets alike.
    fn forget_answers(&mut self, config: &ShardConfig) {
        while let Some((at, key)) = self.answers_by_age.front().copied() {
            let many = self.answers_by_age.len() > config.answers_kept_max as usize;
            if !many && self.now.since(at) <= config.answers_kept_for {
                break;
            }
            self.answers_by_age.pop_front();
            self.answers.remove(&key);
        }
    }
}

/// The store's record of the shard itself: what the checkpoint covers, and the ledger at that point.
pub(super) fn encode_ledger(mark: &SnapshotMark, ledger: &Ledger) -> Vec<u8> {
    let members = mark.members.write_to_bytes().expect("a membership always encodes");
    let mut bytes = Vec::new();
    wire::encode_into(&(mark.index, mark.term, members), &mut bytes);
    ledger.encode_into(&mut bytes);
    bytes
}

pub(super) fn decode_ledger(bytes: &[u8]) -> Result<(SnapshotMark, Ledger), String> {
    let ((index, term, members), used) = wire::decode_prefix::<(u64, u64, Vec<u8>)>(bytes)?;
    let members = raft::eraftpb::ConfState::parse_from_bytes(&members).map_err(|error| error.to_string())?;
    Ok((SnapshotMark { index, term, members }, Ledger::decode(&bytes[used..])?))
}

#[cfg(test)]
mod tests {
    use super::super::entry::Item;
    use super::*;

    fn item(effects: u8, key: Option<u128>) -> Item {
        let effect = |n: u8| Effect {
            to: Address { kind: "k".into(), key: n.to_string() },
            verb: "v".into(),
            body: vec![n],
        };
        Item {
            to: Address { kind: "k".into(), key: "a".into() },
            events: Vec::new(),
            effects: (0..effects).map(effect).collect(),
            answer: key.map(|key| Answer { key, asked: 1, reply: vec![] }),
        }
    }

    fn fold(ledger: &mut Ledger, index: u64, batch: Batch, config: &ShardConfig) {
        ledger.fold(index, batch, config, |effect| ShardId(u32::from(effect.body[0]) % 2));
    }

    #[test]
    fn effects_are_numbered_for_each_receiver_without_a_gap_and_forgotten_when_taken() {
        let config = ShardConfig::default();
        let mut ledger = Ledger::default();
        for index in 1..=2 {
            fold(&mut ledger, index, Batch { items: vec![item(4, None)], ..Batch::default() }, &config);
        }
        for shard in [0, 1] {
            let seqs: Vec<_> =
                ledger.outbox[&ShardId(shard)].waiting.iter().map(|w| (w.seq, w.index)).collect();
            assert_eq!(seqs, [(1, 1), (2, 1), (3, 2), (4, 2)], "shard {shard}");
        }
        fold(&mut ledger, 3, Batch { acked: vec![(ShardId(1), 3)], ..Batch::default() }, &config);
        assert_eq!(ledger.outbox_len(), 5);
        // A number is never given out twice, also when the outbox has run empty.
        fold(&mut ledger, 4, Batch { acked: vec![(ShardId(1), 4)], ..Batch::default() }, &config);
        fold(&mut ledger, 5, Batch { items: vec![item(2, None)], ..Batch::default() }, &config);
        assert_eq!(ledger.outbox[&ShardId(1)].waiting[0].seq, 5);
    }

    #[test]
    fn a_ledger_is_read_back_however_large_it_has_become() {
        let large = vec![0; 1 << 20];
        let mut ledger = Ledger::default();
        let mut many = item(70, None);
        many.effects.iter_mut().for_each(|effect| effect.body.extend_from_slice(&large));
        fold(&mut ledger, 1, Batch { items: vec![many], ..Batch::default() }, &ShardConfig::default());
        let bytes = encode_ledger(&SnapshotMark::default(), &ledger);
        let (_, read) = decode_ledger(&bytes).unwrap();
        assert!(read == ledger, "what a checkpoint holds is read back");
        let timers: Vec<TimerChange> = (0..600_000_u32).map(timer).collect();
        ledger = Ledger { timers: timers.into_iter().collect(), ..Ledger::default() };
        let bytes = encode_ledger(&SnapshotMark::default(), &ledger);
        assert_eq!(decode_ledger(&bytes).map(|(_, read)| read.timers.len()), Ok(600_000));
    }

    fn timer(n: u32) -> TimerChange {
        let due = Timestamp(u64::from(n));
        let catch_up = crate::entity::CatchUp::One;
        let timer = crate::entity::Timer { due, every_ms: None, catch_up, verb: "v".into(), body: vec![1] };
        TimerChange {
            of: Address { kind: "k".into(), key: n.to_string() },
            name: "t".into(),
            to: super::super::timers::TimerTo::Set(timer),
        }
    }

    #[test]
    fn a_high_water_mark_never_goes_back() {
        let mut ledger = Ledger::default();
        for seq in [3, 9, 4] {
            fold(
                &mut ledger,
                1,
                Batch { taken: vec![(ShardId(2), seq)], ..Batch::default() },
                &ShardConfig::default(),
            );
        }
        assert_eq!(ledger.taken[&ShardId(2)], 9);
    }

    #[test]
    fn answers_are_kept_within_count_and_age() {
        let config = ShardConfig {
            answers_kept_max: 3,
            answers_kept_for: std::time::Duration::from_secs(10),
            ..ShardConfig::default()
        };
        let mut ledger = Ledger::default();
        for key in 1..=4_u128 {
            let now = Timestamp(1_000);
            fold(&mut ledger, 1, Batch { now, items: vec![item(0, Some(key))], ..Batch::default() }, &config);
        }
        let kept: Vec<_> = (1..=4).map(|key| ledger.answer(key).is_some()).collect();
        assert_eq!(kept, [false, true, true, true], "the oldest goes at the bound");
        fold(&mut ledger, 2, Batch { now: Timestamp(11_001), ..Batch::default() }, &config);
        assert!((1..=4).all(|key| ledger.answer(key).is_none()), "all are too old");
    }

    #[test]
    fn a_clock_that_jumps_ages_answers_by_a_minute() {
        let config = ShardConfig::default();
        let mut ledger = Ledger::default();
        let at = |seconds: u64| Timestamp(1_000_000 + 1_000 * seconds);
        let answered = |ledger: &mut Ledger, seconds, key| {
            let now = at(seconds);
            fold(ledger, 1, Batch { now, items: vec![item(0, Some(key))], ..Batch::default() }, &config);
        };
        answered(&mut ledger, 0, 1);
        answered(&mut ledger, 5_000, 2);
        answered(&mut ledger, 9_000, 3);
        assert!((1..=3).all(|key| ledger.answer(key).is_some()), "two jumps count for two minutes");
        // Back again: time stands still until it is reached, and nobody forgets.
        answered(&mut ledger, 10, 4);
        for step in 1..=11 {
            fold(&mut ledger, 2, Batch { now: at(9_000 + 50 * step), ..Batch::default() }, &config);
        }
        let kept: Vec<_> = (1..=4).map(|key| ledger.answer(key).is_some()).collect();
        assert_eq!(kept, [false, false, true, true], "ten minutes in steps are ten minutes");
    }
}
