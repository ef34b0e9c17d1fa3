//! Replicas that lost their log, and how a group takes them back: as a learner under a new id, which becomes the voter
//! in the old one's place once it has caught up.

use raft::eraftpb::{ConfChangeSingle, ConfChangeType, ConfChangeV2, ConfState};

use super::replica::Replica;
use crate::address::NodeId;
use crate::error::AskError;
use crate::replication::ReplicaId;

/// Entries by which a learner may lag and be called caught up.
const LAG_MAX: u64 = 64;

impl Replica {
    /// Proposes to take a node's replica back under a new id. It is a member once [`Replica::admitted`] says so, which
    /// may be never when leadership is lost.
    ///
    /// # Errors
    /// `NotLeader`; `Busy` while the membership changes.
    pub fn readmit(&mut self, node: NodeId) -> Result<ReplicaId, AskError> {
        if !self.decides() || !self.group.may_propose() {
            return Err(AskError::NotLeader { hint: self.leader().map(|node| node.0) });
        }
        let busy = || AskError::busy("membership", std::time::Duration::from_millis(200));
        if self.group.changing() {
            return Err(busy());
        }
        let (id, change) = admission(&self.group.members(), node);
        self.group.propose_change(change).map_err(|_| busy())?;
        self.note("readmitting", format!("node {node} as replica {:#x}, which learns first", id.0));
        Ok(id)
    }

    /// Whether a replica is a member by what is committed here.
    #[must_use]
    pub fn admitted(&self, id: ReplicaId) -> bool {
        is_member(&self.group.members(), id)
    }

    /// Lets a learner that has caught up vote, in the place of its node's earlier replica.
    pub(super) fn promote_if_caught_up(&mut self) {
        if !self.decides() || !self.group.may_propose() || self.group.changing() {
            return;
        }
        let members = self.group.members();
        let floor = self.group.last().saturating_sub(LAG_MAX);
        let ready =
            |id: &&u64| self.group.active_match(ReplicaId(**id)).is_some_and(|matched| matched >= floor);
        let Some(learner) = members.learners.iter().find(ready).map(|id| ReplicaId(*id)) else { return };
        if self.group.propose_change(promotion(&members, learner)).is_ok() {
            self.note(
                "promoting",
                format!("replica {:#x} of node {} votes from now", learner.0, learner.node()),
            );
        }
    }
}

fn is_member(members: &ConfState, id: ReplicaId) -> bool {
    members.voters.contains(&id.0) || members.learners.contains(&id.0)
}

/// A new learner for the node in the place of earlier ones that never came to vote.
fn admission(members: &ConfState, node: NodeId) -> (ReplicaId, ConfChangeV2) {
    let of_node =
        |ids: &[u64]| ids.iter().copied().filter(|id| ReplicaId(*id).node() == node).collect::<Vec<_>>();
    let (voters, learners) = (of_node(&members.voters), of_node(&members.learners));
    let newest = voters.iter().chain(&learners).map(|id| ReplicaId(*id).generation()).max();
    let id = ReplicaId::new(node, newest.map_or(1, |generation| generation + 1));
    let mut changes = vec![single(ConfChangeType::AddLearnerNode, id.0)];
    changes.extend(learners.into_iter().map(|learner| single(ConfChangeType::RemoveNode, learner)));
    (id, ConfChangeV2 { changes: changes.into(), ..ConfChangeV2::default() })
}

/// One step from the node's earlier voters to this one.
fn promotion(members: &ConfState, learner: ReplicaId) -> ConfChangeV2 {
    let mut changes = vec![single(ConfChangeType::AddNode, learner.0)];
    let earlier = members.voters.iter().filter(|voter| ReplicaId(**voter).node() == learner.node());
    changes.extend(earlier.map(|voter| single(ConfChangeType::RemoveNode, *voter)));
    ConfChangeV2 { changes: changes.into(), ..ConfChangeV2::default() }
}

fn single(change_type: ConfChangeType, node_id: u64) -> ConfChangeSingle {
    ConfChangeSingle { change_type, node_id, ..ConfChangeSingle::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(voters: &[(u16, u64)], learners: &[(u16, u64)]) -> ConfState {
        let ids =
            |of: &[(u16, u64)]| of.iter().map(|(node, g)| ReplicaId::new(NodeId(*node), *g).0).collect();
        ConfState { voters: ids(voters), learners: ids(learners), ..ConfState::default() }
    }

    fn named(change: &ConfChangeV2) -> Vec<(ConfChangeType, u16, u64)> {
        let one = |single: &ConfChangeSingle| {
            let id = ReplicaId(single.node_id);
            (single.change_type, id.node().0, id.generation())
        };
        change.changes.iter().map(one).collect()
    }

    #[test]
    fn a_node_comes_back_under_a_generation_that_nobody_had() {
        use ConfChangeType::{AddLearnerNode, RemoveNode};
        let three = [(1, 0), (2, 0), (3, 0)];
        for (voters, learners, expected) in [
            (&three[..], &[][..], vec![(AddLearnerNode, 2, 1)]),
            (&[(1, 0), (2, 4), (3, 0)], &[], vec![(AddLearnerNode, 2, 5)]),
            // It was lost again while it learnt.
            (&three, &[(2, 1)], vec![(AddLearnerNode, 2, 2), (RemoveNode, 2, 1)]),
            (&three, &[(3, 1)], vec![(AddLearnerNode, 2, 1)]),
            (&[(1, 0), (3, 0)], &[], vec![(AddLearnerNode, 2, 1)]),
        ] {
            let (id, change) = admission(&members(voters, learners), NodeId(2));
            assert_eq!(named(&change), expected, "{voters:?} {learners:?}");
            assert_eq!((id.node().0, id.generation()), (expected[0].1, expected[0].2));
        }
    }

    #[test]
    fn a_learner_takes_the_place_of_its_node_and_of_no_other() {
        let now = members(&[(1, 0), (2, 0), (3, 5)], &[(2, 1)]);
        let change = promotion(&now, ReplicaId::new(NodeId(2), 1));
        assert_eq!(named(&change), [(ConfChangeType::AddNode, 2, 1), (ConfChangeType::RemoveNode, 2, 0)]);
    }
}
