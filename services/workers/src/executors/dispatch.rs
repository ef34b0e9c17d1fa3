//! Runs a task with the executor that its grant names.

use std::path::PathBuf;
use std::sync::Arc;

use troupe_actors::coordination::work_queues::{Failure, Grant, Outcome};
use troupe_runtime::Router;

use super::{ask, command, http, learning, publish};
use crate::config::WorkConfig;
use crate::progress::Progress;
use crate::task::failed;

/// All executors.
pub(crate) const NAMES: [&str; 6] = ["http", "command", "train", "evaluate", "publish", "ask"];

/// What executors work with.
pub struct ExecutorContext {
    pub router: Router,
    pub http: reqwest::Client,
    /// This node's configuration file, which the children that train read too.
    pub cluster: PathBuf,
    pub config: WorkConfig,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Executors(Arc<ExecutorContext>);

impl Executors {
    pub fn new(context: ExecutorContext) -> Self {
        Self(Arc::new(context))
    }

    /// Does it. Dropping the future ends what it has begun on this machine.
    pub(crate) async fn run(&self, grant: &Grant, progress: Progress) -> Outcome {
        let context = &self.0;
        match grant.executor.as_str() {
            "http" => http::run(context, grant).await,
            "command" => command::run(context, grant, progress).await,
            "train" => learning::train(context, grant, progress).await,
            "evaluate" => learning::evaluate(context, grant, progress).await,
            "publish" => publish::run(context, grant).await,
            "ask" => ask::run(context, grant).await,
            other => {
                let why = format!("no executor {other:?} on this node, there are {}", NAMES.join(", "));
                failed(why, Failure::Fatal)
            }
        }
    }
}

/// Reads a task's spec, or says which field is wrong.
pub(super) fn spec<T: serde::de::DeserializeOwned>(grant: &Grant) -> Result<T, Outcome> {
    serde_path_to_error::deserialize(&grant.spec.0).map_err(|error| {
        failed(format!("{} of the {} task: {}", error.path(), grant.executor, error.inner()), Failure::Fatal)
    })
}
