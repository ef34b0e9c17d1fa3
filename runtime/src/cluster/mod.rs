//! A node's runtime: shards on disk, peers over a transport, and a router for everyone who asks.

mod arrival;
mod children;
mod identity;
mod inspect;
mod memory;
mod past;
mod postbox;
mod relief;
mod runtime;
mod spec;

pub use identity::{Facts, IdentityFile};
pub use memory::MemoryDisk;
pub use runtime::{OpenError, Runtime};
pub use spec::{Disk, RuntimeConfig, RuntimeSpec};
