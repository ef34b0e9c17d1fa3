//! What a replica is made of, and what passes through it.

use std::sync::Arc;

use super::config::ShardConfig;
use crate::address::{Address, ShardId};
use crate::entity::{Globals, Placement, Registry};
use crate::replication::{Mono, RaftConfig, Start};
use crate::storage::Store;
use crate::transport::{AskOne, Outcome};

/// What a replica is made of.
pub struct ReplicaParts {
    /// The group's place and log.
    pub start: Start,
    /// Data shards of the cluster.
    pub shards: u32,
    /// Kinds it can run.
    pub registry: Arc<Registry>,
    /// Checkpoints.
    pub store: Arc<dyn Store>,
    /// The node's view of the control group; the control group's own replica writes it.
    pub globals: Arc<Globals>,
    /// Timing of Raft.
    pub raft: RaftConfig,
    /// Bounds.
    pub shard: ShardConfig,
    /// Start of the random seeds given to entities.
    pub seed: u64,
}

/// A request on its way through the shard.
pub(super) struct Open {
    pub(super) outcomes: Vec<Option<Outcome>>,
    pub(super) missing: usize,
    pub(super) arrived: Mono,
    /// Numbers of its messages in the ring of recent ones.
    pub(super) messages: Vec<u64>,
}

/// An ask that waits to be decided.
pub(super) struct WaitingAsk {
    pub(super) token: u64,
    pub(super) slot: usize,
    pub(super) ask: AskOne,
    pub(super) deadline: Mono,
}

/// An answer that may leave once `wait` is committed and leadership at a time after `asked` is proven.
pub(super) struct HeldRead {
    pub(super) token: u64,
    pub(super) slot: usize,
    pub(super) outcome: Outcome,
    pub(super) wait: u64,
    pub(super) asked: Mono,
}

/// A proposed entry and whom its commit answers.
pub(super) struct Inflight {
    pub(super) index: u64,
    pub(super) term: u64,
    pub(super) answers: Vec<(u64, usize, Vec<u8>)>,
    pub(super) taken: Vec<(ShardId, u64)>,
    /// Control entities that it changed.
    pub(super) changed: Vec<(&'static str, String)>,
}

/// What holds only while leading.
#[derive(Default)]
pub(super) struct Leading {
    pub(super) term: u64,
    /// The entry that must be applied before anything is decided: the term's own first.
    pub(super) from: u64,
    pub(super) ready: bool,
    pub(super) since: Mono,
    /// Somebody was told to stand for election, who may do so at any later time in this term: voters forget for him what
    /// they promised, so a lease says nothing any more.
    pub(super) handed: bool,
}

/// Counters since start.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Counters {
    pub(super) commands: u64,
    pub(super) queries: u64,
    pub(super) dead_letters: u64,
}

/// The shard of an address; an unknown kind is placed like a sharded one, and refused there.
pub(super) fn shard_of(registry: &Registry, shards: u32, to: &Address) -> ShardId {
    match registry.get(&to.kind).map(|kind| kind.placement) {
        Some(Placement::Control) => ShardId::CONTROL,
        _ => to.shard(shards),
    }
}
