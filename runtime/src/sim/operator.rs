//! The operator of the simulated cluster: sets the placement in the control group and checks that it is reached.

use std::net::SocketAddr;
use std::sync::Arc;

use super::shared::Event;
use super::world::World;
use crate::entity::Command;
use crate::membership::{AssignShard, Cluster, InitCluster};
use crate::node_spec::NodeSpec;
use crate::transport::AskOne;
use crate::{Address, NodeId, ShardId, wire};

/// Period of the operator's checks, in microseconds.
const LOOKED_EVERY: u64 = 300_000;

impl World {
    /// Places a data shard on another node.
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

    /// Requests every change that is not applied yet. Repeated requests must have no further effect.
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

    /// The cluster entity as applied at the control group's leader.
    fn cluster(&self) -> Option<Arc<Cluster>> {
        let leads = self.nodes.iter().find(|node| node.replicas.leads(ShardId::CONTROL));
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
        ask(&InitCluster { nodes, sets })
    }

    fn placing(&self, cluster: &Cluster) -> Vec<AskOne> {
        let mut asks = Vec::new();
        for (shard, (is, target)) in (0..).zip(cluster.sets.iter().zip(&self.s.placement)) {
            let nodes = ids(target);
            if *is != nodes {
                asks.push(ask(&AssignShard {
                    shard: ShardId(shard),
                    before: is.clone(),
                    nodes,
                    pinned: false,
                }));
            }
        }
        asks
    }

    /// Whether every group has exactly its target replicas, all with votes.
    pub(super) fn members_are_whole(&self) -> Result<(), String> {
        for (shard, placed) in (0..).map(ShardId).zip(&self.s.placement) {
            let replicas = |inside: bool| {
                let here = move |node: &&super::node::Node| placed.contains(&node.number) == inside;
                self.nodes.iter().filter(here).filter_map(move |node| node.replicas.get(shard))
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
                return Err(format!("shard {shard} has replicas outside its membership"));
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
