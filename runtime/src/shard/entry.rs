//! What one Raft entry of a shard says: everything that one batch of decisions changed.

use bincode::{Decode, Encode};

use crate::address::{Address, ShardId};
use crate::entity::Effect;
use crate::time::Timestamp;
use crate::wire;

/// Format of an entry; a replica refuses newer ones instead of guessing.
const FORMAT: u8 = 1;

/// One batch of decisions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
pub struct Batch {
    /// When it was decided, by the leader's clock, never going back within the shard.
    pub now: Timestamp,
    /// What was decided, in order.
    pub items: Vec<Item>,
    /// Effects of other shards that are decided in here or earlier: the new high-water marks.
    pub taken: Vec<(ShardId, u64)>,
    /// Effects of this shard that their receivers have taken: the outbox forgets them.
    pub acked: Vec<(ShardId, u64)>,
}

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Item {
    /// Who decided.
    pub to: Address,
    /// Its events, encoded.
    pub events: Vec<Vec<u8>>,
    /// Its effects on entities of other shards; those on this shard are items of their own.
    pub effects: Vec<Effect>,
    /// The answer to keep for its idempotency key.
    pub answer: Option<Answer>,
}

/// An answer kept for a client that asks again.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Answer {
    /// The idempotency key, hashed.
    pub key: u128,
    /// Hash of what was asked, so that a key used for something else is noticed.
    pub asked: u64,
    /// The reply's bytes.
    pub reply: Vec<u8>,
}

impl Batch {
    /// Whether it would change nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty() && self.taken.is_empty() && self.acked.is_empty()
    }

    /// The entry's payload.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![FORMAT];
        wire::encode_into(self, &mut bytes);
        bytes
    }

    /// The batch in a payload.
    ///
    /// # Errors
    /// A newer format, or bytes that are no batch.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        match bytes.split_first() {
            Some((&FORMAT, rest)) => wire::decode(rest),
            Some((&newer, _)) => {
                Err(format!("entry format {newer} is newer than {FORMAT}, upgrade this node"))
            }
            None => Err("an entry without a payload".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        }
    }

    #[test]
    fn the_stored_bytes_of_an_entry_never_change() {
        let bytes: String = batch().to_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(bytes, GOLDEN);
        assert_eq!(Batch::from_bytes(&batch().to_bytes()), Ok(batch()));
    }

    const GOLDEN: &str = "01fd8857a62ecd00000001076d656d62657273023432010301020301\
        07636f6e74656e74057b633a377d08636f756e742e76310109010506010701030a01040b";

    #[test]
    fn a_newer_or_broken_entry_is_refused() {
        let mut newer = batch().to_bytes();
        newer[0] = 2;
        assert!(Batch::from_bytes(&newer).is_err_and(|error| error.contains("newer")));
        let whole = batch().to_bytes();
        for cut in 0..whole.len() {
            assert!(Batch::from_bytes(&whole[..cut]).is_err(), "{cut}");
        }
    }
}
