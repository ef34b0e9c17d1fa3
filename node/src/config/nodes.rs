//! `[[nodes]]` in `cluster.toml`.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use troupe_runtime::NodeId;
use troupe_runtime::config::Problem;
use troupe_runtime::node_spec::NodeSpec;

use super::cluster::{NAME_RULE, is_name};

/// One node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeTable {
    /// Its number, from one; it never changes while the name does not.
    pub id: u16,
    /// Its name.
    pub name: String,
    /// Where other nodes reach it.
    pub mesh: SocketAddr,
    /// Where clients reach it.
    pub gateway: SocketAddr,
    /// Where people reach it: the console.
    pub admin: SocketAddr,
    /// Its failure domain.
    #[serde(default)]
    pub zone: String,
}

impl NodeTable {
    /// Number `id` of a cluster on this machine.
    pub fn local(id: u16) -> Self {
        let at = |base: u16| SocketAddr::from(([127, 0, 0, 1], base + id));
        Self {
            id,
            name: format!("n{id}"),
            mesh: at(7_100),
            gateway: at(8_100),
            admin: at(9_100),
            zone: String::new(),
        }
    }

    /// The node as the runtime knows it.
    pub fn spec(&self) -> NodeSpec {
        NodeSpec {
            id: NodeId(self.id),
            name: self.name.clone(),
            mesh: self.mesh,
            gateway: self.gateway,
            admin: self.admin,
            zone: self.zone.clone(),
        }
    }

    /// Its three addresses, with the keys that name them.
    pub fn addresses(&self) -> [(&'static str, SocketAddr); 3] {
        [("mesh", self.mesh), ("gateway", self.gateway), ("admin", self.admin)]
    }
}

impl From<NodeSpec> for NodeTable {
    fn from(spec: NodeSpec) -> Self {
        let NodeSpec { id, name, mesh, gateway, admin, zone } = spec;
        Self { id: id.0, name, mesh, gateway, admin, zone }
    }
}

/// What is wrong with the nodes together and each on its own.
pub(super) fn validate(nodes: &[NodeTable], problems: &mut Vec<Problem>) {
    if nodes.is_empty() {
        problems.push(Problem::new("nodes", "there must be at least one"));
    }
    let mut taken: BTreeMap<String, String> = BTreeMap::new();
    let mut once = |key: String, value: String, problems: &mut Vec<Problem>| {
        if let Some(first) = taken.get(&value) {
            problems.push(Problem::new(key, format!("is the same as {first}")));
        } else {
            taken.insert(value, key);
        }
    };
    for (at, node) in nodes.iter().enumerate() {
        let path = format!("nodes[{at}]");
        if node.id == 0 {
            problems.push(Problem::new(format!("{path}.id"), "must be 1 to 65535"));
        }
        if !is_name(&node.name) {
            problems.push(Problem::new(format!("{path}.name"), NAME_RULE));
        }
        once(format!("{path}.id"), format!("id {}", node.id), problems);
        once(format!("{path}.name"), format!("name {}", node.name), problems);
        for (key, address) in node.addresses() {
            if address.port() == 0 {
                problems.push(Problem::new(format!("{path}.{key}"), "must have a port"));
            } else {
                once(format!("{path}.{key}"), address.to_string(), problems);
            }
        }
    }
}
