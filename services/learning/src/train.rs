//! Trains models from the cluster's events, and publishes them; both through the cluster's API.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use futures::StreamExt as _;
use serde_json::{Value, json};
use troupe_actors::metadata::lineage::{model_node, run_node};
use troupe_inference::Vocabulary;
use troupe_lake::Lake;
use troupe_sdk::{Client, Event};
use troupe_training::data::Interaction;
use troupe_training::{Algorithm, IalsParameters, Trained, train, weigh_down};

use troupe_local_cluster::admin;
use troupe_node::config::Config;

/// The model's name.
const MODEL: &str = "recommend";
/// The dataset name of models that are trained from the cluster's events.
const DATASET: &str = "cluster";
/// The experiment's name.
pub const EXPERIMENT: &str = "ease-against-ials";

/// Two published versions.
pub struct Published {
    pub champion: (u32, Trained),
    pub challenger: (u32, Trained),
}

/// Every interaction of every member, from their histories.
pub async fn read(client: &Client, members: &[String]) -> anyhow::Result<Vec<Interaction>> {
    let histories = futures::stream::iter(members.to_vec())
        .map(|member| async move {
            let reply = client.ask("members", &member, "get-history", &json!({})).await;
            let reply = reply.with_context(|| format!("the history of member {member}"))?;
            #[allow(clippy::cast_possible_truncation, reason = "values are kept in single precision")]
            let one = |one: &Value| Interaction {
                member: member.clone(),
                content: one["content"].as_str().unwrap_or_default().to_owned(),
                value: one["value"].as_f64().unwrap_or(0.0) as f32,
                at_ms: one["at"].as_u64().unwrap_or(0),
            };
            let interactions = reply["interactions"].as_array().cloned().unwrap_or_default();
            anyhow::Ok(interactions.iter().map(one).collect::<Vec<_>>())
        })
        .buffer_unordered(16);
    futures::pin_mut!(histories);
    let mut out = Vec::new();
    while let Some(history) = histories.next().await {
        out.extend(history?);
    }
    Ok(out)
}

/// `troupe train`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The algorithm.
    #[arg(value_enum)]
    algorithm: Trainer,
    /// The cluster's configuration: its gateways, its consoles and its lake.
    #[arg(long, default_value = "cluster.toml")]
    pub config: PathBuf,
    /// The model to publish a version of.
    #[arg(long, default_value = MODEL)]
    model: String,
    /// The stage of the published version; it stays a candidate if absent.
    #[arg(long, value_enum)]
    promote: Option<To>,
    /// Seed of all random numbers.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    chosen: Chosen,
    /// Slows the model's answers down by this many matrix products without changing them. For tests of canaries.
    #[arg(long, hide = true, default_value_t = 0)]
    weigh_down: usize,
    /// Does not publish; the result is the publication.
    #[arg(long, conflicts_with = "promote")]
    no_publish: bool,
    /// The run that trains it, as `FLOW/ID`; the version is linked with it.
    #[arg(long, conflicts_with = "no_publish")]
    run: Option<String>,
    /// Prints the result as JSON on the last line.
    #[arg(long)]
    json_line: bool,
}

/// The events that a model learns from.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct Chosen {
    /// Only events at or after this time, in milliseconds since the epoch.
    #[arg(long)]
    since_ms: Option<u64>,
    /// Only this many of each member's newest events.
    #[arg(long)]
    newest: Option<usize>,
    /// Leaves out all events of this many contents that each member met last: the evaluation's questions.
    #[arg(long, default_value_t = 0)]
    leave_out: usize,
}

impl Chosen {
    fn of(&self, interactions: Vec<Interaction>) -> Vec<Interaction> {
        let mut members: BTreeMap<String, Vec<Interaction>> = BTreeMap::new();
        for one in interactions {
            members.entry(one.member.clone()).or_default().push(one);
        }
        let mut chosen = Vec::new();
        for mut own in members.into_values() {
            own.sort_by_key(|one| one.at_ms);
            let met = met(&own);
            let left_out: HashSet<&str> = met.iter().rev().take(self.leave_out).map(String::as_str).collect();
            own.retain(|one| !left_out.contains(one.content.as_str()));
            let old = self.newest.map_or(0, |newest| own.len().saturating_sub(newest));
            let recent = own.into_iter().skip(old);
            chosen.extend(recent.filter(|one| self.since_ms.is_none_or(|since| one.at_ms >= since)));
        }
        chosen
    }
}

