//! A shard: entities, their mailbox, and the Raft group that makes their decisions durable.
//!
//! [`Replica`] is the pure machine: requests, peers' messages, ticks and notices of persistence go in, [`Outputs`] come
//! out. The actor around it owns the clock, the mailbox and the ways to disk and peers.
//!
//! On the leader a batch of requests is decided against the resident state, which moves ahead of what is committed;
//! nothing derived from it leaves before its entry is committed. When leadership is lost with entries in flight, every
//! entity changed since the checkpoint is dropped and folded anew from the checkpoint and the committed log.

mod actor;
mod apply;
mod calm;
mod cells;
mod config;
mod decide;
mod deliver;
mod directory;
mod effects;
mod entry;
mod execute;
mod faults;
mod fence;
mod fire;
mod inspect;
mod jumps;
mod ledger;
mod mailbox;
mod membership;
mod output;
mod parts;
mod probe;
mod reads;
mod recent;
mod replica;
mod rest;
mod sending;
mod snapshot;
mod speak;
mod store_thread;
mod ticker;
mod timers;
mod upkeep;
mod world;

#[cfg(test)]
mod tests;

pub use actor::{ShardActor, ShardMessage};
pub use config::ShardConfig;
pub use directory::Directory;
pub use entry::{Answer, Batch, Item, LentBatch};
pub use ledger::{Ledger, Waiting};
pub use mailbox::{Look, Mailbox, ReplyTo, Request, SystemInput};
pub use output::{CheckpointEnd, CheckpointJob, Note, Outputs, Published, SnapshotJob};
pub use parts::ReplicaParts;
pub use probe::{Held, Probe};
pub use reads::{NearAnswer, NearAsk};
pub use replica::Replica;
pub use rest::Rest;
pub(crate) use snapshot::build as build_snapshot;
pub use store_thread::{StoreJob, StoreThread};
pub(crate) use ticker::tick_all;
pub use world::{Append, FindStart, ShardArguments, ShardWorld, Unread};
