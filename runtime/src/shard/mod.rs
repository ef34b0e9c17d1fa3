//! A shard: entities, their mailbox, and the Raft group that makes their decisions durable.
//!
//! [`Replica`] is the pure machine: requests, peers' messages, ticks and notices of persistence go in, [`Outputs`] come
//! out. The actor around it owns the clock, the mailbox, and the access to disk and peers.
//!
//! A replica has five parts. `StateMachine` is the Raft group, the entities folded from its log, and the checkpoints.
//! `Lead` is the leader's part: the entries in flight, the reads that wait for proof of leadership, the effects from
//! and to other shards, the membership and the timers. `Asks` are the requests. `FollowerReads` are the reads of a
//! replica that does not lead. `Sink` collects the outputs of a turn.
//!
//! On the leader a batch of asks is decided against the resident state, which is then ahead of the committed state:
//! this is speculation. No output that derives from an entry leaves before the entry is committed. If leadership is
//! lost with entries in flight, every entity changed since the checkpoint is dropped and rebuilt from the checkpoint
//! and the committed log.
//!
//! States of a replica's leadership, and the events that change them:
//!
//! | State | Event | Next state | Effect |
//! |---|---|---|---|
//! | `Follows` | `Elected` | `Elected` | voids the lease and all deliveries of effects |
//! | `Elected` | `FirstEntryApplied` | `Decides` | decides asks, effects and timers; answers reads |
//! | `Elected` | `OtherLeader` | `Follows` | rejects asks with `NotLeader` |
//! | `Decides` | `Transfer` | `HandsOver` | voids the lease for the rest of the term |
//! | `Decides` | `OtherLeader` | `Follows` | answers entries in flight `Unknown`, drops speculation |
//! | `Decides` | `OtherTerm` | `Follows` | the same, for a leader that is elected again in a later term |
//! | `HandsOver` | `Transfer` | `HandsOver` | asks again, after a transfer that did not happen |
//! | `HandsOver` | `OtherLeader` | `Follows` | as from `Decides` |
//!
//! A replica that `HandsOver` decides as before if the transfer fails, but proves its leadership by heartbeat rounds
//! alone. In any state a failure stops the replica for good: its supervisor opens the next one.

mod actor;
mod asks;
mod cells;
mod checkpoints;
mod clock_jumps;
mod config;
mod decide;
mod directory;
mod draft;
mod effects;
mod entities;
mod entry;
mod execute;
mod faults;
mod fence;
mod fire;
mod firing;
mod follower_reads;
mod inbox;
mod inline_turn;
mod inspect;
mod lead;
mod leadership;
mod mailbox;
mod membership;
mod outbox;
mod output;
mod parts;
mod pipeline;
mod probe;
mod quiescence;
mod reads;
mod recent;
mod replica;
mod sending;
mod shard_meta;
mod sink;
mod snapshot;
mod speak;
mod state_machine;
mod store_thread;
mod ticker;
mod timers;
mod world;

#[cfg(test)]
mod tests;

pub use actor::{ShardActor, ShardMessage};
pub use config::ShardConfig;
pub use directory::Directory;
pub use entry::{Answer, Batch, Item, LentBatch};
pub use follower_reads::{NearAnswer, NearAsk};
pub use mailbox::{Inspect, Mailbox, ReplyTo, Request, SystemInput};
pub use output::{CheckpointEnd, CheckpointJob, Note, Outputs, Published, SnapshotJob};
pub use parts::ReplicaParts;
pub use probe::{Held, Probe};
pub use quiescence::Quiescence;
pub use replica::Replica;
pub use shard_meta::{ShardMeta, Waiting};
pub(crate) use snapshot::build as build_snapshot;
pub(crate) use speak::send_answers;
pub use store_thread::{StoreJob, StoreThread};
pub(crate) use ticker::tick_all;
pub use world::{Append, FindStart, ShardArguments, ShardWorld, Unread};
