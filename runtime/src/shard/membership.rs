//! How a group's membership follows what is wished for its shard. Replicas come as learners under ids that nobody had:
//! one that lost its log, and one on a node that never had any.

use super::replica::Replica;
use crate::address::NodeId;
use crate::error::AskError;
use crate::membership::target_membership::{Step, admission, next};
use crate::membership::{Cluster, TargetMembership};
use crate::replication::ReplicaId;

/// Entries by which a learner may lag and be called caught up.
const LAG_MAX: u64 = 64;

impl Replica {
    /// Proposes to take a node's new replica in. It is a member once [`Replica::admitted`] says so, which may be never
    /// when leadership is lost.
    ///
    /// # Errors
    /// `NotLeader`; `Busy` while the membership changes; `NotSent` for a node that shall not hold the shard.
    pub fn admit(&mut self, node: NodeId) -> Result<ReplicaId, AskError> {
        if !self.decides() || !self.group.may_propose() {
            return Err(AskError::NotLeader { hint: self.leader().map(|node| node.0) });
        }
        self.read_wishes();
        if !self.wishes.holds(node) {
            return Err(AskError::NotSent(format!(
                "shard {} is not placed on node {node}",
                self.group.shard()
            )));
        }
        let busy = || AskError::busy("membership", std::time::Duration::from_millis(200));
        if self.group.changing() {
            return Err(busy());
        }
        // The index of its admission: no earlier replica of the node can have had it.
        let id = ReplicaId::new(node, self.group.last() + 1);
        self.group.propose_change(admission(&self.group.members(), id)).map_err(|_| busy())?;
        self.note("admitting", format!("node {node} as replica {:#x}, which learns first", id.0));
        Ok(id)
    }

    /// Whether a replica is a member by what is committed here. One that is to go is one until the group has left the
    /// joint membership: until then nothing is committed without a majority of those before.
    #[must_use]
    pub fn admitted(&self, id: ReplicaId) -> bool {
        let members = self.group.members();
        let mut ids = members.voters.iter().chain(&members.learners).chain(&members.voters_outgoing);
        ids.any(|member| *member == id.0)
    }

    /// Takes the group one step towards what is wished for it.
    pub(super) fn reshape(&mut self) {
        if !self.decides() || !self.group.may_propose() || self.group.changing() {
            return;
        }
        self.read_wishes();
        let here = self.group.id();
        if self.wishes.leaving.contains(&here.node()) {
            let leaving = self.wishes.leaving.clone();
            if let Some(to) = self.group.successor(&|node| !leaving.contains(&node)) {
                self.note("handing_over", format!("to node {}: this node is drained", to.node()));
                self.transfer(to);
                return;
            }
        }
        let floor = self.group.last().saturating_sub(LAG_MAX);
        // It holds its own admission, so it has taken what was there before.
        let caught_up = |replica: ReplicaId| {
            let matched = self.group.active_match(replica);
            matched.is_some_and(|matched| matched >= floor.max(replica.generation()))
        };
        match next(&self.group.members(), &self.wishes, here, &caught_up) {
            Some(Step::Change(change, why)) => {
                let proposed = self.group.propose_change(change);
                if proposed.is_ok() {
                    self.note("reshaping", why);
                }
            }
            Some(Step::HandTo(nodes)) => {
                if let Some(to) = self.group.successor(&|node| nodes.contains(&node)) {
                    self.note("handing_over", format!("to node {}: this replica is to go", to.node()));
                    self.transfer(to);
                }
            }
            None => {}
        }
    }

    /// Reads what is wished, when anything was published since the last time.
    pub(super) fn read_wishes(&mut self) {
        let published = self.globals.version();
        if self.wished == published && !self.wishes.voters.is_empty() {
            return;
        }
        self.wished = published;
        let wishes = self.globals.get::<Cluster>(Cluster::KEY).and_then(|c| c.target(self.group.shard()));
        // A cluster that has not said anything yet wishes what it has, with votes for all who learn.
        self.wishes = wishes.unwrap_or_else(|| {
            let members = self.group.members();
            let ids = members.voters.iter().chain(&members.learners).chain(&members.voters_outgoing);
            let mut voters: Vec<NodeId> = ids.map(|id| ReplicaId(*id).node()).collect();
            voters.sort_unstable();
            voters.dedup();
            TargetMembership { voters, ..TargetMembership::default() }
        });
    }
}
