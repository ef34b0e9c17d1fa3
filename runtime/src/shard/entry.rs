//! The payload of one Raft entry of a shard: everything that one batch of decisions changed.

use bincode::{BorrowDecode, Decode, Encode};

use super::timers::TimerChange;
use crate::address::{Address, ShardId};
use crate::entity::Effect;
use crate::time::Timestamp;
use crate::wire;

/// Formats of an entry. The second adds timer changes behind the first. It is written only with timer changes, so that
/// a node of the previous version reads every entry that it could have written itself. A replica refuses newer formats.
const FORMAT: u8 = 1;
const FORMAT_WITH_TIMERS: u8 = 2;

/// One batch of decisions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// When it was decided, by the leader's clock. Never goes back within the shard.
    pub now: Timestamp,
    /// The decisions, in order.
    pub items: Vec<Item>,
    /// High-water marks of effects of other shards that are decided here or earlier: sending shard and number.
    pub taken: Vec<(ShardId, u64)>,
    /// Effects of this shard that their receivers have acknowledged: the outbox forgets them.
    pub acked: Vec<(ShardId, u64)>,
    /// Changes of timers, in order.
    pub timers: Vec<TimerChange>,
}

/// A batch borrowed from its entry: folding it needs most of its bytes only for a moment.
#[derive(Debug, PartialEq, Eq)]
pub struct LentBatch<'a> {
    now: Timestamp,
    /// The decisions, in order.
    pub items: Vec<LentItem<'a>>,
    taken: Vec<(ShardId, u64)>,
    acked: Vec<(ShardId, u64)>,
    timers: Vec<TimerChange>,
}

/// The fields with which every format begins.
type First<'a> = (Timestamp, Vec<LentItem<'a>>, Vec<(ShardId, u64)>, Vec<(ShardId, u64)>);

/// An [`Item`] borrowed from its entry, field by field.
#[derive(Debug, PartialEq, Eq, BorrowDecode)]
pub struct LentItem<'a> {
    /// The entity's kind.
    pub kind: &'a str,
    /// The entity's key.
    pub key: &'a str,
    /// Its events, encoded.
    pub events: Vec<&'a [u8]>,
    effects: Vec<Effect>,
    answer: Option<Answer>,
}

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq, Encode)]
pub struct Item {
    /// The entity that decided.
    pub to: Address,
    /// Its events, encoded.
    pub events: Vec<Vec<u8>>,
    /// Its effects on entities of other shards. Effects on this shard are items of their own.
    pub effects: Vec<Effect>,
    /// The answer to keep for its idempotency key.
    pub answer: Option<Answer>,
}

/// An answer kept for a client that retries with the same idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Answer {
    /// The idempotency key, hashed.
    pub key: u128,
    /// Hash of the request body, to detect a key that is reused for another request.
    pub asked: u64,
    /// The reply's bytes.
    pub reply: Vec<u8>,
}

impl Item {
    /// Estimate of its encoded bytes, without effects and answer.
    fn size(&self) -> usize {
        let events: usize = self.events.iter().map(|event| event.len() + 4).sum();
        self.to.kind.len() + self.to.key.len() + events + 8
    }
}

impl Batch {
    /// Whether it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty() && self.taken.is_empty() && self.acked.is_empty() && self.timers.is_empty()
    }

    /// The entry's payload.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64 + self.items.iter().map(Item::size).sum::<usize>());
        bytes.push(if self.timers.is_empty() { FORMAT } else { FORMAT_WITH_TIMERS });
        wire::encode_into(&(self.now, &self.items, &self.taken, &self.acked), &mut bytes);
        if !self.timers.is_empty() {
            wire::encode_into(&self.timers, &mut bytes);
        }
        bytes
    }
}

impl<'a> LentBatch<'a> {
    /// The batch in a payload.
    ///
    /// # Errors
    /// A newer format, or bytes that do not decode.
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Self, String> {
        let (&format, rest) = bytes.split_first().ok_or("an entry without a payload")?;
        if !(FORMAT..=FORMAT_WITH_TIMERS).contains(&format) {
            return Err(format!(
                "entry format {format} is not {FORMAT} to {FORMAT_WITH_TIMERS}: if it is newer, upgrade this node"
            ));
        }
        let ((now, items, taken, acked), used): (First<'a>, usize) = wire::decode_lent(rest)?;
        let timers = match &rest[used..] {
            [] if format == FORMAT => Vec::new(),
            left if format == FORMAT => return Err(format!("{} bytes left over", left.len())),
            timers => wire::decode(timers)?,
        };
        Ok(Self { now, items, taken, acked, timers })
    }

    /// The part without events, which the shard's own record folds.
    #[must_use]
    pub fn into_meta(self) -> Batch {
        let Self { now, items, taken, acked, timers } = self;
        let kept = items.into_iter().filter(|item| !item.effects.is_empty() || item.answer.is_some());
        let items = kept.map(|item| Item { events: Vec::new(), ..item.into_owned() }).collect();
        Batch { now, items, taken, acked, timers }
    }

    /// An owned copy.
    #[must_use]
    pub fn into_owned(self) -> Batch {
        let Self { now, items, taken, acked, timers } = self;
        Batch { now, items: items.into_iter().map(LentItem::into_owned).collect(), taken, acked, timers }
    }
}

impl LentItem<'_> {
    /// Whether this entity decided it.
    #[must_use]
    pub fn is_of(&self, to: &Address) -> bool {
        self.kind == to.kind && self.key == to.key
    }

