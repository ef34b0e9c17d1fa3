//! The project's one test binary beyond the crates' own: several nodes in one process, real processes, short
//! drills, and the house rules.
#![cfg(test)]

mod chaos;
mod cluster;
mod house;
mod processes;
