//! The target membership of a shard, and the next change towards it. Pure: one step at a time.

use raft::eraftpb::{ConfChangeSingle, ConfChangeType, ConfChangeV2, ConfState};

use crate::address::NodeId;
use crate::replication::ReplicaId;

/// The replicas that a shard is to have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TargetMembership {
    /// The preferred leader.
    pub leader: Option<NodeId>,
    /// Nodes that are to vote.
    pub voters: Vec<NodeId>,
    /// Nodes that are to follow without a vote.
    pub learners: Vec<NodeId>,
    /// Whether an operator chose the leader: leadership is then transferred without waiting for a quiet moment.
    pub by_hand: bool,
    /// Nodes that are to transfer their leadership at once.
    pub leaving: Vec<NodeId>,
}

impl TargetMembership {
    /// Whether the node is to have a replica.
    #[must_use]
    pub fn holds(&self, node: NodeId) -> bool {
        self.voters.contains(&node) || self.learners.contains(&node)
    }
}

/// The next step of a shard's leader.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// A change of membership, and its reason.
    Change(ConfChangeV2, String),
    /// A leadership transfer to one of these nodes: this replica is not in the target.
    HandTo(Vec<NodeId>),
}

/// The next step from the current members to the target. `None` if they are the same, or if a learner must catch up
/// first.
///
/// A replica joins as a learner when its node asks for admission. Once it has caught up it gets a vote here, in one
/// joint step with the removal of the voter that it replaces. So the group never tolerates fewer failures than
/// before.
#[must_use]
pub fn next(
    members: &ConfState,
    target: &TargetMembership,
    here: ReplicaId,
    caught_up: &dyn Fn(ReplicaId) -> bool,
) -> Option<Step> {
    if !members.voters_outgoing.is_empty() {
        return None;
    }
    let voters: Vec<ReplicaId> = members.voters.iter().copied().map(ReplicaId).collect();
    let learners: Vec<ReplicaId> = members.learners.iter().copied().map(ReplicaId).collect();
    let wanted = |replica: &ReplicaId| target.voters.contains(&replica.node());
    if let Some(learner) = learners.iter().copied().find(|learner| wanted(learner) && caught_up(*learner)) {
        return Some(promotion(&voters, target, here, learner));
    }
    let missing = target.voters.iter().any(|node| !voters.iter().any(|voter| voter.node() == *node));
    if let Some(voter) = voters.iter().find(|voter| !wanted(voter)) {
        // The voter is needed until its successor votes.
        if missing {
            return None;
        }
        if *voter == here {
            return Some(Step::HandTo(target.voters.clone()));
        }
        // A node that is to stay as a learner, as in the control group, rejoins under a new id.
        let changes = vec![single(ConfChangeType::RemoveNode, *voter)];
        return Some(Step::Change(change(changes), format!("node {} is not to vote", voter.node())));
    }
    let stray = learners.iter().find(|learner| !target.holds(learner.node()))?;
    let changes = vec![single(ConfChangeType::RemoveNode, *stray)];
    Some(Step::Change(change(changes), format!("node {} is not to follow", stray.node())))
}

/// One step that gives a learner a vote. It replaces its node's earlier replica, or a voter that is not in the
/// target.
fn promotion(voters: &[ReplicaId], target: &TargetMembership, here: ReplicaId, learner: ReplicaId) -> Step {
    let mut changes = vec![single(ConfChangeType::AddNode, learner)];
    let mut replaced: Vec<ReplicaId> =
        voters.iter().copied().filter(|voter| voter.node() == learner.node()).collect();
    if replaced.is_empty() && voters.len() >= target.voters.len() {
        // The leader does not remove itself: it transfers its leadership first.
        let goes = |voter: &ReplicaId| !target.voters.contains(&voter.node()) && *voter != here;
        replaced.extend(voters.iter().copied().find(goes));
    }
    let why = match replaced.first() {
        Some(before) => format!(
            "replica {:#x} of node {} votes from now, in place of {:#x} of node {}",
            learner.0,
            learner.node(),
            before.0,
            before.node()
        ),
        None => format!("replica {:#x} of node {} votes from now", learner.0, learner.node()),
    };
    changes.extend(replaced.into_iter().map(|voter| single(ConfChangeType::RemoveNode, voter)));
    Step::Change(change(changes), why)
}