/// The contents of a member's events, by first interaction, oldest first.
pub fn met(own: &[Interaction]) -> Vec<String> {
    let mut known = HashSet::new();
    own.iter().filter(|one| known.insert(&one.content)).map(|one| one.content.clone()).collect()
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Trainer {
    /// A closed-form item-to-item model.
    Ease,
    /// Implicit alternating least squares, 64 dimensions.
    Ials,
    /// The most popular contents for everyone.
    Popularity,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum To {
    Champion,
    Challenger,
}

impl Trainer {
    fn algorithm(self) -> Algorithm {
        match self {
            Self::Ease => Algorithm::Ease { lambda: 300.0 },
            Self::Ials => Algorithm::Ials(IalsParameters { dimensions: 64, ..IalsParameters::default() }),
            Self::Popularity => Algorithm::Popularity,
        }
    }
}

/// Trains one model from the events of a running cluster, and publishes it.
pub async fn run(arguments: Arguments, config: Config, base: &Path) -> anyhow::Result<()> {
    let gateways = config.nodes.iter().map(|node| format!("http://{}", node.gateway));
    let client = Client::builder().endpoints(gateways).build()?;
    let admin = config.nodes.first().context("the configuration has no node")?.admin.to_string();
    let members = admin::keys(&admin, "members").await?;
    println!("reading the histories of {} members", members.len());
    let interactions = arguments.chosen.of(read(&client, &members).await?);
    println!("training on {} events", interactions.len());
    let (algorithm, seed) = (arguments.algorithm.algorithm(), arguments.seed);
    let trained = tokio::task::spawn_blocking(move || {
        train(algorithm, &interactions, seed, &mut |step| println!("  {step}"))
    });
    let mut trained = trained.await??;
    if arguments.weigh_down > 0 {
        trained.onnx = weigh_down(&trained.onnx, arguments.weigh_down).map_err(anyhow::Error::msg)?;
    }
    let lake = Lake::open(base.join(&config.lake.dir))?;
    let publication = store(&lake, &trained, seed).await?;
    if arguments.no_publish {
        if arguments.json_line {
            let mut result = publication.clone();
            result["publication"] = publication;
            println!("{result}");
        }
        return Ok(());
    }
    let version = publish_stored(&client, &arguments.model, &publication).await?;
    if let Some(run) = &arguments.run {
        let relate = json!({ "to": model_node(&arguments.model, version), "how": "published" });
        client.ask("lineage", &run_node(run), "relate", &relate).await.context("the link with its run")?;
    }
    println!("{} version {version}: {}", arguments.model, serde_json::to_string(&trained.metrics)?);
    if let Some(to) = arguments.promote {
        let to = match to {
            To::Champion => "champion",
            To::Challenger => "challenger",
        };
        promote(&client, &arguments.model, version, to).await?;
        println!("version {version} is the {to} now");
    }
    if arguments.json_line {
        println!("{}", json!({ "model": arguments.model, "version": version, "metrics": trained.metrics }));
    }
    Ok(())
}

/// Trains EASE and iALS, publishes both, and starts an experiment between them.
pub async fn publish(
    client: &Client,
    lake: &Path,
    interactions: Vec<Interaction>,
    seed: u64,
) -> anyhow::Result<Published> {
    let trained = tokio::task::spawn_blocking(move || {
        let mut tell = |_: &str| {};
        let ease = train(Trainer::Ease.algorithm(), &interactions, seed, &mut tell)?;
        let ials = train(Trainer::Ials.algorithm(), &interactions, seed, &mut tell)?;
        anyhow::Ok((ease, ials))
    });
    let (ease, ials) = trained.await??;
    let lake = Lake::open(lake)?;
    let champion = (publish_one(client, &lake, MODEL, &ease, seed).await?, ease);
    let challenger = (publish_one(client, &lake, MODEL, &ials, seed).await?, ials);
    promote(client, MODEL, champion.0, "champion").await?;
    promote(client, MODEL, challenger.0, "challenger").await?;
    let spec = json!({ "spec": {
        "model": MODEL,
        "variations": [
            { "name": "champion", "version": champion.0 },
            { "name": "challenger", "version": challenger.0 },
        ],
    }});
    client.ask("experiments", EXPERIMENT, "define", &spec).await?;
    client.ask("experiments", EXPERIMENT, "start", &json!({})).await?;
    Ok(Published { champion, challenger })
}

async fn publish_one(
    client: &Client,
    lake: &Lake,
    model: &str,
    trained: &Trained,
    seed: u64,
) -> anyhow::Result<u32> {
    publish_stored(client, model, &store(lake, trained, seed).await?).await
}

/// Uploads a model to the lake, and returns its publication.
pub async fn store(lake: &Lake, trained: &Trained, seed: u64) -> anyhow::Result<Value> {
    let artifact = lake.put(trained.onnx.clone()).await?;
    let vocabulary = Vocabulary::new(trained.vocabulary.clone())?;
    let vocabulary = lake.put(vocabulary.to_bytes()).await?;
    Ok(json!({
        "algorithm": trained.algorithm,
        "artifact": artifact.to_string(),
        "vocabulary": vocabulary.to_string(),
        "items": trained.vocabulary.len(),
        "metrics": trained.metrics,
        "lineage": {
            "dataset": DATASET, "events": trained.events, "from_ms": trained.from_ms, "to_ms": trained.to_ms,
            "parameters": trained.parameters, "seed": seed, "seconds": trained.seconds,
        },
    }))
}

pub async fn publish_stored(client: &Client, model: &str, publication: &Value) -> anyhow::Result<u32> {
    let reply = client.ask("models", model, "publish", publication).await?;
    let version = reply["version"].as_u64().context("a publication without a version")?;
    Ok(u32::try_from(version)?)
}

pub async fn promote(client: &Client, model: &str, version: u32, to: &str) -> anyhow::Result<()> {
    let seen = client.ask("models", model, "get", &json!({})).await?["revision"].clone();
    client.ask("models", model, "promote", &json!({ "version": version, "to": to, "seen": seen })).await?;
    Ok(())
}

/// Waits until every gateway answers with both versions.
pub async fn until_served(gateways: &[String], versions: [u32; 2]) -> anyhow::Result<()> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    for gateway in gateways {
        let client = Client::builder().endpoints([gateway.clone()]).build()?;
        let mut left: Vec<u32> = versions.to_vec();
        let (mut member, mut last) = (0, String::new());
        while !left.is_empty() {
            if tokio::time::Instant::now() > deadline {
                bail!("{gateway} does not serve versions {left:?} after a minute: {last}");
            }
            member += 1;
            match client.recommendations(&format!("warm-up-{member}"), 10).await {
                Ok(answer) => left.retain(|version| u64::from(*version) != answer.version),
                Err(error) => {
                    last = error.to_string();
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
    Ok(())
}

/// An interaction as the SDK sends it.
pub fn event_of(one: &Interaction) -> Event {
    Event::new(&one.member, &one.content, "rating", one.at_ms).value(f64::from(one.value))
}
