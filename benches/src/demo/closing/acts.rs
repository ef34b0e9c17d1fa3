//! The acts of the closed loop.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use troupe_actors::delivery::executions::Deployment;
use troupe_runtime::Address;
use troupe_sdk::Client;
use troupe_training::data::Interaction;

use super::crowd::{Crowd, Who};
use super::watching::{champion, over, until};
use super::wiring::{DELIVER, EXPERIMENT, MODEL, MONITOR, REFERENCE, RETRAIN, SLOW};
use super::{recorded, watching, wiring};
use troupe_learning::train as learning;
use troupe_local_cluster::figures::{Goal, Report};
use troupe_local_cluster::processes::Local;
use troupe_local_cluster::throwaway_cluster::ThrowawayCluster;

/// Workers who bring the members.
pub(super) const WORKERS: usize = 6;
/// Rows that the monitor has seen since it learned when the taste shifts: its detectors must know what is usual.
pub(super) const WATCHED: u64 = 1_000;
/// Visits after the alarm that the new model is made of.
pub(super) const GATHERED: f64 = 2_500.0;
/// Time between a node's death and its return.
pub(super) const AWAY: Duration = Duration::from_secs(2);
/// Executions of the pipeline that are looked through for the one of a version.
pub(super) const EXECUTIONS_MAX: u64 = 16;
/// Time for the experiment's verdict.
pub(super) const VERDICT_WITHIN: Duration = Duration::from_secs(30);
/// Time for each part of the loop; only a failure waits for it.
pub(super) const WITHIN: Duration = Duration::from_secs(90);

/// What the loop works with.
pub(crate) struct Closing<'a> {
    pub(crate) client: &'a Client,
    pub(crate) stage: &'a ThrowawayCluster,
    pub(crate) past: &'a [Interaction],
    pub(crate) seed: u64,
}

