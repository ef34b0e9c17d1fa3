//! The loop, from a signal to the new champion, with a node killed at a random moment: the signal starts a workflow, which is
//! recorded in the metadata, what it publishes starts a delivery, its canary is judged, and the version is promoted. What
//! was taken on is carried out, once, to its end.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};
use troupe_actors::canary_analysis::Canary;
use troupe_actors::coordination::signals::Signal;
use troupe_actors::delivery::executions::{Delivery, Deployment, pipeline};
use troupe_actors::delivery::pipelines::Pipeline;
use troupe_actors::metadata::runs::Run;
use troupe_actors::orchestrator::runs::{WorkflowRun, run_key_of};
use troupe_actors::orchestrator::workflows::Workflow;
use troupe_lake::Lake;
use troupe_runtime::Address;
use troupe_training::{Algorithm, SyntheticSpec, synthetic, train};

use super::Scene;
use troupe_learning::train as learning;
use troupe_local_cluster::figures::{Goal, Report};
use troupe_local_cluster::processes::Local;

const MODEL: &str = "controlled";
const PIPELINE: &str = "controlled";
/// The signal that tells of a new version.
const TRAINED: &str = "controlled-trained";
/// Publications that take turns, each with its workflow.
const TURNS: u64 = 2;
/// Within this time of the signal the node is killed: a run of the loop that nothing disturbs takes about as long.
const KILLED_WITHIN_MS: u64 = 600;
/// How long the dead node is away.
const AWAY: Duration = Duration::from_millis(500);
/// What is not over by then is stuck.
const STUCK_AFTER: Duration = Duration::from_secs(60);
/// Looks of one canary.
const LOOKS: u64 = 2;

/// What became of a run.
#[derive(Debug, Default)]
struct Tally {
    /// Acknowledged, and not there afterwards.
    lost: u32,
    /// There more than once.
    doubled: u32,
    /// Not over in time, or over in another way than its definition says.
    stuck: u32,
    slowest: Duration,
}

/// Runs so many, one after the other, each with a node killed in it.
pub(super) async fn measure(
    scene: &Scene,
    seed: u64,
    runs: u32,
    local: &mut Local,
    report: &mut Report,
) -> anyhow::Result<()> {
    println!("loop: from the signal to the champion {runs} times, a node killed in each");
    prepare(scene).await?;
    let mut random = SmallRng::seed_from_u64(seed);
    let mut tally = Tally::default();
    for run in 0..runs {
        one(scene, run, &mut random, local, &mut tally).await?;
        if (run + 1).is_multiple_of(10) {
            println!("loop: {} of {runs}: {tally:?}", run + 1);
        }
    }
    report.add("controller.runs", f64::from(runs), "runs", Goal::None);
    report.add("controller.lost", f64::from(tally.lost), "commands", Goal::AtMost(0.0));
    report.add("controller.doubled", f64::from(tally.doubled), "canaries", Goal::AtMost(0.0));
    report.add("controller.stuck", f64::from(tally.stuck), "runs", Goal::AtMost(0.0));
    report.add("controller.s.max", tally.slowest.as_secs_f64(), "s", Goal::None);
    Ok(())
}

