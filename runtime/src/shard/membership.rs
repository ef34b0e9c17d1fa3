//! How a group's membership follows the control group's wishes for its shard. A replica joins as a learner under an id
//! that was never used: one that lost its log, and one on a node that never held the shard.

use std::collections::BTreeSet;
use std::time::Duration;

use raft::eraftpb::{ConfChangeV2, ConfState};

use crate::address::NodeId;
use crate::entity::Globals;
use crate::error::AskError;
use crate::membership::target_membership::{Step, admission, next};
use crate::membership::{Cluster, TargetMembership};
use crate::replication::{Group, Mono, ReplicaId};
use crate::time::micros;

/// Entries by which a learner may lag and count as caught up.
const LAG_MAX: u64 = 64;
/// When a node that was rejected during a membership change should ask again.
const RETRY_AFTER: Duration = Duration::from_millis(200);
/// Time after which a leadership transfer that was asked for by hand is tried again, in microseconds.
const HANDED_AGAIN_AFTER: Mono = 1_000_000;

/// The next step towards the wished membership.
#[derive(Debug, PartialEq)]
pub(super) enum Reshape {
    /// Propose this change, and why.
    Propose(ConfChangeV2, String),
    /// Transfer leadership to this replica, and why.
    Transfer(ReplicaId, String),
}

/// The wishes for one shard, as the control group last published them.
pub(super) struct Membership {
    wishes: TargetMembership,
    /// Version of the globals at the last read.
    version: u64,
    /// How long another node than the preferred one leads before it hands leadership over, in microseconds.
    rebalance_after: Mono,
}

impl Membership {
    pub(super) fn new(rebalance_after: Duration) -> Self {
        let rebalance_after = micros(rebalance_after);
        Self { wishes: TargetMembership::default(), version: 0, rebalance_after }
    }

    /// Reads the wishes if the control group has published since the last read.
    pub(super) fn refresh(&mut self, globals: &Globals, group: &Group) {
        let version = globals.version();
        if self.version == version && !self.wishes.voters.is_empty() {
            return;
        }
        self.version = version;
        let wishes = globals.get::<Cluster>(Cluster::KEY).and_then(|c| c.target(group.shard()));
        self.wishes = wishes.unwrap_or_else(|| unplanned(&group.members()));
    }

    /// The change that admits a node's new replica as a learner, and that replica's id.
    ///
    /// # Errors
    /// `NotSent` for a node on which the shard is not placed; `Busy` while the membership changes.
    pub(super) fn admission(
        &self,
        node: NodeId,
        group: &Group,
    ) -> Result<(ReplicaId, ConfChangeV2), AskError> {
        if !self.wishes.holds(node) {
            return Err(AskError::NotSent(format!("shard {} is not placed on node {node}", group.shard())));
        }
        if group.changing() {
            return Err(changing());
        }
        // The index of its admission: no earlier replica of the node can have had it.
        let id = ReplicaId::new(node, group.last() + 1);
        Ok((id, admission(&group.members(), id)))
    }

    /// The next step towards the wished membership; `None` when it is reached, or a learner must catch up first. A node
    /// that is drained hands leadership over before anything else.
    pub(super) fn next(&self, group: &Group) -> Option<Reshape> {
        let here = group.id();
        let leaving = &self.wishes.leaving;
        if leaving.contains(&here.node())
            && let Some(to) = group.successor(&|node| !leaving.contains(&node))
        {
            let why = format!("to node {}: this node is drained", to.node());
            return Some(Reshape::Transfer(to, why));
        }
        let floor = group.last().saturating_sub(LAG_MAX);
        // A replica that holds its own admission has received everything before it.
        let caught_up = |replica: ReplicaId| {
            let matched = group.active_match(replica);
            matched.is_some_and(|matched| matched >= floor.max(replica.generation()))
        };
        match next(&group.members(), &self.wishes, here, &caught_up)? {
            Step::Change(change, why) => Some(Reshape::Propose(change, why)),
            Step::HandTo(nodes) => {
                let to = group.successor(&|node| nodes.contains(&node))?;
                Some(Reshape::Transfer(to, format!("to node {}: this replica is to go", to.node())))
            }
        }
    }

