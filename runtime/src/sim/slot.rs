//! The slot of one replica on a simulated node.

use std::collections::BTreeMap;
use std::time::Duration;

use super::network::Mail;
use crate::replication::ReplicaId;
use crate::shard::{CheckpointJob, Replica};
use crate::transport::AskOne;
use crate::{AskError, NodeId, ShardId};

/// Questions after which a rejoining replica asks for a new id.
const ADMITTED_WITHIN: u32 = 10;

/// The slot of one replica.
#[derive(Default)]
pub(super) struct Slot {
    pub(super) replica: Option<Replica>,
    /// Calls that wait for an answer, by the replica's token.
    pub(super) replies: BTreeMap<u64, u64>,
    pub(super) leader: Option<NodeId>,
    pub(super) rejoin: Option<Rejoin>,
    /// The replica is to be started again.
    pub(super) restarting: bool,
    pub(super) ticks: u32,
    /// Messages that do not wake the replica.
    pub(super) unread: Vec<Vec<u8>>,
    /// Index up to which the watch has compared applied entries.
    pub(super) seen: u64,
    /// Number of this opening: work that was begun for an earlier one does not count.
    pub(super) opened: u64,
    /// The checkpoint that is being written.
    pub(super) checkpoint: Option<CheckpointJob>,
}

impl Slot {
    /// Hands asks to the replica, up to the mailbox's bound.
    ///
    /// # Errors
    /// `NotSent` without a replica; `Busy` at the bound.
    pub(super) fn ask(
        &mut self,
        call: u64,
        asks: Vec<AskOne>,
        deadline: u64,
        now: u64,
        asks_max: usize,
    ) -> Result<(), AskError> {
        let Some(replica) = &mut self.replica else {
            return Err(AskError::NotSent("no replica of the shard runs here".to_owned()));
        };
        if replica.backlog() > 0 && replica.backlog() + asks.len() > asks_max {
            return Err(AskError::busy("mailbox", Duration::from_millis(50)));
        }
        let token = replica.ask(asks, deadline, now);
        self.replies.insert(token, call);
        Ok(())
    }

    /// Whether the replica `id` is a member of its group; `None` unless this replica leads the group.
    pub(super) fn standing(&self, shard: ShardId, id: ReplicaId) -> Option<Mail> {
        let replica = self.replica.as_ref().filter(|replica| replica.decides())?;
        Some(match replica.admitted(id) {
            true => Mail::Member(shard, id),
            false => Mail::Removed(shard, id, replica.probe().term),
        })
    }

    /// Whether to believe a leader of `term` that the replica `id` was removed: a later term of the replica's own may
    /// have admitted it since.
    pub(super) fn believes_removal(&self, id: ReplicaId, term: u64) -> bool {
        self.replica.as_ref().is_some_and(|replica| {
            let probe = replica.probe();
            probe.id == id && term >= probe.term && !probe.leads
        })
    }
}

/// A lost replica that asks its group for admission.
#[derive(Default)]
pub(super) struct Rejoin {
    /// The id that a leader has given it.
    pub(super) id: Option<ReplicaId>,
    questions: u32,
    /// Its id is being written to the log.
    pub(super) recording: bool,
}

impl Rejoin {
    /// The next question to the group.
    pub(super) fn question(&mut self, shard: ShardId, node: NodeId) -> Mail {
        self.questions += 1;
        if self.questions.is_multiple_of(ADMITTED_WITHIN) {
            self.id = None;
        }
        match self.id {
            Some(id) => Mail::IsMember(shard, id),
            None => Mail::Readmit(shard, node),
        }
    }
}
