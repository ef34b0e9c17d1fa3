//! One Raft group's replica as a pure machine: messages, ticks and persistence notices in; records, messages and
//! committed entries out. The algorithm is `raft-rs`. This module adds the parts that raft-rs leaves to its user: the
//! log's storage, the order in which persistence releases messages, and a leader lease that consults a clock.

mod config;
mod group;
mod lease;
mod log;
mod members;
mod parts;

pub use config::RaftConfig;
pub use group::Group;
pub use lease::{Lease, Mono};
pub use log::{Log, SnapshotMark};
pub use parts::{Ready, ReplicaId, Start};
