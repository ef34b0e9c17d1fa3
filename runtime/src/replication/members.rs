//! Membership and leadership of a group: joint changes, leadership transfer, and followers that need a snapshot.

use std::cmp::Reverse;

use protobuf::Message as _;
use raft::ProgressState;
use raft::eraftpb::{ConfChangeV2, Entry, EntryType};

use super::group::Group;
use super::parts::{ReplicaId, rank};
use crate::address::NodeId;

/// Entries that a voter may lack and still receive leadership. Under load some entries are always on their way.
const SUCCESSOR_LAG_MAX: u64 = 32;

impl Group {
    /// Reports snapshots as failed that a follower has not taken within `snapshot_ticks`. raft-rs sends nothing to a
    /// follower that it believes to be taking a snapshot, and is not notified of a snapshot that was lost on the way.
    pub(super) fn count_snapshots(&mut self) {
        if !self.leads() {
            self.awaited.clear();
            return;
        }
        let taking = |state: ProgressState| state == ProgressState::Snapshot;
        let waited: Vec<u64> = {
            let progress = self.raw.raft.prs();
            progress.iter().filter(|(_, progress)| taking(progress.state)).map(|(id, _)| *id).collect()
        };
        self.awaited.retain(|id, _| waited.contains(id));
        for id in waited {
            let ticks = self.awaited.entry(id).or_default();
            *ticks += 1;
            if *ticks >= self.snapshot_ticks {
                *ticks = 0;
                self.raw.report_snapshot(id, raft::SnapshotStatus::Failure);
            }
        }
    }

    /// Whether the membership is changing: another change must wait.
    #[must_use]
    pub fn changing(&self) -> bool {
        self.raw.raft.has_pending_conf() || self.is_joint()
    }

    /// Whether the membership is joint: each commit needs a majority of the old and of the new voters.
    #[must_use]
    pub fn is_joint(&self) -> bool {
        !self.members().voters_outgoing.is_empty()
    }

    /// Last index at which an active replica's log matches this leader's; `None` for a replica that was silent lately.
    #[must_use]
    pub fn active_match(&self, replica: ReplicaId) -> Option<u64> {
        let progress = self.raw.raft.prs().get(replica.0)?;
        progress.recent_active.then_some(progress.matched)
    }

    /// Proposes a change of membership.
    ///
    /// # Errors
    /// Not the leader, or a change is pending.
    pub fn propose_change(&mut self, change: ConfChangeV2) -> Result<(), String> {
        self.raw.propose_conf_change(Vec::new(), change).map_err(|error| error.to_string())
    }

    /// Applies a committed change of membership.
    ///
    /// # Errors
    /// raft-rs refused it.
    pub fn apply_change(&mut self, entry: &Entry) -> Result<(), String> {
        let change = match entry.get_entry_type() {
            EntryType::EntryConfChangeV2 => {
                ConfChangeV2::parse_from_bytes(&entry.data).map_err(|error| error.to_string())?
            }
            EntryType::EntryConfChange => {
                let change = raft::eraftpb::ConfChange::parse_from_bytes(&entry.data)
                    .map_err(|error| error.to_string())?;
                raft::eraftpb::ConfChangeV2 { changes: vec![single(&change)].into(), ..Default::default() }
            }
            EntryType::EntryNormal => return Ok(()),
        };
        let members = self.raw.apply_conf_change(&change).map_err(|error| error.to_string())?;
        self.raw.mut_store().members = members;
        self.stand_by_rank();
        Ok(())
    }

    /// The node that leads this group while all nodes run: the first to stand for election.
    #[must_use]
    pub fn preferred(&self) -> Option<NodeId> {
        let voters: Vec<ReplicaId> = self.members().voters.into_iter().map(ReplicaId).collect();
        voters.iter().find(|replica| rank(self.shard, **replica, &voters) == 0).map(|replica| replica.node())
    }

    /// Transfers leadership. Proposals are refused until it is done or an election timeout has passed.
    pub fn transfer(&mut self, to: ReplicaId) {
        self.raw.transfer_leader(to.0);
    }

    /// A voter to receive leadership: another active one on a node that suits, with a lag of at most
    /// `SUCCESSOR_LAG_MAX` entries, and the smallest lag of all. raft-rs sends it the missing entries before it asks it
    /// to stand for election.
    #[must_use]
    pub fn successor(&self, suits: &dyn Fn(NodeId) -> bool) -> Option<ReplicaId> {
        let floor = self.last().saturating_sub(SUCCESSOR_LAG_MAX);
        let lacking = |id: u64| {
            let progress = self.raw.raft.prs().get(id)?;
            (progress.recent_active && progress.matched >= floor).then_some((Reverse(progress.matched), id))
        };
        let voters = self.members().voters;
        let others = voters.into_iter().filter(|id| *id != self.id.0 && suits(ReplicaId(*id).node()));
        others.filter_map(lacking).min().map(|(_, id)| ReplicaId(id))
    }

    /// Whether a heartbeat round waits for answers: one of this leader, or one that a follower asked for.
    #[must_use]
    pub fn has_open_round(&self) -> bool {
        self.raw.raft.pending_read_count() > 0
    }

    /// Last index at which a replica's log is known to match this leader's.
    #[must_use]
    pub fn matched(&self, replica: ReplicaId) -> Option<u64> {
        self.raw.raft.prs().get(replica.0).map(|progress| progress.matched)
    }

    /// Reports that a snapshot could not be sent, so that raft-rs tries again.
    pub fn snapshot_failed(&mut self, to: ReplicaId) {
        self.raw.report_snapshot(to.0, raft::SnapshotStatus::Failure);
    }
}

fn single(change: &raft::eraftpb::ConfChange) -> raft::eraftpb::ConfChangeSingle {
    raft::eraftpb::ConfChangeSingle {
        change_type: change.change_type,
        node_id: change.node_id,
        ..Default::default()
    }
}
