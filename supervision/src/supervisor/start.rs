//! Starts supervisors: at the root, and as children of other supervisors.

use std::sync::Arc;

use futures::future::FutureExt as _;
use ractor::{Actor as _, ActorCell, ActorRef, SpawnErr};
use troupe_runtime::supervised::{ChildSpec, Restart};

use super::actor::{Arguments, Supervisor, SupervisorMessage};
use super::record::Supervision;
use crate::strategy::Options;

/// Starts a supervisor and its children, in order. Returns once each child has started or failed to start.
///
/// A failed start counts as any other failure, and is retried after a backoff. Under [`crate::Strategy::OneForAll`]
/// and [`crate::Strategy::RestForOne`] it holds back the children that depend on it.
///
/// # Errors
/// The failed starts exceed the restart limit, or `parent` is stopping. All children are stopped then.
pub async fn supervise(
    path: &str,
    specs: Vec<ChildSpec>,
    options: Options,
    shared: Supervision,
    parent: Option<ActorCell>,
) -> Result<ActorRef<SupervisorMessage>, SpawnErr> {
    let arguments = Arguments { path: path.to_owned(), specs, options, shared };
    // Unnamed: ractor's registry spans the process, and tests run several nodes in one process.
    let (actor, _) = match parent {
        Some(parent) => Supervisor::spawn_linked(None, Supervisor, arguments, parent).await?,
        None => Supervisor::spawn(None, Supervisor, arguments).await?,
    };
    Ok(actor)
}

/// The specification of a supervisor as the child of another one. Its `stop_within` must cover the stop of all its
/// children.
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
