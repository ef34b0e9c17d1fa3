//! A node's runtime: shards on disk, peers over a transport, and a router for everyone who asks.

mod calls;
mod directory;
mod inspect;
mod memory;
mod postbox;
mod runtime;
mod services;
mod spec;

pub use calls::Calls;
pub use directory::Directory;
pub use memory::MemoryDisk;
pub use runtime::{OpenError, Runtime};
pub use services::{ServiceHandler, Services};
pub use spec::{Disk, NodeSpec, RuntimeConfig, RuntimeSpec};
