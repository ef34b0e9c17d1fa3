//! A peer as the mesh is configured with it.

use std::net::SocketAddr;

use crate::address::NodeId;

/// A peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeshPeer {
    /// Its number.
    pub node: NodeId,
    /// Its name, and its certificate's.
    pub name: String,
    /// Its address.
    pub addr: SocketAddr,
}
