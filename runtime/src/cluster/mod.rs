//! A node's runtime: its shards on disk, its peers over a transport, and a router for all callers.

mod bootstrap;
mod children;
mod identity;
mod inspect;
mod memory;
mod open;
mod postbox;
mod recovered_state;
mod remote_asks;
mod replica_gc;
mod runtime;
mod spec;

pub use identity::{Facts, IdentityFile};
pub use memory::MemoryDisk;
pub use open::OpenError;
pub use runtime::Runtime;
pub use spec::{Disk, RuntimeConfig, RuntimeSpec};
