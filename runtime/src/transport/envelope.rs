//! Messages between nodes. New variants are added at the end; golden bytes in the tests pin the existing ones.

use bincode::{Decode, Encode};

use crate::address::{Address, ShardId};
use crate::entity::Effect;
use crate::error::AskError;

/// The queue of an envelope: replication must not wait behind a burst of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Raft messages, heartbeats and replies: sent before the other lanes.
    System,
    /// Requests, effects.
    User,
    /// Snapshots and other bulk data.
    Bulk,
}

/// One message between nodes.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub enum Envelope {
    /// Messages of one Raft group, each as raft-rs encodes it.
    Raft {
        /// The group.
        shard: ShardId,
        /// Encoded `raft::eraftpb::Message`s.
        messages: Vec<Vec<u8>>,
    },
    /// Requests for entities of one shard.
    Ask(AskBatch),
    /// Answers to one [`AskBatch`].
    Reply(ReplyBatch),
    /// Effects from one shard to another.
    Effects(EffectBatch),
    /// Effects up to `seq` are in the receiving shard's committed state.
    EffectsTaken {
        /// The sending shard.
        from: ShardId,
        /// The receiving shard.
        to: ShardId,
        /// The highest sequence number taken.
        seq: u64,
    },
    /// A piece of a snapshot.
    Snapshot(SnapshotChunk),
    /// A call to a service of the node, such as inspection.
    Call(ServiceCall),
    /// The answer to a call.
    CallReply(ServiceReply),
    /// A message to a service, without an answer.
    Tell(ServiceTell),
}

impl Envelope {
    /// The lane it travels in.
    #[must_use]
    pub const fn lane(&self) -> Lane {
        match self {
            Self::Raft { .. } | Self::Reply(_) | Self::EffectsTaken { .. } | Self::CallReply(_) => {
                Lane::System
            }
            Self::Ask(_) | Self::Effects(_) | Self::Call(_) | Self::Tell(_) => Lane::User,
            Self::Snapshot(_) => Lane::Bulk,
        }
    }
}

/// Requests that one node sends to the leader of one shard.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub struct AskBatch {
    /// Chosen by the sender; unique within its incarnation.
    pub call: u64,
    /// The shard.
    pub shard: ShardId,
    /// Milliseconds left until the deadline at the time of sending: clocks of nodes are not compared.
    pub left_ms: u32,
    /// The requests; answered in this order.
    pub asks: Vec<AskOne>,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub struct AskOne {
    /// The target entity.
    pub to: Address,
    /// The verb.
    pub verb: String,
    /// The message, encoded.
    pub body: Vec<u8>,
    /// The client's idempotency key, hashed.
    pub key: Option<u128>,
}

impl AskOne {
    /// Approximate memory of the request while it is queued.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.body.len() as u64 + 64
    }
}

/// Bytes of a reply, or the error.
pub type Outcome = Result<Vec<u8>, AskError>;

/// Answers to an [`AskBatch`], in its order.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub struct ReplyBatch {
    /// The call answered.
    pub call: u64,
    /// One outcome for each ask.
    pub outcomes: Vec<Outcome>,
}

/// Consecutive effects from one shard to another.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub struct EffectBatch {
    /// The sending shard.
    pub from: ShardId,
    /// The receiving shard.
    pub to: ShardId,
    /// Sequence number of the first effect; the others follow without a gap.
    pub first: u64,
    /// The effects, each with the address that sent it.
    pub effects: Vec<(Address, Effect)>,
}

/// A piece of a shard's snapshot.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub struct SnapshotChunk {
    /// The group.
    pub shard: ShardId,
    /// Number of the transfer of the group.
    pub transfer: u64,
    /// Position of this piece, from zero.
    pub part: u32,
    /// Number of pieces.
    pub parts: u32,
    /// The bytes; at most 256 KiB.
    pub bytes: Vec<u8>,
}

/// A call to a named service of a node.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub struct ServiceCall {
    /// Chosen by the caller.
    pub call: u64,
    /// The service's name: `inspect`.
    pub service: String,
    /// The request, in the service's own encoding.
    pub body: Vec<u8>,
}

/// A message to a named service of a node, without an answer.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub struct ServiceTell {
    /// The service's name.
    pub service: String,
    /// The message, in the service's own encoding.
    pub body: Vec<u8>,
}

/// The answer to a [`ServiceCall`].
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub struct ServiceReply {
    /// The call answered.
    pub call: u64,
    /// The answer's bytes, or the error.
    pub outcome: Outcome,
}
