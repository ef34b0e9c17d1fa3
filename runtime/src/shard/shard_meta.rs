//! The shard's own record, beside its entities: effects on their way out, effects taken in, answers kept for
//! idempotency keys. It is part of the replicated state, folded from the same entries.

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

/// Milliseconds by which answers age between two entries, at most.
const AGED_AT_ONCE_MS: u64 = 60_000;

/// An effect that its receiver has not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Waiting {
    /// Its number among this shard's effects for that receiver.
    pub seq: u64,
    /// The entry that decided it. The effect must not leave before that entry is committed.
    pub index: u64,
    /// The entity that decided it.
    pub from: Address,
    /// The effect.
    pub effect: Effect,
}

/// Effects for one receiving shard.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
pub struct Outgoing {
    /// The last number given out.
    pub last: u64,
    /// Not yet acknowledged, in order of their numbers.
    pub waiting: VecDeque<Waiting>,
}

/// An answer kept for an idempotency key, and the entry that decided it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct KeptAnswer {
    /// The answer.
    pub answer: Answer,
    /// The entry.
    pub index: u64,
}

/// The shard's own record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShardMeta {
    /// The newest batch's time.
    pub now: Timestamp,
    /// Effects on their way, by receiving shard.
    pub outbox: BTreeMap<ShardId, Outgoing>,
    /// The last effect taken from each sending shard.
    pub taken: BTreeMap<ShardId, u64>,
    answers: BTreeMap<u128, KeptAnswer>,
    answers_by_age: VecDeque<(Timestamp, u128)>,
    /// Timers of its entities.
    pub timers: TimerTable,
}

/// The fields with which the stored form begins. Timers follow if any are set.
type First = (
    Timestamp,
    BTreeMap<ShardId, Outgoing>,
    BTreeMap<ShardId, u64>,
    BTreeMap<u128, KeptAnswer>,
    VecDeque<(Timestamp, u128)>,
);

impl ShardMeta {
    /// Folds a batch, apart from its events.
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
                self.answers.insert(answer.key, KeptAnswer { answer, index });
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
    /// Bytes of another form.
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
    pub fn answer(&self, key: u128) -> Option<&KeptAnswer> {
        self.answers.get(&key)
    }

    /// Effects waiting, over all receivers.
    #[must_use]
    pub fn outbox_len(&self) -> usize {
        self.outbox.values().map(|outgoing| outgoing.waiting.len()).sum()
    }

    /// Advances the shard clock; a jump ages stored answers by one minute at most. After a jump, a caller that retries
    /// within a second must still find the answer to its first try.
    fn pass(&mut self, now: Timestamp) {
        let beyond = now.0.saturating_sub(self.now.0).saturating_sub(AGED_AT_ONCE_MS);
        if beyond > 0 {
            self.answers_by_age.iter_mut().for_each(|(at, _)| at.0 = at.0.saturating_add(beyond));
        }
        self.now = self.now.max(now);
    }

