//! Maestro's sample workflows, as they are: pushed, started, and run in real time.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use futures::StreamExt as _;
use serde_json::{Value, json};

use super::Scene;
use troupe_local_cluster::figures::{Goal, Report};

const SAMPLES: &str = "tests/vectors/maestro_samples.json";
/// The longest sleeps for more than a minute.
const WITHIN: Duration = Duration::from_secs(300);
/// Started by the signals that it joins.
const TRIGGERED: &str = "sample-signal-trigger-wf";
/// Its command fails and says that another try would, too.
const FAILS: &str = "sample-kubernetes-nonretryable-wf";

/// Signals that samples wait for.
fn raised() -> Vec<(&'static str, Value)> {
    let today = json!({ "vtts_utc_dateint": "29990101", "vtts_utc_hour": "00" });
    vec![
        ("signal_a", json!({ "foo": "bat", "watermark": "12345", "updated_by": "x" })),
        ("signal_b", json!({ "bar": "baz", "watermark": "22222", "posted_by": "x" })),
        ("db/test/table1", today.clone()),
        ("db/test/table2", today),
        ("signal_b", json!({ "key2": "value2" })),
    ]
}

/// Counts samples that do not load, or end otherwise than their definition says.
pub(super) async fn measure(scene: &Scene, report: &mut Report) -> anyhow::Result<()> {
    let Ok(text) = std::fs::read_to_string(Path::new(SAMPLES)) else {
        report.missing("samples.failed", "workflows", "run this in the repository: no tests/vectors");
        return Ok(());
    };
    let file: Value = serde_json::from_str(&text)?;
    let samples: BTreeMap<&str, &Value> = file["samples"]
        .as_object()
        .context("samples")?
        .values()
        .filter_map(|sample| Some((sample["workflow"]["id"].as_str()?, sample)))
        .collect();
    println!("loop: {} of Maestro's samples, in real time", samples.len());
    let mut failed: Vec<String> = Vec::new();
    for (id, sample) in &samples {
        // Programs are named by their whole path here.
        let sample = serde_json::from_str(&sample.to_string().replace("[\"echo\"]", "[\"/bin/echo\"]"))?;
        if let Err(error) = scene.push(id, &sample).await {
            failed.push(format!("{id} does not load: {error:#}"));
        }
    }
    for id in samples.keys().filter(|id| **id != TRIGGERED) {
        if let Err(error) = scene.start(id, "bench").await {
            failed.push(format!("{id} does not start: {error:#}"));
        }
    }
    raise(scene).await?;
    let ends = samples.keys().map(|id| async move { (*id, scene.end(&format!("{id}:1"), WITHIN).await) });
    let ends: Vec<_> = futures::stream::iter(ends).buffer_unordered(32).collect().await;
    for (id, end) in ends {
        let expected = if id == FAILS { "FAILED" } else { "SUCCEEDED" };
        match end {
            Ok(Some(view)) if view["status"] == expected => {}
            Ok(Some(view)) => failed.push(format!("{id} ended {} {}", view["status"], view["why"])),
            Ok(None) => failed.push(format!("{id} is not over after {WITHIN:?}")),
            Err(error) => failed.push(format!("{id}: {error:#}")),
        }
    }
    failed.iter().for_each(|why| println!("loop: {why}"));
    #[allow(clippy::cast_precision_loss, reason = "some twenty")]
    {
        report.add("samples.run", samples.len() as f64, "workflows", Goal::None);
        report.add("samples.failed", failed.len() as f64, "workflows", Goal::AtMost(0.0));
    }
    Ok(())
}

/// Raises what samples wait for; one of them asks for today and yesterday by their dates.
async fn raise(scene: &Scene) -> anyhow::Result<()> {
    let mut all = raised();
    let now = troupe_runtime::Timestamp::wall().0;
    for at in [now, now.saturating_sub(24 * 3_600 * 1_000)] {
        let day = jiff::Timestamp::from_millisecond(i64::try_from(at)?)?;
        let dateint = day.strftime("%Y%m%d").to_string();
        all.push(("prod_db/foo/bar", json!({ "vtts_utc_dateint": dateint })));
    }
    for (at, (name, params)) in all.into_iter().enumerate() {
        let raise = json!({ "id": format!("bench-{at}"), "from": "bench", "at": now, "params": params });
        scene.client.ask("signals", name, "raise", &raise).await.with_context(|| name.to_owned())?;
    }
    Ok(())
}