/// A champion, the publications that take turns to follow it, the pipeline and for each publication the workflow that
/// publishes it.
async fn prepare(scene: &Scene) -> anyhow::Result<()> {
    let lake = Lake::open(&scene.stage.lake)?;
    let mut publications = Vec::new();
    for seed in 1..=TURNS {
        let spec = SyntheticSpec { members: 40, contents: 30, genres: 3, events: 500 };
        let trained = train(Algorithm::Popularity, &synthetic(seed, spec), seed, &mut |_| {})?;
        publications.push(learning::store(&lake, &trained, seed).await?);
    }
    let last = publications.last().context("a publication")?;
    let version = learning::publish_stored(&scene.client, MODEL, last).await?;
    learning::promote(&scene.client, MODEL, version, "champion").await?;
    let delivery = Delivery {
        name: PIPELINE.to_owned(),
        model: MODEL.to_owned(),
        signal: Some(TRAINED.to_owned()),
        lifetime_s: 120,
        interval_s: 60,
        begin_after_s: 0,
        steps: vec![50.0, 100.0],
        step_s: 0,
        ..Delivery::default()
    };
    let put = json!({ "definition": pipeline(&delivery), "by": "bench" });
    scene.client.ask("pipelines", PIPELINE, "put", &put).await?;
    let url = format!("{}/healthz", scene.stage.gateways()[0]);
    for (turn, publication) in publications.iter().enumerate() {
        scene.push(&workflow(turn as u64), &definition(turn as u64, &url, publication)).await?;
    }
    Ok(())
}

/// The workflow whose turn it is.
fn workflow(turn: u64) -> String {
    format!("controlled-{turn}")
}

/// The signal that starts it.
fn moved(turn: u64) -> String {
    format!("controlled-moved-{turn}")
}

/// Some calls, and then the publication, of which the last step's signal tells.
fn definition(turn: u64, url: &str, publication: &Value) -> Value {
    // The node that is called may be the one that is away: the step is tried again.
    let retries = json!({ "error_retry_limit": 30, "platform_retry_limit": 30, "backoff": {
        "type": "FIXED_BACKOFF", "error_retry_backoff_in_secs": 1, "platform_retry_backoff_in_secs": 1 } });
    let call = |at: usize| {
        let next = if at < 2 { format!("s{}", at + 1) } else { "publish".to_owned() };
        json!({ "step": { "id": format!("s{at}"), "type": "Http", "transition": { "successors": { next: "true" } },
            "retry_policy": retries, "params": { "url": { "value": url, "type": "STRING" } } } })
    };
    let mut steps: Vec<Value> = (0..3).map(call).collect();
    steps.push(json!({ "step": { "id": "publish", "type": "Publish", "retry_policy": retries,
        "params": { "model": { "value": MODEL, "type": "STRING" }, "publication": param(publication) },
        "signal_outputs": [{ "name": TRAINED, "params": {
            "version": { "expression": "params.getFromStep('publish', 'version')", "type": "LONG" } } }] } }));
    json!({
        "properties": { "owner": "bench" },
        "workflow": { "id": workflow(turn), "steps": steps,
            "signal_triggers": [{ "definitions": { moved(turn): {} } }] },
    })
}

/// A value as a parameter is defined.
fn param(value: &Value) -> Value {
    let sort = match value {
        Value::Object(entries) => {
            let defined = entries.iter().filter(|(_, value)| !value.is_null());
            let defined: serde_json::Map<String, Value> =
                defined.map(|(name, value)| (name.clone(), param(value))).collect();
            return json!({ "type": "MAP", "value": defined });
        }
        Value::Bool(_) => "BOOLEAN",
        Value::Number(number) if number.is_f64() => "DOUBLE",
        Value::Number(_) => "LONG",
        _ => "STRING",
    };
    json!({ "type": sort, "value": value })
}

/// What one run of the loop is called at each of its stations.
struct Stations {
    workflow: String,
    moved: String,
    number: u64,
    instance: String,
    /// The run that records it in the metadata.
    recorded: String,
    execution: String,
    request: String,
}

impl Stations {
    fn of(run: u32) -> Self {
        let (turn, number) = (u64::from(run) % TURNS, u64::from(run) / TURNS + 1);
        let workflow = workflow(turn);
        Self {
            moved: moved(turn),
            number,
            instance: format!("{workflow}:{number}"),
            recorded: run_key_of(&workflow, number, 1),
            execution: format!("{PIPELINE}:{}", run + 1),
            request: format!("run-{run}"),
            workflow,
        }
    }

