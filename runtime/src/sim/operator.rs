//! Whoever runs the simulated cluster: says to the control group where shards shall live, and looks whether they do.

use std::net::SocketAddr;
use std::sync::Arc;

use super::shared::Event;
use super::world::World;
use crate::entity::Command;
use crate::membership::{Cluster, Found, Place};
use crate::node_spec::NodeSpec;
use crate::transport::AskOne;
use crate::{Address, NodeId, ShardId, wire};

/// Between two looks.
const LOOKED_EVERY: u64 = 300_000;

impl World {
    /// A data shard shall live elsewhere.
    pub(super) fn place(&mut self, shard: ShardId, node: u16, instead: u8) {
        let set = &mut self.s.placement[shard.0 as usize];
        match set.iter().position(|held| *held == node) {
            Some(at) => set.swap(0, at),
            None => {
                let at = usize::from(instead) % set.len();
                set[at] = node;
            }
        }
        let known = &mut self.s.known[shard.0 as usize];
        if !known.contains(&node) {
            known.push(node);
        }
    }

    /// Says what is not yet so, again and again: each time is as if it were the first.
    pub(super) fn operate(&mut self) {
        let asks = match self.cluster().filter(|cluster| cluster.founded()) {
            None => vec![self.founding()],
            Some(cluster) => self.placing(&cluster),
        };
        for ask in asks {
            self.clients.operate(&[ask], &mut self.s);
        }
        self.s.after(LOOKED_EVERY, Event::Operate);
    }

    /// What the control group's leader has applied.
    fn cluster(&self) -> Option<Arc<Cluster>> {
        let leads = self
            .nodes
            .iter()
            .find(|node| node.replica(ShardId::CONTROL).is_some_and(|replica| replica.decides()));
        leads?.globals.get::<Cluster>(Cluster::KEY)
    }

    fn founding(&self) -> AskOne {
        let at = |base: u16, node: u16| SocketAddr::from(([127, 0, 0, 1], base + node));
        let spec = |node: u16| NodeSpec {
            id: NodeId(node),
            name: format!("n{node}"),
            mesh: at(1_000, node),
            gateway: at(2_000, node),
            admin: at(3_000, node),
            zone: String::new(),
        };
        let nodes = (1..=self.s.options.nodes).map(spec).collect();
        let sets = (0..=self.s.options.shards).map(|shard| ids(&self.s.options.placement(shard))).collect();
        ask(&Found { nodes, sets })
    }

    fn placing(&self, cluster: &Cluster) -> Vec<AskOne> {
        let mut asks = Vec::new();
        for (shard, (is, shall)) in (0..).zip(cluster.sets.iter().zip(&self.s.placement)) {
            let nodes = ids(shall);
            if *is != nodes {
                asks.push(ask(&Place { shard: ShardId(shard), before: is.clone(), nodes, pinned: false }));
            }
        }
        asks
    }

    /// Whether every group consists of the replicas that shall be there, all with votes, and of no others.
    pub(super) fn members_are_whole(&self) -> Result<(), String> {
        for (shard, placed) in self.s.placement.iter().enumerate() {
            let replicas = |inside: bool| {
                let here = move |node: &&super::node::Node| placed.contains(&node.number) == inside;
                self.nodes.iter().filter(here).filter_map(move |node| node.slots[shard].replica.as_ref())
            };
            let probes: Vec<_> = replicas(true).map(|replica| replica.probe()).collect();
            if probes.len() != placed.len() || probes.iter().any(|probe| !probe.votes) {
                let (there, of) = (probes.len(), placed.len());
                return Err(format!("shard {shard} has {there} replicas that vote of {of}"));
            }
            if let Some(other) = replicas(false).next() {
                return Err(format!("shard {shard} still has replica {:#x}", other.probe().id.0));
            }
            let leads = replicas(true).filter(|replica| replica.decides());
            let Some(leader) = leads.max_by_key(|replica| replica.probe().term) else {
                return Err(format!("shard {shard} has no leader"));
            };
            if leader.probe().changing {
                return Err(format!("the membership of shard {shard} is changing"));
            }
            if probes.iter().any(|probe| !leader.admitted(probe.id)) {
                return Err(format!("shard {shard} has replicas that are no members"));
            }
        }
        Ok(())
    }
}

fn ids(nodes: &[u16]) -> Vec<NodeId> {
    nodes.iter().copied().map(NodeId).collect()
}

fn ask<C: Command>(command: &C) -> AskOne {
    let to = Address::of::<Cluster>(Cluster::KEY);
    AskOne { to, verb: C::VERB.to_owned(), body: wire::encode(command), key: None }
}
