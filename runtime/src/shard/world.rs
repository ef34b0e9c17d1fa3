//! The surroundings of a shard's actor: its node, its disk, its peers.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use futures::future::BoxFuture;

use super::config::ShardConfig;
use super::directory::Directory;
use super::mailbox::Mailbox;
use super::store_thread::StoreThread;
use crate::address::{NodeId, ShardId};
use crate::entity::{Globals, Registry};
use crate::observe::Journal;
use crate::replication::{RaftConfig, Start};
use crate::storage::{Record, Store};
use crate::time::Clock;
use crate::transport::Transport;

/// Why a shard's log could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// The log cannot be read now; it may be intact.
    #[error("{0}")]
    Unavailable(String),
    /// The log is damaged or missing.
    #[error("{0}")]
    Lost(String),
}

/// The write-ahead log, as a shard sees it.
pub trait Append: Send + Sync + 'static {
    /// Takes records. `done` is called once they are durable or have failed. Records of one shard become durable in
    /// order.
    ///
    /// # Errors
    /// The log has failed or is full: the replica must stop.
    fn append(
        &self,
        shard: ShardId,
        records: Vec<Record>,
        done: Box<dyn FnOnce(Result<(), String>) + Send>,
    ) -> Result<(), String>;

    /// A durable checkpoint covers the shard up to this entry and its term: a log that runs out of room may drop the
    /// shard's records up to there.
    fn covered(&self, _shard: ShardId, _index: u64, _term: u64) {}

    /// The shard's log, for a replica that starts again in a running process. Blocking.
    ///
    /// # Errors
    /// See [`Unread`].
    fn reread(&self, shard: ShardId) -> Result<crate::storage::GroupLog, Unread>;
}

/// Services that all shards of a node share.
pub struct ShardWorld {
    /// This node.
    pub here: NodeId,
    /// Data shards of the cluster.
    pub shards: u32,
    /// The process's clock.
    pub clock: Clock,
    /// The write-ahead log.
    pub log: Arc<dyn Append>,
    /// Store of checkpoints.
    pub store: Arc<dyn Store>,
    /// The store's thread.
    pub store_thread: Arc<StoreThread>,
    /// Transport to the peers.
    pub transport: Arc<dyn Transport>,
    /// Mailboxes and leaders.
    pub directory: Arc<Directory>,
    /// Journal of lifecycle records.
    pub journal: Arc<dyn Journal>,
    /// Kinds.
    pub registry: Arc<Registry>,
    /// The control group's states.
    pub globals: Arc<Globals>,
    /// Timing of Raft.
    pub raft: RaftConfig,
    /// Bounds.
    pub shard: ShardConfig,
}

/// Finds a shard's log and membership. It may wait for peers that must be asked.
pub type FindStart = Arc<dyn Fn() -> BoxFuture<'static, Result<Start, String>> + Send + Sync>;

/// Arguments of one start of a shard's actor.
pub struct ShardArguments {
    /// The node.
    pub world: Arc<ShardWorld>,
    /// The shard's mailbox.
    pub mailbox: Arc<Mailbox>,
    /// The shard.
    pub shard: ShardId,
    /// Finds the group's membership and log.
    pub start: FindStart,
    /// Called once the log has a durable record of a replica that is new here.
    pub recorded: Arc<dyn Fn() + Send + Sync>,
    /// Times this shard's actor was started on this node, this one included.
    pub starts: Arc<AtomicU32>,
}
