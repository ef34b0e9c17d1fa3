//! Looks at what the cluster does by itself, and waits until it has.

use std::time::Duration;

use anyhow::bail;
use serde_json::{Value, json};
use troupe_sdk::Client;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Looks at an entity until something can be said of it; `what` is for the error that says it never could.
pub(super) async fn until<T>(
    client: &Client,
    (kind, key): (&str, &str),
    within: Duration,
    what: &str,
    mut say: impl FnMut(&Value) -> Option<T>,
) -> anyhow::Result<T> {
    let deadline = tokio::time::Instant::now() + within;
    loop {
        let view = client.ask(kind, key, "get", &json!({})).await;
        if let Some(said) = view.as_ref().ok().and_then(&mut say) {
            return Ok(said);
        }
        if tokio::time::Instant::now() > deadline {
            let last = view.map_or_else(|error| error.to_string(), |view| view.to_string());
            let last: String = last.chars().take(2_000).collect();
            bail!("{kind}/{key}: {what} did not come within {within:?}: {last}");
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// A run of a workflow that is over: how, and its steps.
pub(super) fn over(view: &Value) -> Option<(String, Vec<String>)> {
    let status = view["status"].as_str()?;
    let over = matches!(status, "SUCCEEDED" | "FAILED" | "STOPPED" | "TIMED_OUT");
    over.then(|| (status.to_owned(), steps(view)))
}

/// The version that a run published.
pub(super) fn published(view: &Value) -> Option<u64> {
    let steps = view["lanes"][0]["steps"].as_array()?;
    steps.iter().find(|step| step["id"] == "publish")?["output"]["version"].as_u64()
}

/// How the steps of a run are.
pub(super) fn steps(view: &Value) -> Vec<String> {
    let steps = view["lanes"][0]["steps"].as_array().cloned().unwrap_or_default();
    let step = |step: &Value| {
        let (id, status) =
            (step["id"].as_str().unwrap_or_default(), step["status"].as_str().unwrap_or_default());
        let took = step["ended"].as_u64().zip(step["started"].as_u64());
        #[allow(clippy::cast_precision_loss, reason = "milliseconds of a step")]
        let took = took.map(|(to, from)| format!(" {:.1} s", to.saturating_sub(from) as f64 / 1_000.0));
        let tries = step["history"].as_array().filter(|tries| !tries.is_empty());
        let tries = tries.map(|tries| format!(" after {} tries", tries.len())).unwrap_or_default();
        let score = step["output"]["ndcg@10"].as_f64().zip(step["output"]["champion_ndcg@10"].as_f64());
        let score =
            score.map(|(own, other)| format!(" ndcg@10 {own:.4} against {other:.4}")).unwrap_or_default();
        let why = step["why"].as_str().filter(|why| !why.is_empty() && status != "SUCCEEDED");
        let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
        format!("{id} {status}{}{score}{tries}{why}", took.unwrap_or_default())
    };
    steps.iter().map(step).collect()
}

/// The version that is the champion.
pub(super) fn champion(view: &Value) -> Option<u64> {
    let versions = view["versions"].as_array()?;
    versions.iter().find(|version| version["stage"] == "champion")?["version"].as_u64()
}
