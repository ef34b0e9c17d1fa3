//! What a node tells about itself: the vocabulary of the console, the terminal views and `/metrics`.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::address::{Address, NodeId, ShardId};
use crate::time::Timestamp;

/// A replica's part in its shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Decides.
    Leader,
    /// Applies what the leader decided.
    Follower,
    /// Asks for votes.
    Candidate,
    /// Receives entries without a vote, until it has caught up.
    Learner,
    /// Not running: being restarted, or refused its log.
    Down,
}

/// Which keys are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
pub struct KeyRange {
    /// Of this kind.
    pub kind: String,
    /// That start with this.
    pub prefix: String,
    /// That come after this one in the order of bytes: the last of the page before.
    pub after: String,
    /// At most so many.
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
    /// The node it believes to lead.
    pub leader: Option<NodeId>,
    /// Nodes with a replica, voters first.
    pub replicas: Vec<NodeId>,
    /// Nodes that vote.
    pub voters: Vec<NodeId>,
    /// Zero for a replica that the cluster was founded with. One that came later, or was rebuilt from its peers, has
    /// the index of the entry that admitted it: no two replicas of a node ever have the same.
    pub generation: u64,
    /// Last committed entry.
    pub committed: u64,
    /// Last applied entry.
    pub applied: u64,
    /// Last entry covered by a checkpoint.
    pub checkpointed: u64,
    /// Resident entities.
    pub entities: u64,
    /// Their bytes, by the entities' own estimate.
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
    /// Why it is down or degraded, in words.
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
    /// Milliseconds since anything came from it.
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
    /// Different after each start.
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
    /// Events it led to.
    pub events: u32,
    /// Code of the refusal or fault, if it was one.
    pub error: Option<String>,
}

/// The truth about one entity, from the replica asked.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct EntityView {
    /// Its name.
    pub address: Address,
    /// Its shard.
    pub shard: ShardId,
    /// The node that answered.
    pub node: NodeId,
    /// That node's part.
    pub role: Role,
    /// The shard's term.
    pub term: u64,
    /// Whether it was resident before this look.
    pub resident: bool,
    /// Its state, as JSON text.
    pub state: String,
    /// Resident bytes, by its own estimate.
    pub bytes: u64,
    /// Faults within its policy's period.
    pub faults: u32,
    /// Whether it was given up after too many faults.
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
    /// What becomes of firings that were missed.
    pub catch_up: crate::entity::CatchUp,
    /// The command that it sends.
    pub verb: String,
}

/// Where a configured node is found.
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
