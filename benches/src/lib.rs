//! `troupe bench` and `troupe demo`: the measurements, their loads and their baselines.
//!
//! - [`suites`]: the figures of `troupe bench`, each beside its baseline
//! - [`demo`]: the main job, from the first event to the closed loop
//!
//! - [`pace`]: closed-loop and open-loop loads
//! - [`Floor`]: a minimal server for the same requests
//! - [`Alone`]: one node in this process, to measure the work at an entity's leader

mod alone;
pub mod demo;
mod entities;
mod floor;
mod lookups;
mod members;
pub mod pace;
pub mod suites;

pub use alone::Alone;
pub use entities::{Activations, Idle, activations, idle};
pub use floor::{Answers, Floor};
pub use lookups::{Lookups, lookups};
pub use members::{Residence, residence};
