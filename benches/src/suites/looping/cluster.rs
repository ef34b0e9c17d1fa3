//! The cluster that the loop's machinery is measured on.

use super::{controllers, samples, workflows};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};
use troupe_sdk::Client;

use troupe_local_cluster::figures::Report;
use troupe_local_cluster::processes::Local;
use troupe_local_cluster::throwaway_cluster::ThrowawayCluster;
use troupe_node::config::Config;

/// Between two looks at what is waited for.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The cluster, and what speaks to it.
pub(super) struct Scene {
    pub(super) stage: ThrowawayCluster,
    pub(super) client: Client,
}

/// Starts three nodes and measures on them.
pub(crate) async fn measure(
    mut config: Config,
    seed: u64,
    runs: u32,
    report: &mut Report,
) -> anyhow::Result<()> {
    println!("loop: three nodes start");
    // What Maestro's samples run.
    config.work.commands = ["/bin/sh", "/bin/echo"].map(str::to_owned).into();
    let stage = ThrowawayCluster::prepare(config)?;
    let mut local = Local::start(&stage.config, &stage.file)?;
    let client = stage.client()?;
    let scene = Scene { stage, client };
    let measured = Box::pin(scene.measure(seed, runs, &mut local, report)).await;
    local.stop().await;
    measured
}

impl Scene {
    pub(super) async fn measure(
        &self,
        seed: u64,
        runs: u32,
        local: &mut Local,
        report: &mut Report,
    ) -> anyhow::Result<()> {
        local.until_ready().await?;
        workflows::steps(self, report).await?;
        workflows::foreach(self, report).await?;
        samples::measure(self, report).await?;
        controllers::measure(self, seed, runs, local, report).await
    }

    pub(super) async fn push(&self, workflow: &str, definition: &Value) -> anyhow::Result<()> {
        let push = json!({ "definition": definition, "by": "bench" });
        self.client.ask("workflows", workflow, "push", &push).await.with_context(|| workflow.to_owned())?;
        Ok(())
    }

    /// Starts an instance; the same request is the same instance.
    pub(super) async fn start(&self, workflow: &str, request: &str) -> anyhow::Result<u64> {
        let started =
            self.client.ask("workflows", workflow, "start", &json!({ "request_id": request })).await?;
        started["instance"].as_u64().with_context(|| format!("{workflow} did not start: {started}"))
    }

    /// How an instance ended; none if it has not in this time.
    pub(super) async fn end(&self, run: &str, within: Duration) -> anyhow::Result<Option<Value>> {
        let over = |view: &Value| {
            matches!(view["status"].as_str(), Some("SUCCEEDED" | "FAILED" | "STOPPED" | "TIMED_OUT"))
        };
        self.until(("workflow-runs", run), within, over).await
    }

    /// An entity once something holds of it; none if it does not within this time.
    pub(super) async fn until(
        &self,
        (kind, key): (&str, &str),
        within: Duration,
        holds: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<Option<Value>> {
        let deadline = tokio::time::Instant::now() + within;
        loop {
            // One that was not made yet cannot be read.
            let view = self.client.ask(kind, key, "get", &json!({})).await;
            match view {
                Ok(view) if holds(&view) => return Ok(Some(view)),
                _ if tokio::time::Instant::now() <= deadline => {}
                Ok(_) => return Ok(None),
                Err(error) => {
                    println!("loop: {kind}/{key} cannot be read: {error}");
                    return Ok(None);
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}
