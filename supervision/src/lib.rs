//! Supervision: restarts of failed actors, and the console that shows them.
//!
//! [`strategy`] decides and has no side effects. [`supervise`] starts an actor that executes the decisions. The
//! [`Tree`] holds the current state of all supervised actors, and the [`RingJournal`] the recent events. The console
//! shows both for the whole cluster, on a port of its own.

mod config;
pub mod console;
mod journal;
mod journal_file;
pub mod strategy;
mod supervisor;
mod tree;

pub use config::SupervisionConfig;
pub use journal::RingJournal;
pub use strategy::{Options, Strategy};
pub use supervisor::{Supervision, SupervisorMessage, supervise, supervisor_spec};
pub use tree::{ChildState, Tree, TreeNode, TreeView};
