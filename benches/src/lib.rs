//! `troupe bench` and `troupe demo`: the measurements, their loads and their baselines.
//!
//! - [`suites`]: the figures of `troupe bench`, each beside its baseline
//! - [`demo`]: the main job, from the first event to the closed loop
//!
//! - [`pace`]: loads in a closed and in an open loop
//! - [`Floor`]: the same requests answered by a server that does nothing but what cannot be left out
//! - [`Alone`]: one node in this process, to measure what happens at an entity's leader

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
