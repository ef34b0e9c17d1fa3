//! What watches, what retrains and what delivers: definitions that anyone could send.

use anyhow::Context as _;
use serde_json::{Value, json};
use troupe_actors::delivery::executions::{Delivery, pipeline};
use troupe_sdk::Client;

/// The model.
pub(super) const MODEL: &str = "recommend";
/// The monitor of what members are shown and do.
pub(super) const MONITOR: &str = "recommend-taste";
/// The workflow that its alarm starts.
pub(super) const RETRAIN: &str = "retrain-recommend";
/// A workflow that publishes what should never be delivered.
pub(super) const SLOW: &str = "train-slow-recommend";
/// The pipeline that a trained model starts.
pub(super) const DELIVER: &str = "deliver";
/// The experiment between the former champion and the new one.
pub(super) const EXPERIMENT: &str = "retrained-against-former";
/// Rows that the monitor learns from.
pub(super) const REFERENCE: u64 = 2_000;
/// Rows in one of its windows.
const WINDOW: u64 = 200;
/// Multiplications that the slow model does besides, for each recommendation.
const WEIGHT: u64 = 150_000_000;

/// The workflow that is in the repository for people to copy.
const WORKFLOW: &str = include_str!("../../../../examples/retrain.json");

/// Defines both workflows; the one that retrains waits for so many seconds until members have shown what they want.
pub(super) async fn define_workflows(client: &Client, gather_s: u64, contents: u64) -> anyhow::Result<()> {
    let mut retrain: Value = serde_json::from_str(WORKFLOW)?;
    let slow = slow(&retrain, contents)?;
    retrain["workflow"]["params"]["gather_seconds"]["value"] = json!(gather_s);
    for (name, definition) in [(RETRAIN, retrain), (SLOW, slow)] {
        let push = json!({ "definition": definition, "by": "demo" });
        client.ask("workflows", name, "push", &push).await.with_context(|| format!("workflow {name}"))?;
    }
    Ok(())
}

/// Defines the monitor and the pipeline.
pub(super) async fn define(client: &Client) -> anyhow::Result<()> {
    let put = json!({ "definition": pipeline(&delivery()), "by": "demo" });
    client.ask("pipelines", DELIVER, "put", &put).await.context("the pipeline")?;
    let spec = json!({
        "subject": format!("models/{MODEL}"),
        "features": [{ "name": "value" }, { "name": "repeat" }],
        "options": { "window": WINDOW, "alert": { "enter": 2, "of": 3, "leave": 3, "cooldown_ms": 600_000 } },
        "reference_rows": REFERENCE,
        // Whether what a member did was missing in what it had been shown.
        "errors": [{ "kind": "adwin" }],
        "stale_after_ms": 60_000,
        "feed": { "event": "rating", "share": 1.0 },
        "signal": "taste_moved",
    });
    client.ask("monitors", MONITOR, "define", &json!({ "spec": spec })).await.context("the monitor")?;
    Ok(())
}

/// A canary for some seconds, then half of the members, then all: as long as a demonstration may take.
fn delivery() -> Delivery {
    Delivery {
        name: DELIVER.to_owned(),
        model: MODEL.to_owned(),
        weight: 20.0,
        lifetime_s: 12,
        interval_s: 6,
        begin_after_s: 2,
        steps: vec![50.0, 100.0],
        step_s: 1,
        ..Delivery::default()
    }
}

/// The same training, with a model that answers as well and far more slowly, and no evaluation.
fn slow(retrain: &Value, contents: u64) -> anyhow::Result<Value> {
    let steps = retrain["workflow"]["steps"].as_array().context("steps of the example")?;
    let step = |id: &str| {
        let found = steps.iter().find(|step| step["step"]["id"] == id).cloned();
        found.with_context(|| format!("the example's step {id}"))
    };
    let (mut train, publish) = (step("train")?, step("publish")?);
    train["step"]["params"]["weigh_down"] =
        json!({ "value": WEIGHT / (contents * contents).max(1), "type": "LONG" });
    train["step"]["transition"] = json!({ "successors": { "publish": "true" } });
    let params = json!({ "since_ms": { "value": 0, "type": "LONG" } });
    let workflow = json!({ "id": SLOW, "params": params, "steps": [train, publish] });
    Ok(json!({ "properties": { "owner": "demo" }, "workflow": workflow }))
}

/// The former champion against the current champion: how much less often members do what they were not shown. Of
/// what they were shown the former knows next to nothing, and no effect is relative to nothing.
pub(super) async fn experiment(client: &Client, former: u64) -> anyhow::Result<()> {
    let spec = json!({
        "model": MODEL,
        "variations": [{ "name": "former", "version": former }, { "name": "retrained" }],
    });
    let plan = json!({
        "metrics": [{ "name": "missed", "event": "miss", "per": "rating", "good": "down" }],
        "method": "sequential", "look_every_ms": 1_000,
    });
    client.ask("experiments", EXPERIMENT, "define", &json!({ "spec": spec })).await?;
    client.ask("experiments", EXPERIMENT, "plan", &json!({ "plan": plan })).await?;
    client.ask("experiments", EXPERIMENT, "start", &json!({})).await?;
    Ok(())
}
