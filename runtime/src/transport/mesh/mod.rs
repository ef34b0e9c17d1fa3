//! The transport between processes: ractor_cluster, used narrowly, over mutual TLS.
//!
//! ractor_cluster authenticates a session and keeps it. Frames travel beside its bytes on the same connection; with a
//! peer of an earlier version, as casts to its postbox, one unnamed actor of each node in a process group. ractor_cluster
//! has unbounded queues, detects no silent peer and never redials: lanes, credits, heartbeats and redialling are
//! implemented here. Its own accept loop would wait forever for a silent client. So connections are accepted,
//! authenticated and checked here, and then handed over.

mod accept;
mod certs;
mod channels;
mod complaints;
mod dial;
mod expiry;
mod frame_message;
mod link;
mod peer;
mod postbox;
mod speaks;
mod start;
mod stream;
mod tls;
mod watch;

#[cfg(test)]
mod tests;

pub use certs::{
    CertError, authority_at_hand, ensure_certificates, nodes_with_certificates, retire_authorities,
    rotate_authority, rotate_nodes,
};
pub use expiry::{Certificate, WARN_DAYS, read_certificates};
pub use peer::MeshPeer;
pub use start::{Mesh, MeshError, MeshSpec};