    /// The runs of which one has its node killed.
    fn controllers(&self) -> [Address; 7] {
        [
            Address::of::<Signal>(self.moved.as_str()),
            Address::of::<Workflow>(self.workflow.as_str()),
            Address::of::<WorkflowRun>(self.instance.as_str()),
            Address::of::<Run>(self.recorded.as_str()),
            Address::of::<Pipeline>(PIPELINE),
            Address::of::<Deployment>(self.execution.as_str()),
            Address::of::<Canary>(format!("{}-canary-1", self.execution)),
        ]
    }
}

async fn one(
    scene: &Scene,
    run: u32,
    random: &mut SmallRng,
    local: &mut Local,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let start = Instant::now();
    let stations = Stations::of(run);
    let raise = json!({ "id": stations.request, "from": "bench", "at": 1 });
    let shards = scene.stage.config.cluster.shards;
    let controllers = stations.controllers();
    let victim = &controllers[random.random_range(0..controllers.len())];
    let name = scene.stage.leader(victim.shard(shards)).await?;
    let moment = Duration::from_millis(random.random_range(0..KILLED_WITHIN_MS));
    let commands = async {
        let raised = scene.client.ask("signals", &stations.moved, "raise", &raise).await?;
        let judged = judge(scene, &stations.execution).await?;
        anyhow::Ok((raised, judged))
    };
    let death = async {
        tokio::time::sleep(moment).await;
        local.kill(&name).await?;
        tokio::time::sleep(AWAY).await;
        local.spawn(&name)
    };
    let (commands, death) = tokio::join!(commands, death);
    death?;
    let (raised, judged) = commands?;
    // A client that does not know whether its call arrived asks again, and starts nothing.
    let again = scene.client.ask("signals", &stations.moved, "raise", &raise).await?;
    tally.doubled += u32::from(again["duplicate"] != true || again["seq"] != raised["seq"]);
    ends(scene, &stations, judged, tally).await?;
    tally.slowest = tally.slowest.max(start.elapsed());
    local.until_ready().await
}

/// Brings what the canary's looks judge, as soon as it asks; says how many looks were taken.
async fn judge(scene: &Scene, execution: &str) -> anyhow::Result<u64> {
    let waits = |view: &Value| view["stages"]["canary"]["status"] == "RUNNING";
    if scene.until(("deployments", execution), STUCK_AFTER, waits).await?.is_none() {
        return Ok(0);
    }
    let points: Vec<f64> = (0..60).map(|at| 3.0 + f64::from(at % 7)).collect();
    let pair =
        |name: &str| json!({ "name": name, "id": name, "tags": {}, "control": points, "experiment": points });
    let pairs: Vec<Value> = ["errors", "latency_p50_ms", "latency_ms", "requests"].map(pair).into();
    let canary = format!("{execution}-canary-1");
    for look in 0..LOOKS {
        let started = |view: &Value| view["started"].is_object();
        scene.until(("canaries", &canary), STUCK_AFTER, started).await?;
        scene.client.ask("canaries", &canary, "judge", &json!({ "look": look, "pairs": pairs })).await?;
    }
    Ok(LOOKS)
}

/// Counts what is missing, there twice or not over, from station to station.
async fn ends(scene: &Scene, stations: &Stations, judged: u64, tally: &mut Tally) -> anyhow::Result<()> {
    let version = retrained(scene, stations, tally).await?;
    delivered(scene, stations, version, tally).await?;
    let execution = &stations.execution;
    let prefix = format!("{execution}-");
    let own = |view: &Value| {
        let entries = view["entries"].as_array().cloned().unwrap_or_default();
        entries
            .iter()
            .filter(|entry| entry["key"].as_str().is_some_and(|key| key.starts_with(&prefix)))
            .count()
    };
    // The directory hears of it by an effect, which may still be on its way.
    let listed = scene.until(("directory", "canaries"), STUCK_AFTER, |view| own(view) > 0).await?;
    let count = listed.as_ref().map_or(0, own);
    tally.doubled += u32::try_from(count.saturating_sub(1))?;
    missing(tally, u32::from(count == 0), "its canary is not listed", stations);
    let canary = scene.client.ask("canaries", &format!("{execution}-canary-1"), "get", &json!({})).await?;
    let looks = canary["looks"].as_array().map_or(0, Vec::len) as u64;
    missing(tally, u32::try_from(judged.saturating_sub(looks))?, "a look is missing", stations);
    Ok(())
}

