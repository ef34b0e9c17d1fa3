//! The clustered actor runtime. It knows no domain words: entities are plugged in through [`entity::Registry`].
//!
//! A request travels `routing` -> `transport` -> `shard` -> `replication` -> `storage` and back. Each of these
//! folders keeps its state machine pure; a thin shell around it owns clocks, sockets and disks.

// The attributes of messages name the crate.
extern crate self as troupe_runtime;

pub mod address;
mod background;
pub mod cluster;
pub mod config;
pub mod death_watch;
pub mod entity;
pub mod error;
#[doc(hidden)]
pub mod fuzzing;
pub mod inspect;
pub mod locks;
pub mod membership;
pub mod node_spec;
pub mod observe;
pub mod placement;
#[doc(hidden)]
pub mod planted;
pub mod replication;
pub mod routing;
pub mod rpc;
pub mod shard;
#[doc(hidden)]
pub mod sim;
pub mod storage;
pub mod supervised;
pub mod text;
pub mod time;
pub mod transport;
pub mod wire;

pub use address::{Address, NodeId, ShardId};
pub use entity::{Command, Context, Decide, Decision, Entity, Query, Registry};
pub use error::{AskError, Refused};
pub use routing::{AskOptions, Router};
pub use time::Timestamp;
pub use troupe_derive::{command, query};
