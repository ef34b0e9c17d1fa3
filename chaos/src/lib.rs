//! Fault injection on real nodes, with a linearizability check of what the clients saw.
//!
//! A nemesis kills, freezes, partitions and overloads the processes of a local cluster. Meanwhile clients write and read
//! through the gateways of all nodes. Their calls and replies form a history. The checker decides whether one machine
//! without faults could have given the same replies. No serving crate depends on this crate.

pub mod checker;
pub mod cluster;
pub mod drill;
pub mod history;
pub mod nemesis;
pub mod proxy;
pub mod workload;