/// A change that admits a learner and removes earlier learners of its node that never got a vote.
#[must_use]
pub fn admission(members: &ConfState, learner: ReplicaId) -> ConfChangeV2 {
    let stale = members.learners.iter().copied().map(ReplicaId);
    let stale = stale.filter(|other| other.node() == learner.node() && *other != learner);
    let mut changes = vec![single(ConfChangeType::AddLearnerNode, learner)];
    changes.extend(stale.map(|other| single(ConfChangeType::RemoveNode, other)));
    change(changes)
}

fn change(changes: Vec<ConfChangeSingle>) -> ConfChangeV2 {
    ConfChangeV2 { changes: changes.into(), ..ConfChangeV2::default() }
}

fn single(change_type: ConfChangeType, replica: ReplicaId) -> ConfChangeSingle {
    ConfChangeSingle { change_type, node_id: replica.0, ..ConfChangeSingle::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ConfChangeType::{AddLearnerNode, AddNode, RemoveNode};

    fn id((node, generation): (u16, u64)) -> ReplicaId {
        ReplicaId::new(NodeId(node), generation)
    }

    fn members(voters: &[(u16, u64)], learners: &[(u16, u64)]) -> ConfState {
        let ids = |of: &[(u16, u64)]| of.iter().map(|replica| id(*replica).0).collect();
        ConfState { voters: ids(voters), learners: ids(learners), ..ConfState::default() }
    }

    fn target(voters: &[u16], learners: &[u16]) -> TargetMembership {
        let nodes = |of: &[u16]| of.iter().copied().map(NodeId).collect::<Vec<_>>();
        TargetMembership { voters: nodes(voters), learners: nodes(learners), ..TargetMembership::default() }
    }

    fn named(change: &ConfChangeV2) -> Vec<(ConfChangeType, u16, u64)> {
        let one = |single: &ConfChangeSingle| {
            let id = ReplicaId(single.node_id);
            (single.change_type, id.node().0, id.generation())
        };
        change.changes.iter().map(one).collect()
    }

    #[test]
    fn each_step_moves_towards_the_target_and_never_below_the_former_fault_tolerance() {
        let three = [(1, 0), (2, 0), (3, 0)];
        type Case = (&'static str, ConfState, TargetMembership, Option<Vec<(ConfChangeType, u16, u64)>>);
        let cases: Vec<Case> = vec![
            ("nothing to do", members(&three, &[]), target(&[1, 2, 3], &[]), None),
            (
                "a rebuilt one",
                members(&three, &[(2, 7)]),
                target(&[1, 2, 3], &[]),
                Some(vec![(AddNode, 2, 7), (RemoveNode, 2, 0)]),
            ),
            ("its successor has not asked yet", members(&three, &[]), target(&[1, 2, 4], &[]), None),
            (
                "a successor",
                members(&three, &[(4, 9)]),
                target(&[1, 2, 4], &[]),
                Some(vec![(AddNode, 4, 9), (RemoveNode, 3, 0)]),
            ),
            (
                "one of two successors",
                members(&three, &[(4, 9), (5, 11)]),
                target(&[1, 4, 5], &[]),
                Some(vec![(AddNode, 4, 9), (RemoveNode, 2, 0)]),
            ),
            (
                "the leader's own place",
                members(&three, &[(4, 9)]),
                target(&[2, 3, 4], &[]),
                Some(vec![(AddNode, 4, 9)]),
            ),
            (
                "a fourth that is not wanted",
                members(&[(1, 0), (2, 0), (3, 0), (4, 9)], &[]),
                target(&[1, 2, 4], &[]),
                Some(vec![(RemoveNode, 3, 0)]),
            ),
            (
                "a group that grows",
                members(&[(1, 0)], &[(2, 3)]),
                target(&[1, 2, 3], &[]),
                Some(vec![(AddNode, 2, 3)]),
            ),
            ("a learner that is to stay one", members(&three, &[(4, 5)]), target(&[1, 2, 3], &[4]), None),
            (
                "a learner that is to go",
                members(&three, &[(4, 5)]),
                target(&[1, 2, 3], &[]),
                Some(vec![(RemoveNode, 4, 5)]),
            ),
        ];
        for (what, members, target, expected) in cases {
            let step = next(&members, &target, id((1, 0)), &|_| true);
            let got = step.map(|step| match step {
                Step::Change(change, _) => named(&change),
                Step::HandTo(nodes) => panic!("{what}: {nodes:?}"),
            });
            assert_eq!(got, expected, "{what}");
        }
    }

    #[test]
    fn a_leader_that_is_to_go_gives_leadership_away_once_all_others_vote() {
        let four = members(&[(1, 0), (2, 0), (3, 0), (4, 9)], &[]);
        let hand = next(&four, &target(&[2, 3, 4], &[]), id((1, 0)), &|_| true);
        assert_eq!(hand, Some(Step::HandTo(vec![NodeId(2), NodeId(3), NodeId(4)])));
        let three = members(&[(1, 0), (2, 0), (3, 0)], &[]);
        assert_eq!(
            next(&three, &target(&[2, 3, 4], &[]), id((1, 0)), &|_| true),
            None,
            "node 4 is not there yet"
        );
    }

    #[test]
    fn a_learner_that_lags_is_waited_for_and_a_joint_membership_is_left_alone() {
        let moving = members(&[(1, 0), (2, 0), (3, 0)], &[(4, 9)]);
        assert_eq!(next(&moving, &target(&[1, 2, 4], &[]), id((1, 0)), &|_| false), None);
        let mut joint = moving;
        joint.voters_outgoing = vec![1, 2, 3];
        assert_eq!(next(&joint, &target(&[1, 2, 4], &[]), id((1, 0)), &|_| true), None);
    }

    #[test]
    fn any_members_reach_any_target_and_neighbouring_quorums_intersect() {
        // Every pair of sets over five nodes, from every leader.
        let subsets = |from: u16| (1..32_u16).filter(move |bits| bits.count_ones() == 3 && from < 32);
        for (from, to) in subsets(0).flat_map(|from| subsets(0).map(move |to| (from, to))) {
            let nodes =
                |bits: u16| (1..=5_u16).filter(move |node| bits & (1 << (node - 1)) != 0).collect::<Vec<_>>();
            let mut voters: Vec<ReplicaId> = nodes(from).into_iter().map(|node| id((node, 0))).collect();
            let mut learners: Vec<ReplicaId> = Vec::new();
            let (target, mut here) = (target(&nodes(to), &[]), voters[0]);
            let mut generation = 10;
            for _ in 0..40 {
                for node in nodes(to) {
                    generation += 1;
                    if !voters.iter().chain(&learners).any(|replica| replica.node().0 == node) {
                        learners.push(id((node, generation)));
                    }
                }
                let state = ConfState {
                    voters: voters.iter().map(|v| v.0).collect(),
                    learners: learners.iter().map(|l| l.0).collect(),
                    ..ConfState::default()
                };
                match next(&state, &target, here, &|_| true) {
                    None => break,
                    Some(Step::HandTo(to)) => {
                        here = *voters.iter().find(|voter| to.contains(&voter.node())).unwrap();
                    }
                    Some(Step::Change(change, _)) => {
                        for single in change.changes {
                            let replica = ReplicaId(single.node_id);
                            match single.change_type {
                                AddNode => {
                                    learners.retain(|learner| *learner != replica);
                                    voters.push(replica);
                                }
                                RemoveNode => {
                                    assert_ne!(replica, here, "a leader removed itself");
                                    learners.retain(|learner| *learner != replica);
                                    voters.retain(|voter| *voter != replica);
                                }
                                AddLearnerNode => learners.push(replica),
                            }
                        }
                        assert!(voters.len() >= 3, "{from:b} to {to:b}: {voters:?}");
                    }
                }
            }
            let mut reached: Vec<u16> = voters.iter().map(|voter| voter.node().0).collect();
            reached.sort_unstable();
            assert_eq!((reached, learners), (nodes(to), vec![]), "{from:b} to {to:b}");
        }
    }

    #[test]
    fn a_learner_replaces_learners_of_its_node_that_never_voted() {
        let now = members(&[(1, 0), (2, 0), (3, 5)], &[(2, 8)]);
        let change = admission(&now, id((2, 12)));
        assert_eq!(named(&change), [(AddLearnerNode, 2, 12), (RemoveNode, 2, 8)]);
    }
}
