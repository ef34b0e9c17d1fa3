//! A cluster of processes on this machine, for tests, measurements and the demo.
//!
//! - [`node_process`] is one node as a child process, on [`ports`] that are free.
//! - [`processes`] starts, kills and stops nodes; [`throwaway_cluster`] puts them in a folder that goes when the run does.
//! - [`admin`] asks the console of a node.
//! - [`audit`] and [`probe`] record what was sent and acknowledged; [`dataset`] is what is played; [`figures`] is what is reported.

pub mod admin;
pub mod audit;
pub mod dataset;
pub mod figures;
pub mod node_process;
pub mod ports;
pub mod probe;
pub mod processes;
pub mod throwaway_cluster;
