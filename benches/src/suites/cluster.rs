//! The cluster of three processes that is measured, and the floor beside it.

use std::sync::{Arc, Mutex};

use crate::{Answers, Floor};
use anyhow::{Context as _, bail};
use serde_json::json;
use troupe_runtime::locks::lock;
use troupe_sdk::{Client, RetryPolicy};

use super::{Arguments, Name, failover, http, live, metadata, near, rolling};
use troupe_learning::train as learning;
use troupe_local_cluster::audit::Ledger;
use troupe_local_cluster::dataset::Dataset;
use troupe_local_cluster::figures::{Goal, Report};
use troupe_local_cluster::processes::Local;
use troupe_local_cluster::throwaway_cluster::ThrowawayCluster;
use troupe_node::config::Config;

/// What every measurement over HTTP has at hand.
pub(super) struct Scene<'a> {
    pub(super) stage: &'a ThrowawayCluster,
    pub(super) play: &'a Dataset,
    pub(super) client: Client,
    /// The same calls to a server that does next to nothing.
    pub(super) floor: Client,
    pub(super) ledger: Arc<Mutex<Ledger>>,
    floor_runs: Floor,
}

pub(super) async fn measure(
    arguments: &Arguments,
    config: Config,
    play: &Dataset,
    report: &mut Report,
) -> anyhow::Result<()> {
    println!("three nodes start");
    let stage = ThrowawayCluster::prepare(config)?;
    let mut local = Local::start(&stage.config, &stage.file)?;
    let measured = Box::pin(with_cluster(arguments, &stage, &mut local, play, report)).await;
    local.stop().await;
    measured
}

async fn with_cluster(
    arguments: &Arguments,
    stage: &ThrowawayCluster,
    local: &mut Local,
    play: &Dataset,
    report: &mut Report,
) -> anyhow::Result<()> {
    local.until_ready().await?;
    let mut scene = Scene::new(stage, play).await?;
    // The others need members with a history, so this is always played, and always said.
    http::events(&scene, report).await?;
    if arguments.wants(Name::Command) {
        http::commands(&scene, report).await?;
    }
    if arguments.wants(Name::Features) {
        http::declare_wide_group(&scene).await?;
        let body =
            json!({ "features": http::feature_names(), "entities": [{ "member": http::wide_member(0) }] });
        let features = scene
            .answer(|http, gateway| http.post(format!("{gateway}/v1/features:lookup")).json(&body))
            .await?;
        scene.floor_answers(Answers { features, ..Answers::default() }).await?;
        http::features(&scene, report).await?;
    }
    if arguments.wants(Name::Near) {
        near::measure(&scene, report).await?;
    }
    if arguments.wants(Name::Recommend) {
        train(&scene, arguments.seed).await?;
        let member = http::members(play).next().context("a member")?;
        let path = format!("/v1/members/{member}/recommendations?k=10");
        let recommendations = scene.answer(|http, gateway| http.get(format!("{gateway}{path}"))).await?;
        scene.floor_answers(Answers { recommendations, ..Answers::default() }).await?;
        http::recommendations(&scene, report).await?;
        http::freshness(&scene, report).await?;
    }
    if arguments.wants(Name::Judges) {
        live::measure(&scene, report).await?;
    }
    if arguments.wants(Name::Metadata) {
        metadata::measure(&scene, report).await?;
    }
    if arguments.wants(Name::Failover) {
        failover::measure(&scene, local, report).await?;
    }
    if arguments.wants(Name::Rolling) {
        rolling::measure(&scene, local, report).await?;
    }
    audit(scene, report).await
}

impl<'a> Scene<'a> {
    async fn new(stage: &'a ThrowawayCluster, play: &'a Dataset) -> anyhow::Result<Self> {
        let client = stage.client()?;
        let floor = Floor::start(Answers::default()).await?;
        let ledger = Arc::default();
        Ok(Self { stage, play, client, floor: client_of(&floor)?, ledger, floor_runs: floor })
    }

    /// What a node answers to a request.
    async fn answer(
        &self,
        request: impl Fn(&reqwest::Client, &str) -> reqwest::RequestBuilder,
    ) -> anyhow::Result<String> {
        let gateway = self.stage.gateways().into_iter().next().context("a gateway")?;
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(request(&http, &gateway).send().await?.error_for_status()?.text().await?)
    }

    /// Where the floor listens.
    pub(super) fn floor_url(&self) -> String {
        format!("http://{}", self.floor_runs.address)
    }

    /// Lets the floor answer what a node has answered.
    async fn floor_answers(&mut self, answers: Answers) -> anyhow::Result<()> {
        let floor = Floor::start(answers).await?;
        self.floor = client_of(&floor)?;
        self.floor_runs = floor;
        Ok(())
    }
}

fn client_of(floor: &Floor) -> anyhow::Result<Client> {
    let retries = RetryPolicy { retries: 0, ..RetryPolicy::default() };
    Ok(Client::builder().endpoints([format!("http://{}", floor.address)]).retries(retries).build()?)
}

async fn train(scene: &Scene<'_>, seed: u64) -> anyhow::Result<()> {
    println!("training from the cluster's events");
    let members = scene.stage.members().await?;
    let interactions = learning::read(&scene.client, &members).await?;
    let published = learning::publish(&scene.client, &scene.stage.lake, interactions, seed).await?;
    learning::until_served(&scene.stage.gateways(), [published.champion.0, published.challenger.0]).await
}

async fn audit(scene: Scene<'_>, report: &mut Report) -> anyhow::Result<()> {
    println!("audit: every acknowledged event is looked for");
    let ledger = std::mem::take(&mut *lock(&scene.ledger));
    let audit = ledger.audit(&scene.client).await?;
    #[allow(clippy::cast_precision_loss, reason = "counts of events")]
    {
        report.add("events.acknowledged", audit.acknowledged as f64, "events", Goal::None);
        report.add("events.lost", audit.lost as f64, "events", Goal::AtMost(0.0));
        report.add("events.duplicated", audit.duplicated as f64, "events", Goal::AtMost(0.0));
    }
    if audit.lost + audit.duplicated + audit.invented > 0 {
        bail!("the audit failed: {audit:?}");
    }
    Ok(())
}
