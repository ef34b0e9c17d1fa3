//! One node: its configuration, its data directory, and the order in which its parts start and stop.

pub mod boot;
pub mod config;
mod data_dir;
mod disk;
mod guard;
mod join;
mod parts;
mod readiness;
pub mod secrets;
