//! Who does which task.

mod ask;
mod child;
mod command;
mod http;
mod learning;
mod publish;

use std::path::PathBuf;
use std::sync::Arc;

use troupe_actors::coordination::work_queues::{Failure, Grant, Outcome};
use troupe_runtime::Router;

use super::config::WorkConfig;
use super::progress::Told;
use super::task::failed;

/// All executors.
pub(super) const NAMES: [&str; 6] = ["http", "command", "train", "evaluate", "publish", "ask"];

/// What executors work with.
pub struct Bench {
    pub router: Router,
    pub http: reqwest::Client,
    /// This node's configuration file, which the children that train read too.
    pub cluster: PathBuf,
    pub config: WorkConfig,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Executors(Arc<Bench>);

impl Executors {
    pub fn new(bench: Bench) -> Self {
        Self(Arc::new(bench))
    }

    /// Does it. Dropping the future ends what it has begun on this machine.
    pub(super) async fn run(&self, grant: &Grant, told: Told) -> Outcome {
        let bench = &self.0;
        match grant.executor.as_str() {
            "http" => http::run(bench, grant).await,
            "command" => command::run(bench, grant, told).await,
            "train" => learning::train(bench, grant, told).await,
            "evaluate" => learning::evaluate(bench, grant, told).await,
            "publish" => publish::run(bench, grant).await,
            "ask" => ask::run(bench, grant).await,
            other => {
                let why = format!("no executor {other:?} on this node, there are {}", NAMES.join(", "));
                failed(why, Failure::Fatal)
            }
        }
    }
}

/// Reads a task's spec, or says which field is wrong.
fn spec<T: serde::de::DeserializeOwned>(grant: &Grant) -> Result<T, Outcome> {
    serde_path_to_error::deserialize(&grant.spec.0).map_err(|error| {
        failed(format!("{} of the {} task: {}", error.path(), grant.executor, error.inner()), Failure::Fatal)
    })
}
