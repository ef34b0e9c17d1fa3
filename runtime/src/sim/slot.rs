//! A replica's place on a simulated node.

use std::collections::BTreeMap;

use crate::NodeId;
use crate::replication::ReplicaId;
use crate::shard::{CheckpointJob, Replica};

/// A replica's place on a node.
#[derive(Default)]
pub(super) struct Slot {
    pub(super) replica: Option<Replica>,
    pub(super) replies: BTreeMap<u64, u64>,
    pub(super) leader: Option<NodeId>,
    pub(super) rejoin: Option<Rejoin>,
    /// It is to be started again.
    pub(super) restarting: bool,
    pub(super) ticks: u32,
    /// Messages that the replica is not woken for.
    pub(super) unread: Vec<Vec<u8>>,
    pub(super) seen: u64,
    /// Which opening of a replica this is: what was begun for another does not count.
    pub(super) opened: u64,
    /// It is being written.
    pub(super) checkpoint: Option<CheckpointJob>,
}

#[derive(Default)]
pub(super) struct Rejoin {
    pub(super) id: Option<ReplicaId>,
    pub(super) asked: u32,
    pub(super) recording: bool,
}