    /// The entity that decided.
    #[must_use]
    pub fn to(&self) -> Address {
        Address { kind: self.kind.to_owned(), key: self.key.to_owned() }
    }

    /// An owned copy.
    #[must_use]
    pub fn into_owned(self) -> Item {
        let events = self.events.iter().map(|event| event.to_vec()).collect();
        Item { to: self.to(), events, effects: self.effects, answer: self.answer }
    }
}

#[cfg(test)]
mod tests {
    use super::super::timers::TimerTo;
    use super::*;
    use crate::entity::{CatchUp, Timer};

    fn batch() -> Batch {
        Batch {
            now: Timestamp(881_250_949_000),
            items: vec![Item {
                to: Address { kind: "members".into(), key: "42".into() },
                events: vec![vec![1, 2, 3]],
                effects: vec![Effect {
                    to: Address { kind: "content".into(), key: "{c:7}".into() },
                    verb: "count.v1".into(),
                    body: vec![9],
                }],
                answer: Some(Answer { key: 5, asked: 6, reply: vec![7] }),
            }],
            taken: vec![(ShardId(3), 10)],
            acked: vec![(ShardId(4), 11)],
            timers: Vec::new(),
        }
    }

    fn with_timers() -> Batch {
        let of = Address { kind: "members".into(), key: "42".into() };
        let timer = Timer {
            due: Timestamp(881_250_950_000),
            every_ms: Some(60_000),
            catch_up: CatchUp::All,
            verb: "decay.v1".into(),
            body: vec![8],
        };
        let tos = [TimerTo::Set(timer), TimerTo::Due(Timestamp(881_251_010_000)), TimerTo::Gone];
        let timers = tos.map(|to| TimerChange { of: of.clone(), name: "t".into(), to });
        Batch { timers: timers.into(), ..batch() }
    }

    #[test]
    fn the_stored_bytes_of_an_entry_never_change() {
        let bytes: String = batch().to_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(bytes, GOLDEN);
        assert_eq!(read(&batch().to_bytes()), Ok(batch()));
        let bytes: String = with_timers().to_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(bytes, format!("02{}{TIMERS}", &GOLDEN[2..]));
        assert_eq!(read(&with_timers().to_bytes()), Ok(with_timers()));
    }

    fn read(bytes: &[u8]) -> Result<Batch, String> {
        LentBatch::from_bytes(bytes).map(LentBatch::into_owned)
    }

    #[test]
    fn the_shards_record_folds_no_events() {
        let mut whole = with_timers();
        let plain = Item { effects: Vec::new(), answer: None, ..whole.items[0].clone() };
        whole.items.push(plain);
        let bytes = whole.to_bytes();
        let meta = LentBatch::from_bytes(&bytes).unwrap().into_meta();
        let first = Item { events: Vec::new(), ..whole.items[0].clone() };
        assert_eq!(meta, Batch { items: vec![first], ..whole });
    }

    const TIMERS: &str = "03076d656d62657273023432017400fd705ba62ecd00000001fb60ea020864656361792e76310108076d656d62\
        657273023432017401fdd045a72ecd000000076d656d62657273023432017402";

    const GOLDEN: &str = "01fd8857a62ecd00000001076d656d62657273023432010301020301\
        07636f6e74656e74057b633a377d08636f756e742e76310109010506010701030a01040b";

    #[test]
    fn a_newer_or_broken_entry_is_refused() {
        let mut newer = batch().to_bytes();
        newer[0] = 3;
        assert!(read(&newer).is_err_and(|error| error.contains("newer")));
        for whole in [batch().to_bytes(), with_timers().to_bytes()] {
            for cut in 0..whole.len() {
                assert!(read(&whole[..cut]).is_err(), "{cut}");
            }
        }
    }
}
