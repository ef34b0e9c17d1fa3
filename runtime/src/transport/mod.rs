//! Envelopes between nodes, and the carriers that move them.
//!
//! A carrier promises little: envelopes of one lane between two incarnations of two nodes arrive in order or not at
//! all, and nothing is delivered twice. Everything else (replies, retries, deadlines) is built on top by the rooms that
//! need it.

mod config;
mod envelope;
pub mod frame;
mod lanes;
mod memory;
pub mod mesh;

pub use config::TransportConfig;
#[cfg(test)]
pub(crate) use lanes::ENVELOPE_BYTES_MAX;
pub use memory::{MemoryNetwork, MemoryTransport};

pub use envelope::{
    AskBatch, AskOne, EffectBatch, Envelope, Lane, Outcome, ReplyBatch, ServiceCall, ServiceReply,
    ServiceTell, SnapshotChunk,
};

use std::sync::Arc;

use crate::address::NodeId;
use crate::node_spec::NodeSpec;
use crate::observe::PeerView;

/// Why an envelope was not taken. It has not been sent, and will not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The peer's queue for this lane is full.
    #[error("the queue to the peer is full")]
    Full,
    /// No session with the peer.
    #[error("the peer is not connected")]
    Unreachable,
    /// The envelope is larger than any frame may be.
    #[error("the envelope is too large to be sent")]
    TooLarge,
    /// The node is not in the configuration.
    #[error("no such peer")]
    NoSuchPeer,
}

/// Moves envelopes. Implementations: ractor_cluster between processes, channels within one.
pub trait Transport: Send + Sync + 'static {
    /// Takes an envelope for `to`; never blocks. A success means queued, not delivered.
    ///
    /// # Errors
    /// See [`SendError`].
    fn send(&self, to: NodeId, envelope: &Envelope) -> Result<(), SendError>;

    /// How each peer looks from here.
    fn peers(&self) -> Vec<PeerView>;

    /// Bytes that it has written to the network, its own and TLS's included; zero where there is none.
    fn sent_bytes(&self) -> u64 {
        0
    }

    /// The other nodes of the cluster are these from now on. A carrier where nodes find each other by themselves ignores it.
    fn set_peers(&self, peers: &[NodeSpec]) {
        let _ = peers;
    }
}

/// What a node does with what arrives. Called from the carrier's tasks: must not block.
pub trait Receiver: Send + Sync + 'static {
    /// An envelope from an authenticated peer.
    fn receive(&self, from: NodeId, envelope: Envelope);

    /// A session with the peer is ready. `incarnation` differs after each start of the peer.
    fn peer_up(&self, node: NodeId, incarnation: u64);

    /// The session ended, or the peer fell silent.
    fn peer_down(&self, node: NodeId, reason: &str);

    /// Something about the carrier that belongs into the journal: of what, what happened to it, and why.
    fn noted(&self, subject: &str, change: &'static str, reason: String) {
        tracing::info!(subject, change, reason, "transport");
    }
}

/// Where a carrier finds its receiver, which is made after it.
pub type ReceiverSlot = Arc<std::sync::OnceLock<Arc<dyn Receiver>>>;
