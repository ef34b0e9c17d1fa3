//! The retraining, as the metadata have it: a run that the clients of Metaflow and MLflow read.

use std::time::Duration;

use anyhow::ensure;
use serde_json::Value;
use troupe_actors::orchestrator::runs::run_key_of;
use troupe_sdk::Client;

use super::watching::until;

/// Steps that the run must have.
const STEPS: [&str; 3] = ["train", "evaluate", "publish"];

/// Looks at the run that records an instance's first run; says what it found, and where a person finds it.
pub(super) async fn recorded(
    client: &Client,
    admin: &str,
    (workflow, version): (&str, u64),
    within: Duration,
) -> anyhow::Result<String> {
    let key = run_key_of(workflow, 1, 1);
    let view = until(client, ("runs", &key), within, "its end in the metadata", |view| {
        (view["standing"]["status"] != "running" && view["begun"].is_object()).then(|| view.clone())
    })
    .await?;
    let why = view["standing"]["why"].as_str().unwrap_or_default();
    ensure!(view["standing"]["status"] == "completed", "runs/{key}: {why}");
    let missing = STEPS.iter().find(|step| !view["steps"][**step].is_object());
    ensure!(missing.is_none(), "runs/{key} has no step {missing:?}");
    let tags = view["begun"]["made"]["tags"].as_array().cloned().unwrap_or_default();
    let tagged = |tag: String| tags.contains(&Value::String(tag));
    for tag in [format!("workflow:{workflow}:1"), format!("model:{}@{version}", super::wiring::MODEL)] {
        ensure!(tagged(tag.clone()), "runs/{key} has no tag {tag}: {tags:?}");
    }
    let figure = |name: &str| view["metrics"][name]["value"].as_f64();
    let (Some(hits), Some(rows)) = (figure("hr@10"), figure("rows")) else {
        anyhow::bail!("runs/{key} has no figures: {}", view["metrics"]);
    };
    let page = format!("http://{admin}/#runs/{}", key.replace('/', "%2F"));
    Ok(format!(
        "run {key} of the metadata: {rows} rows, hr@10 {hits:.4}, {}; {page}",
        tags.last().map_or("", |tag| tag.as_str().unwrap_or_default())
    ))
}
