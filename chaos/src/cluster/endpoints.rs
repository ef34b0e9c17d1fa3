//! The addresses of the nodes and the configuration of each node.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context as _;
use toml::{Table, Value};
use troupe_local_cluster::ports::free_port;

/// The identity and the addresses of one node.
#[derive(Debug, Clone)]
pub struct Endpoints {
    /// The node id, from 1.
    pub id: u16,
    /// Its name.
    pub name: String,
    /// The mesh address behind the proxy.
    pub mesh: SocketAddr,
    /// The gateway's address.
    pub gateway: SocketAddr,
    /// The console's address.
    pub admin: SocketAddr,
}

/// Assigns free ports to `nodes` nodes.
///
/// # Errors
/// More nodes than node ids.
pub fn endpoints(nodes: usize) -> anyhow::Result<Vec<Endpoints>> {
    let next = || SocketAddr::from(([127, 0, 0, 1], free_port()));
    let endpoint = |id: usize| {
        let (mesh, gateway, admin) = (next(), next(), next());
        Ok(Endpoints { id: u16::try_from(id)?, name: format!("n{id}"), mesh, gateway, admin })
    };
    (1..=nodes).map(endpoint).collect()
}

/// The configuration of one node: `template` with its own table of nodes, and everything that is written under `dir`.
pub(super) fn configuration(
    template: &Table,
    endpoints: &[Endpoints],
    here: usize,
    peer: impl Fn(usize) -> SocketAddr,
    dir: &Path,
) -> anyhow::Result<String> {
    let mut table = template.clone();
    let text = |path: std::path::PathBuf| Value::String(path.display().to_string());
    let mut set = |section: &str, key: &str, value: Value| {
        let section = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
        section.as_table_mut().map(|section| section.insert(key.to_owned(), value));
    };
    set("cluster", "data_dir", text(dir.join("data")));
    set("cluster", "certs_dir", text(dir.join("certs")));
    set("lake", "dir", text(dir.join("lake")));
    let others = endpoints.iter().enumerate().filter(|(at, _)| *at != here);
    let dial =
        others.map(|(at, endpoint)| (endpoint.name.clone(), Value::String(peer(at).to_string()))).collect();
    set("transport", "dial", Value::Table(dial));
    let nodes = endpoints.iter().map(|endpoint| {
        let mut node = Table::new();
        node.insert("id".to_owned(), Value::Integer(i64::from(endpoint.id)));
        node.insert("name".to_owned(), Value::String(endpoint.name.clone()));
        for (key, address) in
            [("mesh", endpoint.mesh), ("gateway", endpoint.gateway), ("admin", endpoint.admin)]
        {
            node.insert(key.to_owned(), Value::String(address.to_string()));
        }
        Value::Table(node)
    });
    table.insert("nodes".to_owned(), Value::Array(nodes.collect()));
    toml::to_string(&table).context("the configuration of a node")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_configuration_has_the_nodes_addresses_and_dials_peers_through_the_links() {
        let endpoints = endpoints(3).unwrap();
        let link = |to: usize| SocketAddr::from(([127, 0, 0, 1], 100 + u16::try_from(to).unwrap()));
        let template: Table = "[cluster]\nshards = 4\n[[nodes]]\nid = 9".parse().unwrap();
        let text = configuration(&template, &endpoints, 1, link, Path::new("/x")).unwrap();
        let table: Table = text.parse().unwrap();
        assert_eq!(table["cluster"]["shards"].as_integer(), Some(4));
        assert_eq!(table["cluster"]["data_dir"].as_str(), Some("/x/data"));
        assert_eq!(table["nodes"][1]["mesh"].as_str(), Some(endpoints[1].mesh.to_string().as_str()));
        let dial = table["transport"]["dial"].as_table().unwrap();
        let dial: Vec<(&str, &str)> =
            dial.iter().map(|(name, at)| (name.as_str(), at.as_str().unwrap())).collect();
        assert_eq!(dial, [("n1", "127.0.0.1:100"), ("n3", "127.0.0.1:102")]);
    }

    #[test]
    fn no_port_is_given_twice() {
        let endpoints = endpoints(5).unwrap();
        let ports: BTreeSet<u16> = endpoints
            .iter()
            .flat_map(|endpoint| [endpoint.mesh, endpoint.gateway, endpoint.admin])
            .map(|at| at.port())
            .collect();
        assert_eq!(ports.len(), 15);
    }
}
