//! A node's runtime: shards on disk, peers over a transport, and a router for everyone who asks.

mod arrival;
mod calls;
mod children;
mod directory;
mod identity;
mod inspect;
mod memory;
mod past;
mod peers;
mod postbox;
mod relief;
mod runtime;
mod services;
mod spec;

pub use calls::{Calls, OpenCall};
pub use directory::Directory;
pub use identity::{Facts, IdentityFile};
pub use memory::MemoryDisk;
pub use peers::Peers;
pub use runtime::{OpenError, Runtime};
pub use services::{ServiceHandler, Services, TellHandler};
pub use spec::{Disk, NodeSpec, RuntimeConfig, RuntimeSpec};
