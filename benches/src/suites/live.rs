//! Experiments that run while events come: what a thousand of them cost the rate at which events are acknowledged.

use std::time::Instant;

use crate::pace;
use anyhow::ensure;
use serde_json::json;
use troupe_runtime::locks::lock;
use troupe_sdk::Event;

use super::cluster::Scene;
use troupe_local_cluster::figures::{Goal, Report};

/// Experiments that run at once; each waits for every event that is sent.
const EXPERIMENTS: usize = 1_000;
/// Members, each in one of the experiments.
const MEMBERS: usize = 1_000;
/// Calls in flight while experiments are set up.
const CALLS: usize = 32;
/// Pairs of rounds, without and with experiments, in turn, so that a machine that becomes slower slows both.
const PAIRS: usize = 4;
const BATCHES: usize = 20;
const BATCH: usize = 1_000;
const BATCHES_IN_FLIGHT: usize = 4;
const BEGIN_MS: u64 = 1_700_000_000_000;

fn experiment(at: usize) -> String {
    format!("live-{}", at % EXPERIMENTS)
}

fn member(at: usize) -> String {
    format!("live-{}", at % MEMBERS)
}

async fn tell_all(scene: &Scene<'_>, verb: &str, body: &serde_json::Value) -> anyhow::Result<()> {
    pace::closed(EXPERIMENTS, CALLS, |at| async move {
        scene.client.ask("experiments", &experiment(at), verb, body).await?;
        Ok(())
    })
    .await?;
    Ok(())
}

/// Sends a round of events that no round has sent, and says how many a second were acknowledged.
async fn round(scene: &Scene<'_>, round: usize) -> anyhow::Result<f64> {
    let event = |at: usize| {
        let at_ms = BEGIN_MS + (round * BATCHES * BATCH + at) as u64;
        Event::new(member(at * 7), format!("live-{}", at % 997), "rating", at_ms).value(3.0)
    };
    let events: Vec<Event> = (0..BATCHES * BATCH).map(event).collect();
    let batches: Vec<&[Event]> = events.chunks(BATCH).collect();
    let batches = &batches;
    let start = Instant::now();
    pace::closed(BATCHES, BATCHES_IN_FLIGHT, |at| async move {
        let receipt = scene.client.record_events(batches[at]).await?;
        ensure!(receipt.acknowledged() == BATCH, "acknowledged in part: {receipt:?}");
        Ok(())
    })
    .await?;
    let seconds = start.elapsed().as_secs_f64();
    let mut ledger = lock(&scene.ledger);
    events.iter().for_each(|event| ledger.sent(event, true));
    #[allow(clippy::cast_precision_loss, reason = "a count of events")]
    Ok(events.len() as f64 / seconds)
}

/// The rate with and without experiments. Every event is matched against all of them, and changes the sums of the one
/// that its member takes part in.
pub(super) async fn measure(scene: &Scene<'_>, report: &mut Report) -> anyhow::Result<()> {
    println!("experiments: {EXPERIMENTS} are defined, and {MEMBERS} members exposed");
    let spec = json!({ "model": "recommend", "variations": [{ "name": "a" }, { "name": "b" }] });
    let metric = json!({ "name": "ratings", "event": "rating", "of": "sum", "cuped": true });
    tell_all(scene, "define", &json!({ "spec": spec })).await?;
    tell_all(scene, "plan", &json!({ "plan": { "metrics": [metric] } })).await?;
    tell_all(scene, "start", &json!({})).await?;
    pace::closed(MEMBERS, CALLS, |at| async move {
        let variation = if at % 2 == 0 { "a" } else { "b" };
        let shown = json!({ "experiment": experiment(at), "variation": variation });
        scene.client.ask("participants", &member(at), "expose", &shown).await?;
        Ok(())
    })
    .await?;
    round(scene, 0).await?;
    // Without one first, then with one first, and so on: other load in between falls on both.
    let (mut with, mut without) = (Vec::new(), Vec::new());
    let mut running = true;
    for pair in 0..PAIRS {
        for runs in if pair % 2 == 0 { [true, false] } else { [false, true] } {
            if runs != running {
                tell_all(scene, if runs { "start" } else { "stop" }, &json!({})).await?;
                running = runs;
            }
            let rate = round(scene, with.len() + without.len() + 1).await?;
            if runs { with.push(rate) } else { without.push(rate) }
        }
    }
    // Of the time that events take, not of rates, so that a slow round weighs what it took.
    #[allow(clippy::cast_precision_loss, reason = "a handful of rounds")]
    let mean = |rates: &[f64]| rates.len() as f64 / rates.iter().map(|rate| 1.0 / rate).sum::<f64>();
    let (with, without) = (mean(&with), mean(&without));
    #[allow(clippy::cast_precision_loss, reason = "a thousand")]
    report.add("experiment.live", EXPERIMENTS as f64, "experiments", Goal::AtLeast(1_000.0));
    report.beside("experiment.live_events", with, "events/s", without, Goal::None);
    report.add("experiment.live_cost", 1.0 - with / without, "share", Goal::AtMost(0.2));
    Ok(())
}
