//! The tests of the whole: several nodes in one process, real processes, and short drills.
#![cfg(test)]

mod chaos;
mod cluster;
mod processes;
