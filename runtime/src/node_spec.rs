//! A node's record: its number, name and addresses.

use std::net::SocketAddr;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::address::NodeId;
use crate::observe::NodeAddress;

/// One node's record.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeSpec {
    /// Its number; no other node may ever have it.
    pub id: NodeId,
    /// Its name.
    pub name: String,
    /// Address for peers.
    pub mesh: SocketAddr,
    /// Address for clients.
    pub gateway: SocketAddr,
    /// Address of the console.
    pub admin: SocketAddr,
    /// Its failure domain.
    #[serde(default)]
    pub zone: String,
}

impl NodeSpec {
    /// Its public address.
    #[must_use]
    pub fn address(&self) -> NodeAddress {
        NodeAddress {
            node: self.id,
            name: self.name.clone(),
            gateway: self.gateway.to_string(),
            admin: self.admin.to_string(),
        }
    }
}
