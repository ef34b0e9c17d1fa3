//! How a room hands its actors to a supervisor without knowing which.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

pub use ractor::ActorCell as Actor;
use ractor::{ActorCell, SpawnErr};

/// When a child that ended is started again.
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

/// One supervised actor: its name in the tree, and how it is started, each time anew.
#[derive(Clone)]
pub struct ChildSpec {
    /// Its name among its siblings: `shard-7`.
    pub name: String,
    /// When it is started again.
    pub restart: Restart,
    /// Starts it, linked to the supervisor where one is given.
    pub start: Arc<dyn Fn(Option<ActorCell>) -> Started + Send + Sync>,
}
