//! Envelopes between nodes, and the transports that carry them.
//!
//! A transport guarantees little: envelopes of one lane between two incarnations of two nodes arrive in order or not
//! at all, and at most once. Replies, retries and deadlines are built on top by the folders that need them.

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

/// Why an envelope was refused. It was not sent and will not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The peer's queue for this lane is full.
    #[error("the queue to the peer is full")]
    Full,
    /// No session with the peer.
    #[error("the peer is not connected")]
    Unreachable,
    /// The envelope is larger than a frame may be.
    #[error("the envelope is too large to be sent")]
    TooLarge,
    /// The node is not in the configuration.
    #[error("no such peer")]
    NoSuchPeer,
}

/// Carries envelopes. Implementations: ractor_cluster between processes, channels within one.
pub trait Transport: Send + Sync + 'static {
    /// Queues an envelope for `to`; never blocks. A success means queued, not delivered.
    ///
    /// # Errors
    /// See [`SendError`].
    fn send(&self, to: NodeId, envelope: &Envelope) -> Result<(), SendError>;

    /// Views of all peers.
    fn peers(&self) -> Vec<PeerView>;

    /// Bytes written to the network, overhead of frames and TLS included; zero for a transport without a network.
    fn sent_bytes(&self) -> u64 {
        0
    }

    /// Replaces the list of peers. A transport with its own discovery ignores it.
    fn set_peers(&self, peers: &[NodeSpec]) {
        let _ = peers;
    }
}

/// The receiver of a node's envelopes. Called from the transport's tasks: must not block.
pub trait Receiver: Send + Sync + 'static {
    /// An envelope from an authenticated peer.
    fn receive(&self, from: NodeId, envelope: Envelope);

    /// A session with the peer is ready. `incarnation` changes at each start of the peer.
    fn peer_up(&self, node: NodeId, incarnation: u64);

    /// The session has ended, or the peer is silent.
    fn peer_down(&self, node: NodeId, reason: &str);

    /// A lifecycle record of the transport: subject, change and reason.
    fn noted(&self, subject: &str, change: &'static str, reason: String) {
        tracing::info!(subject, change, reason, "transport");
    }
}

/// The slot for a transport's receiver, which is created after the transport.
pub type ReceiverSlot = Arc<std::sync::OnceLock<Arc<dyn Receiver>>>;
