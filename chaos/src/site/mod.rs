//! A local cluster of real processes: each node has a configuration of its own, in which its peers are where the lines
//! to them begin. None of its processes outlives it.

mod children;
mod disks;
mod look;
mod places;

pub use children::{Pids, Plan, Site};
pub use disks::Disks;
pub use look::Look;
pub use places::{Place, places};
