//! Simulates whole clusters in one thread under a seed: production replicas on a simulated network, disks and clocks.
//! The histories of the clients are checked.

mod bystanders;
mod clients;
mod clock;
mod disk;
mod fate;
mod inbox;
mod kinds;
mod linear;
mod lists;
mod moving;
mod network;
mod node;
mod operator;
mod options;
mod outbox;
mod plan;
mod replicas;
mod run;
mod shared;
mod slot;
mod watch;
mod world;

#[cfg(test)]
pub(crate) use disk::MemoryStore;
pub use options::Options;
pub use plan::{Fault, Group, Timed, draw};
pub use run::{Outcome, run, shrink};

#[cfg(test)]
mod tests;
