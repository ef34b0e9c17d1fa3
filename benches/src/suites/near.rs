//! Follower reads over HTTP: a query with `X-Max-Age-Ms` at a node that follows, beside the same at the leader's.

use anyhow::{Context as _, ensure};
use serde_json::json;
use troupe_actors::profiles::content::Content;
use troupe_local_cluster::figures::{Goal, Report};
use troupe_runtime::Address;

use super::cluster::Scene;
use super::http::both;
use crate::pace;

/// Queries at each of the two.
const QUERIES: usize = 4_000;
/// The age that is tolerated, in milliseconds.
const AGE_MS_MAX: u64 = 1_000;
/// The entity.
const KEY: &str = "{c:bench-near}";

pub(super) async fn measure(scene: &Scene<'_>, report: &mut Report) -> anyhow::Result<()> {
    println!(
        "near: {QUERIES} queries with X-Max-Age-Ms {AGE_MS_MAX} at a follower and at the leader, one in flight"
    );
    let body = json!({ "title": "near", "year": 1999, "genres": ["bench"] });
    scene.client.ask("content", KEY, "describe", &body).await?;
    scene.stage.until_caught_up().await?;
    let config = &scene.stage.config;
    let leader = scene.stage.leader(Address::of::<Content>(KEY).shard(config.cluster.shards)).await?;
    let (leads, follows): (Vec<_>, Vec<_>) = config.nodes.iter().partition(|node| node.name == leader);
    let (leader, follower) = (leads.first().context("a leader")?, follows.first().context("a follower")?);
    let (mut near, aged) = at(&format!("http://{}", follower.gateway)).await?;
    let (mut led, aged_there) = at(&format!("http://{}", leader.gateway)).await?;
    ensure!(aged_there == 0, "the leader answers from a state that is {aged_there} times aged");
    both(report, "near.http_ms", &mut near, &mut led, [Goal::RatioAtMost(1.2), Goal::None]);
    #[allow(clippy::cast_precision_loss, reason = "a count of queries")]
    report.add("near.by_follower", aged as f64 / QUERIES as f64, "share", Goal::AtLeast(0.95));
    Ok(())
}

/// Asks one gateway. How long each query took, and how many answers had an age, which only a follower's have.
async fn at(gateway: &str) -> anyhow::Result<(Vec<u64>, usize)> {
    let http = reqwest::Client::builder().no_proxy().build()?;
    let url = format!("{gateway}/v1/actors/content/{KEY}/get");
    let aged = std::sync::atomic::AtomicUsize::new(0);
    let samples = pace::closed(QUERIES, 1, |_| {
        let request = http.post(&url).header("X-Max-Age-Ms", AGE_MS_MAX).body("{}");
        let request = request.header("content-type", "application/json");
        let aged = &aged;
        async move {
            let answer = request.send().await?.error_for_status()?;
            let age = answer.headers().get("x-age-ms").and_then(|age| age.to_str().ok());
            let age: u64 = age.context("the answer's age")?.parse()?;
            aged.fetch_add(usize::from(age > 0), std::sync::atomic::Ordering::Relaxed);
            answer.bytes().await?;
            Ok(())
        }
    })
    .await?;
    Ok((samples, aged.into_inner()))
}
