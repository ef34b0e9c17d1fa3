//! Who starts what again, when, and how anyone can see it.
//!
//! [`strategy`] decides and touches nothing; [`supervise`] carries its decisions out in an actor. The [`Tree`] is what they leave to look at, the
//! [`RingJournal`] what happened of late, and the console shows both, of the whole cluster, on a port of its own.

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