impl Closing<'_> {
    /// Plays the loop twice: once for a good model, and once for a bad one.
    pub(crate) async fn play(&self, local: &mut Local, report: &mut Report) -> anyhow::Result<()> {
        println!(
            "Act 7. The loop: a monitor, a workflow and a pipeline are defined, and members come all the while."
        );
        self.client.ask("experiments", learning::EXPERIMENT, "stop", &json!({})).await?;
        wiring::define(self.client).await?;
        let crowd = Crowd::new(self.client.clone(), self.past, self.seed);
        let workers = crowd.play(WORKERS);
        let played = Box::pin(self.with_members(&crowd, local, report)).await;
        crowd.stop();
        for worker in workers {
            worker.await?;
        }
        played?;
        #[allow(clippy::cast_precision_loss, reason = "a count of calls")]
        report.add("loop.calls_failed", crowd.failed() as f64, "calls", Goal::AtMost(0.0));
        Ok(())
    }

    pub(super) async fn with_members(
        &self,
        crowd: &Arc<Crowd>,
        local: &mut Local,
        report: &mut Report,
    ) -> anyhow::Result<()> {
        let former = self.champion().await?;
        let begin = (Instant::now(), crowd.visits());
        until(self.client, ("monitors", MONITOR), WITHIN, "its reference", |view| {
            let observed = view["observed"].as_u64()?;
            (view["phase"] == "watching" && observed >= REFERENCE + WATCHED).then_some(())
        })
        .await?;
        // As long as this machine needs for as many visits as a model can be made of.
        #[allow(clippy::cast_precision_loss, reason = "a count of visits")]
        let per_s = (crowd.visits() - begin.1) as f64 / begin.0.elapsed().as_secs_f64();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some seconds")]
        let gather_s = (GATHERED / per_s.max(1.0)).clamp(3.0, 30.0).ceil() as u64;
        wiring::define_workflows(self.client, gather_s, crowd.contents()).await?;
        self.good(crowd, former, local, report).await?;
        crowd.only(Who::Returned);
        self.lift(former, report).await?;
        crowd.only(Who::Everybody);
        self.bad(report).await
    }

    /// From the shift to the new champion.
    pub(super) async fn good(
        &self,
        crowd: &Arc<Crowd>,
        former: u64,
        local: &mut Local,
        report: &mut Report,
    ) -> anyhow::Result<()> {
        let before = crowd.take_tally().hit_rate();
        let (start, visits) = (Instant::now(), crowd.visits());
        crowd.shift();
        println!("       After {visits} visits members want what hardly anybody wanted before.");
        let alarm = until(self.client, ("monitors", MONITOR), WITHIN, "an alarm", |view| {
            let alarms = view["alarms"].as_array()?;
            let fired = alarms.iter().rev().find(|alarm| alarm["fired"] == true)?;
            Some(format!("{}: {}", fired["what"].as_str()?, fired["why"].as_str()?))
        })
        .await?;
        let noticed = (start.elapsed(), crowd.visits() - visits);
        println!(
            "       {:>5.1} s  alarm of {MONITOR}, {} visits later: {alarm}",
            noticed.0.as_secs_f64(),
            noticed.1
        );
        let version = self.retrained(RETRAIN, start).await?;
        let trained = start.elapsed();
        let after = crowd.take_tally().hit_rate();
        let (execution, _) = self.canary_runs(version).await?;
        println!(
            "       {:>5.1} s  {execution}: canary and baseline answer a fifth of the members each",
            start.elapsed().as_secs_f64()
        );
        self.kill(&execution, local, start).await?;
        let (status, why) = self.delivered(&execution, start).await?;
        let champion = self.champion().await?;
        if status != "SUCCEEDED" || champion == former {
            bail!("the good model was not delivered: {status}: {why}");
        }
        let whole = start.elapsed();
        println!("       {:>5.1} s  version {champion} is the champion", whole.as_secs_f64());
        let admin =
            self.stage.config.nodes.first().context("the configuration has no node")?.admin.to_string();
        let found = recorded::recorded(self.client, &admin, (RETRAIN, champion), WITHIN).await?;
        println!("               {found}");
        report.add("loop.run_recorded", 1.0, "runs", Goal::AtLeast(1.0));
        let seconds = |id: &str, took: Duration, goal: Goal, report: &mut Report| {
            report.add(id, took.as_secs_f64(), "s", goal);
        };
        seconds("loop.alarm_s", noticed.0, Goal::None, report);
        seconds("loop.trained_s", trained, Goal::None, report);
        seconds("loop.seconds", whole, Goal::AtMost(60.0), report);
        report.add("loop.hr10.before", before, "share", Goal::None);
        report.beside("loop.hr10.shifted", after, "share", before, Goal::None);
        local.until_ready().await?;
        crowd.take_tally();
        Ok(())
    }

    /// A workflow's first instance, to its end: the version that it published.
    pub(super) async fn retrained(&self, workflow: &str, start: Instant) -> anyhow::Result<u64> {
        let run = format!("{workflow}:1");
        let mut last = Vec::new();
        let ended = until(self.client, ("workflow-runs", &run), WITHIN, "its end", |view| {
            last = watching::steps(view);
            let (status, steps) = over(view)?;
            Some((status, steps, watching::published(view)))
        });
        let (status, steps, version) = ended.await.with_context(|| last.join(", "))?;
        println!("       {:>5.1} s  {run} {status}: {}", start.elapsed().as_secs_f64(), steps.join(", "));
        if status != "SUCCEEDED" || steps.iter().any(|step| !step.contains("SUCCEEDED")) {
            bail!("{run}: no model was published");
        }
        version.with_context(|| format!("{run}: its last step says no version"))
    }

    /// Waits for the canary of a version: the execution that delivers it, and the version that it is compared with. Others
    /// may come before it, because taste that goes on moving is retrained for again.
    pub(super) async fn canary_runs(&self, version: u64) -> anyhow::Result<(String, u64)> {
        for number in 1..=EXECUTIONS_MAX {
            let execution = format!("{DELIVER}:{number}");
            let mut last = String::new();
            let runs = until(self.client, ("deployments", &execution), WITHIN, "its canary", |view| {
                let why = view["why"].as_str().unwrap_or_default();
                last = format!("{} {why}: {}", view["status"].as_str().unwrap_or_default(), stages(view));
                // A canary may be over before it is seen.
                let canary = view["stages"]["canary"]["status"].as_str();
                let target = &view["target"];
                canary.filter(|status| *status != "NOT_STARTED")?;
                Some((target["canary"].as_u64()?, target["production"].as_u64()?))
            });
            let (canary, production) = runs.await.with_context(|| format!("{execution} {last}"))?;
            if canary == version {
                return Ok((execution, production));
            }
        }
        bail!("none of {EXECUTIONS_MAX} executions of {DELIVER} delivers version {version}")
    }

    /// Kills the node that leads the delivery, in the middle of the canary, and starts it again.
    pub(super) async fn kill(
        &self,
        execution: &str,
        local: &mut Local,
        start: Instant,
    ) -> anyhow::Result<()> {
        let shard = Address::of::<Deployment>(execution).shard(self.stage.config.cluster.shards);
        let name = self.stage.leader(shard).await?;
        local.kill(&name).await?;
        println!(
            "       {:>5.1} s  SIGKILL for node {name}, which carries out the delivery",
            start.elapsed().as_secs_f64()
        );
        tokio::time::sleep(AWAY).await;
        local.spawn(&name)
    }

    /// A delivery's end: how, and why.
    pub(super) async fn delivered(
        &self,
        execution: &str,
        start: Instant,
    ) -> anyhow::Result<(String, String)> {
        let mut said = String::new();
        let ended = until(self.client, ("deployments", execution), WITHIN, "its end", |view| {
            let now = stages(view);
            if now != said {
                println!("       {:>5.1} s  {execution}: {now}", start.elapsed().as_secs_f64());
                said = now;
            }
            let status = view["status"].as_str()?;
            let over = !matches!(status, "NOT_STARTED" | "RUNNING" | "PAUSED" | "BUFFERED");
            over.then(|| (status.to_owned(), view["why"].as_str().unwrap_or_default().to_owned()))
        });
        ended.await
    }

    /// How much better the new champion does than the former: an experiment that may be looked at whenever one likes.
    pub(super) async fn lift(&self, former: u64, report: &mut Report) -> anyhow::Result<()> {
        println!(
            "Act 8. An experiment asks how much better: the members who were away return, and the former champion answers half of them."
        );
        wiring::experiment(self.client, former).await?;
        let measured = until(self.client, ("outcomes", EXPERIMENT), VERDICT_WITHIN, "a verdict", |view| {
            view["decided"]["verdict"].as_str()?;
            let looks = view["looks"].as_array()?;
            looks.iter().rev().find_map(|look| {
                let measured = &look["measured"][0];
                measured["interval"].is_array().then(|| (measured.clone(), view["decided"].clone()))
            })
        });
        let Ok((measured, decided)) = measured.await else {
            println!("       No verdict within {VERDICT_WITHIN:?}.");
            report.missing("loop.lift", "share", "the experiment came to no verdict");
            self.client.ask("experiments", EXPERIMENT, "stop", &json!({})).await?;
            return Ok(());
        };
        let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
        // Fewer misses are better: what is fewer is the lift.
        let (low, high) = (-number(&measured["interval"][1]), -number(&measured["interval"][0]));
        let lift = -number(&measured["effect"]);
        println!(
            "       {}: {:.1} % of the visits miss, against {:.1} %: {:.1} % fewer (between {:.1} % and {:.1} %, however often one looks)",
            decided["verdict"].as_str().unwrap_or_default(),
            number(&measured["value"]) * 100.0,
            number(&measured["baseline"]) * 100.0,
            lift * 100.0,
            low * 100.0,
            high * 100.0,
        );
        report.add("loop.lift", lift, "share", Goal::AtLeast(0.0));
        report.add("loop.lift.low", low, "share", Goal::AtLeast(0.0));
        report.add("loop.lift.high", high, "share", Goal::None);
        let verdict = decided["verdict"].as_str().unwrap_or_default();
        if verdict != "winner" {
            bail!("the retrained model did not win: {decided}");
        }
        self.client.ask("experiments", EXPERIMENT, "stop", &json!({})).await?;
        Ok(())
    }

    /// A model that answers as well and too slowly: the judge sends it back.
    pub(super) async fn bad(&self, report: &mut Report) -> anyhow::Result<()> {
        println!("Act 9. A model is published that answers as well, and too slowly.");
        let start = Instant::now();
        let asked = json!({ "request_id": "demo", "initiator": { "type": "MANUAL", "user": "demo" } });
        self.client.ask("workflows", SLOW, "start", &asked).await?;
        let version = self.retrained(SLOW, start).await?;
        let (execution, good) = self.canary_runs(version).await?;
        let (status, why) = self.delivered(&execution, start).await?;
        let champion = self.champion().await?;
        println!(
            "       {:>5.1} s  {status}: {why}; version {champion} is still the champion",
            start.elapsed().as_secs_f64()
        );
        let back = status == "TERMINAL" && champion == good;
        report.add("loop.bad_rolled_back", f64::from(u8::from(back)), "models", Goal::AtLeast(1.0));
        if !back {
            bail!("the bad model was not rolled back: {status}, {why}");
        }
        Ok(())
    }

    pub(super) async fn champion(&self) -> anyhow::Result<u64> {
        let view = self.client.ask("models", MODEL, "get", &json!({})).await?;
        champion(&view).context("no version is the champion")
    }
}

/// Which stages have begun, in the order in which they did.
pub(super) fn stages(view: &Value) -> String {
    let none = serde_json::Map::new();
    let stages = view["stages"].as_object().unwrap_or(&none);
    let mut begun: Vec<(u64, String)> = stages
        .iter()
        .filter_map(|(id, stage)| {
            let status = stage["status"].as_str().unwrap_or_default();
            Some((stage["began"].as_u64()?, format!("{id} {status}")))
        })
        .collect();
    begun.sort();
    begun.into_iter().map(|(_, words)| words).collect::<Vec<_>>().join(", ")
}
