//! The actor that starts, watches, restarts and stops other actors.
//!
//! It owns its children's cells and its own timers and nothing else; [`crate::strategy`] decides. What it cannot mend
//! ends it with an error, after its children, and its own supervisor sees the failure of one child.

mod actor;
mod record;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use futures::future::FutureExt as _;
use ractor::{Actor as _, ActorCell, ActorRef, SpawnErr};
use troupe_runtime::observe::Journal;
use troupe_runtime::supervised::{ChildSpec, Restart};
use troupe_runtime::time::Clock;

pub use actor::SupervisorMessage;

use crate::strategy::Options;
use crate::tree::Tree;
use actor::{Arguments, Supervisor};

/// What all supervisors of a node share.
#[derive(Clone)]
pub struct Supervision {
    /// Where they tell what happened.
    pub journal: Arc<dyn Journal>,
    /// Where they tell how things are.
    pub tree: Arc<Tree>,
    /// The process's clock.
    pub clock: Clock,
}

/// Starts a supervisor and its children, in their order, and returns once each was started or failed to.
///
/// A start that fails is a failure like any other: it counts, and is tried again after a pause. Under
/// [`crate::Strategy::OneForAll`] and [`crate::Strategy::RestForOne`] it holds back those that depend on it.
///
/// # Errors
/// More starts failed than restarts are allowed, or `parent` is stopping; no child is left running.
pub async fn supervise(
    path: &str,
    specs: Vec<ChildSpec>,
    options: Options,
    shared: Supervision,
    parent: Option<ActorCell>,
) -> Result<ActorRef<SupervisorMessage>, SpawnErr> {
    let arguments = Arguments { path: path.to_owned(), specs, options, shared };
    // Unnamed: ractor's registry spans the process, and tests run several nodes in one.
    let (actor, _) = match parent {
        Some(parent) => Supervisor::spawn_linked(None, Supervisor, arguments, parent).await?,
        None => Supervisor::spawn(None, Supervisor, arguments).await?,
    };
    Ok(actor)
}

/// A supervisor as the child of another, whose `stop_within` has to hold for all the children of this one together.
#[must_use]
pub fn supervisor_spec(
    path: &str,
    specs: Vec<ChildSpec>,
    options: Options,
    shared: Supervision,
) -> ChildSpec {
    let name = path.rsplit('/').next().unwrap_or(path).to_owned();
    let path = path.to_owned();
    let start = move |parent: Option<ActorCell>| {
        let (path, specs, shared) = (path.clone(), specs.clone(), shared.clone());
        async move { Ok(supervise(&path, specs, options, shared, parent).await?.get_cell()) }.boxed()
    };
    ChildSpec { name, restart: Restart::Permanent, start: Arc::new(start) }
}
