//! A local cluster of real processes. Each node has its own configuration, which dials its peers through the proxied
//! links. No process outlives the cluster.

mod admin;
mod disks;
mod endpoints;
mod local;

pub use admin::AdminClient;
pub use disks::Disks;
pub use endpoints::{Endpoints, endpoints};
pub use local::{Build, LocalCluster, Pids, Plan};
