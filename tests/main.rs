//! The project's one test binary beyond the crates' own: several nodes in one process, real processes, and the house
//! rules.
#![cfg(test)]

mod cluster;
mod house;
mod processes;