    /// Forgets answers beyond the bounds, by the batch's own time, so that every replica forgets the same.
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

/// The record as the store keeps it: what the checkpoint covers, then the record at that point.
pub(super) fn encode_meta(mark: &SnapshotMark, meta: &ShardMeta) -> Vec<u8> {
    let members = mark.members.write_to_bytes().expect("a membership always encodes");
    let mut bytes = Vec::new();
    wire::encode_into(&(mark.index, mark.term, members), &mut bytes);
    meta.encode_into(&mut bytes);
    bytes
}

pub(super) fn decode_meta(bytes: &[u8]) -> Result<(SnapshotMark, ShardMeta), String> {
    let ((index, term, members), used) = wire::decode_prefix::<(u64, u64, Vec<u8>)>(bytes)?;
    let members = raft::eraftpb::ConfState::parse_from_bytes(&members).map_err(|error| error.to_string())?;
    Ok((SnapshotMark { index, term, members }, ShardMeta::decode(&bytes[used..])?))
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

    fn fold(meta: &mut ShardMeta, index: u64, batch: Batch, config: &ShardConfig) {
        meta.fold(index, batch, config, |effect| ShardId(u32::from(effect.body[0]) % 2));
    }

    #[test]
    fn effects_are_numbered_for_each_receiver_without_a_gap_and_forgotten_when_acknowledged() {
        let config = ShardConfig::default();
        let mut meta = ShardMeta::default();
        for index in 1..=2 {
            fold(&mut meta, index, Batch { items: vec![item(4, None)], ..Batch::default() }, &config);
        }
        for shard in [0, 1] {
            let seqs: Vec<_> =
                meta.outbox[&ShardId(shard)].waiting.iter().map(|w| (w.seq, w.index)).collect();
            assert_eq!(seqs, [(1, 1), (2, 1), (3, 2), (4, 2)], "shard {shard}");
        }
        fold(&mut meta, 3, Batch { acked: vec![(ShardId(1), 3)], ..Batch::default() }, &config);
        assert_eq!(meta.outbox_len(), 5);
        // A number is used once, also after the outbox was empty.
        fold(&mut meta, 4, Batch { acked: vec![(ShardId(1), 4)], ..Batch::default() }, &config);
        fold(&mut meta, 5, Batch { items: vec![item(2, None)], ..Batch::default() }, &config);
        assert_eq!(meta.outbox[&ShardId(1)].waiting[0].seq, 5);
    }

    #[test]
    fn a_record_of_any_size_is_read_back() {
        let large = vec![0; 1 << 20];
        let mut meta = ShardMeta::default();
        let mut many = item(70, None);
        many.effects.iter_mut().for_each(|effect| effect.body.extend_from_slice(&large));
        fold(&mut meta, 1, Batch { items: vec![many], ..Batch::default() }, &ShardConfig::default());
        let bytes = encode_meta(&SnapshotMark::default(), &meta);
        let (_, read) = decode_meta(&bytes).unwrap();
        assert!(read == meta, "a checkpoint is read back as it was written");
        let timers: Vec<TimerChange> = (0..600_000_u32).map(timer).collect();
        meta = ShardMeta { timers: timers.into_iter().collect(), ..ShardMeta::default() };
        let bytes = encode_meta(&SnapshotMark::default(), &meta);
        assert_eq!(decode_meta(&bytes).map(|(_, read)| read.timers.len()), Ok(600_000));
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
        let mut meta = ShardMeta::default();
        for seq in [3, 9, 4] {
            fold(
                &mut meta,
                1,
                Batch { taken: vec![(ShardId(2), seq)], ..Batch::default() },
                &ShardConfig::default(),
            );
        }
        assert_eq!(meta.taken[&ShardId(2)], 9);
    }

    #[test]
    fn answers_are_kept_within_count_and_age() {
        let config = ShardConfig {
            answers_kept_max: 3,
            answers_kept_for: std::time::Duration::from_secs(10),
            ..ShardConfig::default()
        };
        let mut meta = ShardMeta::default();
        for key in 1..=4_u128 {
            let now = Timestamp(1_000);
            fold(&mut meta, 1, Batch { now, items: vec![item(0, Some(key))], ..Batch::default() }, &config);
        }
        let kept: Vec<_> = (1..=4).map(|key| meta.answer(key).is_some()).collect();
        assert_eq!(kept, [false, true, true, true], "the oldest goes at the bound");
        fold(&mut meta, 2, Batch { now: Timestamp(11_001), ..Batch::default() }, &config);
        assert!((1..=4).all(|key| meta.answer(key).is_none()), "all are too old");
    }

    #[test]
    fn a_clock_jump_ages_answers_by_a_minute() {
        let config = ShardConfig::default();
        let mut meta = ShardMeta::default();
        let at = |seconds: u64| Timestamp(1_000_000 + 1_000 * seconds);
        let answered = |meta: &mut ShardMeta, seconds, key| {
            let now = at(seconds);
            fold(meta, 1, Batch { now, items: vec![item(0, Some(key))], ..Batch::default() }, &config);
        };
        answered(&mut meta, 0, 1);
        answered(&mut meta, 5_000, 2);
        answered(&mut meta, 9_000, 3);
        assert!((1..=3).all(|key| meta.answer(key).is_some()), "two jumps count for two minutes");
        // The clock is back: the shard clock stands still until it is reached, and no answer is forgotten.
        answered(&mut meta, 10, 4);
        for step in 1..=11 {
            fold(&mut meta, 2, Batch { now: at(9_000 + 50 * step), ..Batch::default() }, &config);
        }
        let kept: Vec<_> = (1..=4).map(|key| meta.answer(key).is_some()).collect();
        assert_eq!(kept, [false, false, true, true], "ten minutes in steps are ten minutes");
    }
}
