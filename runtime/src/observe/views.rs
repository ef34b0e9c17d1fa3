//! The views of a node that the console, the terminal UI and `/metrics` show.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::address::{Address, NodeId, ShardId};
use crate::time::Timestamp;

/// A replica's role in its shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The leader.
    Leader,
    /// Applies the leader's entries.
    Follower,
    /// Stands for election.
    Candidate,
    /// Receives entries without a vote until it has caught up.
    Learner,
    /// Not running: it restarts, or its log could not be read.
    Down,
}

/// A page of keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
pub struct KeyRange {
    /// Kind of the keys.
    pub kind: String,
    /// Prefix of the keys.
    pub prefix: String,
    /// Only keys after this one in byte order: the last key of the previous page.
    pub after: String,
    /// Largest number of keys.
    pub limit: u32,
}

/// One replica of one shard.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct ShardView {
    /// The group.
    pub shard: ShardId,
    /// This replica's part.
    pub role: Role,
    /// The Raft term.
    pub term: u64,
    /// The leader that this replica knows.
    pub leader: Option<NodeId>,
    /// Nodes with a replica, voters first.
    pub replicas: Vec<NodeId>,
    /// Nodes that vote.
    pub voters: Vec<NodeId>,
    /// Zero for a replica of the initial configuration. A later or rebuilt replica has the index of the entry that
    /// admitted it, so two replicas of one node never have the same generation.
    pub generation: u64,
    /// Last committed entry.
    pub committed: u64,
    /// Last applied entry.
    pub applied: u64,
    /// Last entry covered by a checkpoint.
    pub checkpointed: u64,
    /// Resident entities.
    pub entities: u64,
    /// Bytes of the resident entities, by their own estimate.
    pub entity_bytes: u64,
    /// Requests waiting.
    pub mailbox: u32,
    /// Commands decided since start.
    pub commands_total: u64,
    /// Queries answered since start.
    pub queries_total: u64,
    /// Effects waiting in the outbox.
    pub outbox: u32,
    /// Entity faults since start.
    pub faults_total: u64,
    /// Times the replica's actor was started.
    pub starts: u32,
    /// Why the replica is down or degraded, as text.
    pub trouble: Option<String>,
}

/// A peer as this node sees it.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct PeerView {
    /// The peer.
    pub node: NodeId,
    /// Whether frames flow.
    pub connected: bool,
    /// The peer's incarnation, once known.
    pub incarnation: Option<u64>,
    /// Milliseconds since the last frame from it.
    pub silent_ms: Option<u64>,
    /// Last measured round trip of a heartbeat, in microseconds.
    pub rtt_us: Option<u64>,
    /// Envelopes waiting to be sent.
    pub queued: u32,
    /// Why the last session ended.
    pub last_error: Option<String>,
}

/// One node.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct NodeView {
    /// Its number.
    pub node: NodeId,
    /// Its name in `cluster.toml`.
    pub name: String,
    /// Changes at each start.
    pub incarnation: u64,
    /// When it started.
    pub started: Timestamp,
    /// Resident memory of the process, in bytes.
    pub memory_bytes: u64,
    /// CPU time of the process since start, in milliseconds.
    pub cpu_ms: u64,
    /// Its replicas.
    pub shards: Vec<ShardView>,
    /// Its peers.
    pub peers: Vec<PeerView>,
}

/// One message that an entity handled.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct MessageView {
    /// When it was decided.
    pub at: Timestamp,
    /// Its verb.
    pub verb: String,
    /// `client`, or the address of the entity that sent it as an effect.
    pub caller: String,
    /// Microseconds from arrival in the mailbox to the answer's release.
    pub took_us: u64,
    /// Number of events.
    pub events: u32,
    /// Code of the refusal or fault, if there was one.
    pub error: Option<String>,
}

/// The state of one entity at one replica.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct EntityView {
    /// Its name.
    pub address: Address,
    /// Its shard.
    pub shard: ShardId,
    /// The node that answered.
    pub node: NodeId,
    /// That node's role.
    pub role: Role,
    /// The shard's term.
    pub term: u64,
    /// Whether the entity was resident before this view was made.
    pub resident: bool,
    /// Its state, as JSON text.
    pub state: String,
    /// Resident bytes, by its own estimate.
    pub bytes: u64,
    /// Faults within its policy's period.
    pub faults: u32,
    /// Whether the entity is in quarantine after too many faults.
    pub given_up: bool,
    /// The newest messages, newest first.
    pub recent: Vec<MessageView>,
    /// Its timers, by name.
    pub timers: Vec<TimerView>,
}

/// A timer that an entity has set.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct TimerView {
    /// Its name.
    pub name: String,
    /// When it fires next.
    pub due: Timestamp,
    /// Its period in milliseconds, if it repeats.
    pub every_ms: Option<u64>,
    /// How missed firings are handled.
    pub catch_up: crate::entity::CatchUp,
    /// The command that it sends.
    pub verb: String,
}

/// Addresses of a configured node.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct NodeAddress {
    /// Its number.
    pub node: NodeId,
    /// Its name.
    pub name: String,
    /// Its gateway's `host:port`.
    pub gateway: String,
    /// Its console's `host:port`.
    pub admin: String,
}
