//! The interface through which the runtime hands its actors to a supervisor.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

pub use ractor::ActorCell as Actor;
use ractor::{ActorCell, SpawnErr};

/// When a child that has ended is restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// Always.
    Permanent,
    /// Only after a failure.
    Transient,
    /// Never.
    Temporary,
}

/// The future of one start.
pub type Started = Pin<Box<dyn Future<Output = Result<ActorCell, SpawnErr>> + Send>>;

/// One supervised actor: its name in the tree, and how to start it.
#[derive(Clone)]
pub struct ChildSpec {
    /// Its name among its siblings: `shard-7`.
    pub name: String,
    /// Its restart policy.
    pub restart: Restart,
    /// Starts it, linked to the supervisor if there is one.
    pub start: Arc<dyn Fn(Option<ActorCell>) -> Started + Send + Sync>,
}