fn missing(tally: &mut Tally, count: u32, what: &str, stations: &Stations) {
    tally.lost += count;
    if count > 0 {
        println!("loop: {}: {what}", stations.execution);
    }
}

fn stuck(tally: &mut Tally, what: &str, view: Option<Value>) {
    tally.stuck += 1;
    println!("loop: {what}: {}", view.map_or_else(|| "not over".to_owned(), |view| view.to_string()));
}

/// The signal's instance and its run in the metadata; the version that they published.
async fn retrained(scene: &Scene, stations: &Stations, tally: &mut Tally) -> anyhow::Result<Value> {
    let ended = scene.end(&stations.instance, STUCK_AFTER).await?;
    let succeeded = ended.as_ref().is_some_and(|view| view["status"] == "SUCCEEDED");
    let steps = ended.as_ref().and_then(|view| view["lanes"][0]["steps"].as_array().cloned());
    let publish = steps.unwrap_or_default().into_iter().find(|step| step["id"] == "publish");
    if !succeeded {
        stuck(tally, &stations.instance, ended);
    }
    let workflow = scene.client.ask("workflows", &stations.workflow, "get", &json!({})).await?;
    let started = workflow["started"].as_u64().unwrap_or(0);
    missing(tally, u32::from(started < stations.number), "its start is not counted", stations);
    tally.doubled += u32::from(started > stations.number);
    let over = |view: &Value| view["begun"].is_object() && view["standing"]["status"] != "running";
    match scene.until(("runs", &stations.recorded), STUCK_AFTER, over).await? {
        Some(view) if view["standing"]["status"] == "completed" => {}
        other => stuck(tally, &stations.recorded, other),
    }
    Ok(publish.map_or(Value::Null, |step| step["output"]["version"].clone()))
}

/// The execution that the trained model started, once, and what it left: the champion, and no delivery on its traffic.
async fn delivered(
    scene: &Scene,
    stations: &Stations,
    version: Value,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let over = |view: &Value| {
        !matches!(view["status"].as_str(), Some("NOT_STARTED" | "RUNNING" | "PAUSED" | "BUFFERED") | None)
    };
    match scene.until(("deployments", &stations.execution), STUCK_AFTER, over).await? {
        Some(view) if view["status"] == "SUCCEEDED" && view["target"]["canary"] == version => {
            let notes = view["notes"].as_array().cloned().unwrap_or_default();
            let began = notes.iter().filter(|note| note["what"] == "stage canary began").count();
            tally.doubled += u32::from(began != 1);
        }
        other => stuck(tally, &stations.execution, other),
    }
    let pipeline = scene.client.ask("pipelines", PIPELINE, "get", &json!({})).await?;
    let newest = pipeline["executions"][0]["number"].as_u64().unwrap_or(0);
    tally.doubled += u32::from(format!("{PIPELINE}:{newest}") != stations.execution);
    let champion = |view: &Value| {
        let versions = view["versions"].as_array().cloned().unwrap_or_default();
        versions.iter().any(|found| found["stage"] == "champion" && found["version"] == version)
    };
    if scene.until(("models", MODEL), STUCK_AFTER, champion).await?.is_none() {
        stuck(tally, &format!("version {version} is not the champion"), None);
    }
    let back = |view: &Value| view["by"].is_null() && view["split"].is_null();
    if scene.until(("traffic", MODEL), STUCK_AFTER, back).await?.is_none() {
        stuck(tally, "the traffic is not given back", None);
    }
    Ok(())
}