    /// The replica on the preferred node, once this one has led for long enough (`settled_for` microseconds): a
    /// preferred node that was down leads its share again, and one that was named by hand leads as soon as it can.
    pub(super) fn preferred(&self, group: &Group, settled_for: Mono) -> Option<ReplicaId> {
        let after = if self.wishes.by_hand { HANDED_AGAIN_AFTER } else { self.rebalance_after };
        if settled_for < after {
            return None;
        }
        let preferred = self.wishes.leader.or_else(|| group.preferred());
        if preferred == Some(group.id().node()) {
            return None;
        }
        group.successor(&|node| Some(node) == preferred)
    }

    /// The replica that should lead when this node stops: never on a node of `stopping`, and on a node that is not leaving
    /// if possible.
    pub(super) fn successor(&self, group: &Group, stopping: &BTreeSet<NodeId>) -> Option<ReplicaId> {
        let runs = |node: NodeId| !stopping.contains(&node);
        let stays = |node: NodeId| runs(node) && !self.wishes.leaving.contains(&node);
        group.successor(&stays).or_else(|| group.successor(&runs))
    }

    /// Whether another voter is on a node that does not stop, and so may lead once it has caught up.
    pub(super) fn has_heir(group: &Group, stopping: &BTreeSet<NodeId>) -> bool {
        let mut others = group.members().voters.into_iter().filter(|id| *id != group.id().0);
        others.any(|id| !stopping.contains(&ReplicaId(id).node()))
    }
}

/// The refusal while the membership changes.
pub(super) fn changing() -> AskError {
    AskError::busy("membership", RETRY_AFTER)
}

/// TargetMembership of a cluster without a plan: the present members, with votes for all learners.
fn unplanned(members: &ConfState) -> TargetMembership {
    let ids = members.voters.iter().chain(&members.learners).chain(&members.voters_outgoing);
    let mut voters: Vec<NodeId> = ids.map(|id| ReplicaId(*id).node()).collect();
    voters.sort_unstable();
    voters.dedup();
    TargetMembership { voters, ..TargetMembership::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::ShardId;
    use crate::replication::{RaftConfig, SnapshotMark, Start};
    use crate::storage::GroupLog;

    fn group() -> Group {
        let id = |node| ReplicaId::new(NodeId(node), 0);
        let (founders, mark) = ((1..=3).map(id).collect(), SnapshotMark::default());
        let start = Start { shard: ShardId(1), id: id(2), founders, log: GroupLog::default(), mark };
        Group::start(start, &RaftConfig::default()).unwrap()
    }

    #[test]
    fn without_a_plan_the_members_stay_and_learners_get_votes() {
        let id = |node, generation| ReplicaId::new(NodeId(node), generation).0;
        let members = ConfState {
            voters: vec![id(3, 0), id(1, 0)],
            learners: vec![id(2, 9), id(1, 7)],
            voters_outgoing: vec![id(4, 0)],
            ..ConfState::default()
        };
        assert_eq!(unplanned(&members).voters, [1, 2, 3, 4].map(NodeId));
    }

    #[test]
    fn a_node_is_admitted_only_where_the_shard_is_placed() {
        let (group, mut membership) = (group(), Membership::new(Duration::from_secs(15)));
        membership.refresh(&Globals::default(), &group);
        let refused = membership.admission(NodeId(9), &group).unwrap_err();
        assert!(matches!(refused, AskError::NotSent(_)), "{refused:?}");
        let (id, _) = membership.admission(NodeId(3), &group).unwrap();
        assert_eq!((id.node(), id.generation()), (NodeId(3), group.last() + 1));
    }

    #[test]
    fn the_wished_membership_needs_no_step_and_no_early_transfer() {
        let (group, mut membership) = (group(), Membership::new(Duration::from_secs(15)));
        membership.refresh(&Globals::default(), &group);
        assert_eq!(membership.next(&group), None);
        assert_eq!(membership.preferred(&group, 14_999_999), None);
    }
}
