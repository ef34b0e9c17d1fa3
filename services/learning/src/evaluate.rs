//! Evaluates how well a model predicts each member's last contents, and compares it with the champion.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use anyhow::{Context as _, anyhow};
use serde_json::{Value, json};
use troupe_inference::{Engine, ScoringModel, Vocabulary};
use troupe_lake::{Lake, Sha256};
use troupe_sdk::Client;
use troupe_training::data::Interaction;

use crate::train::{met, read};
use troupe_local_cluster::admin;
use troupe_node::config::Config;

/// Length of a recommendation list.
const K: usize = 10;
/// Members in one batch of the model.
const BATCH: usize = 64;

/// `troupe evaluate`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The ONNX object in the lake.
    artifact: String,
    /// The vocabulary object in the lake.
    vocabulary: String,
    /// The cluster's configuration: its gateways, its consoles and its lake.
    #[arg(long, default_value = "cluster.toml")]
    pub config: PathBuf,
    /// The model with the champion to compare with.
    #[arg(long)]
    model: Option<String>,
    /// The number of each member's last contents to predict. Train with the same `--leave-out`, or the model has seen them.
    #[arg(long, default_value_t = 1)]
    newest: usize,
    /// Only those with an interaction at or after this time, in milliseconds since the epoch.
    #[arg(long)]
    since_ms: Option<u64>,
    /// Prints the result as JSON on the last line.
    #[arg(long)]
    json_line: bool,
}

/// One question: a member's history, and the contents that followed.
struct Question {
    before: Vec<String>,
    then: Vec<String>,
}

#[derive(Debug, Default)]
struct Score {
    asked: usize,
    hits: usize,
    gain: f64,
}

/// Asks both models.
pub async fn run(arguments: Arguments, config: Config, base: &Path) -> anyhow::Result<()> {
    let gateways = config.nodes.iter().map(|node| format!("http://{}", node.gateway));
    let client = Client::builder().endpoints(gateways).build()?;
    let admin = config.nodes.first().context("the configuration has no node")?.admin.to_string();
    let members = admin::keys(&admin, "members").await?;
    println!("reading the histories of {} members", members.len());
    let since = arguments.since_ms.unwrap_or(0);
    let questions = questions(read(&client, &members).await?, arguments.newest, since);
    let lake = Lake::open(base.join(&config.lake.dir))?;
    let engine = Engine::load(&config.serving, Some(base));
    println!("asking {} questions", questions.len());
    let candidate = ask(&lake, &engine, &arguments.artifact, &arguments.vocabulary, &questions).await?;
    let mut result = json!({
        "hr@10": candidate.hit_rate(), "ndcg@10": candidate.ndcg(), "events": candidate.asked,
        // Without a champion any result is an improvement.
        "better": true,
    });
    if let Some(model) = &arguments.model
        && let Some((version, artifact, vocabulary)) = champion(&client, model).await?
    {
        let champion = ask(&lake, &engine, &artifact, &vocabulary, &questions).await?;
        result["champion"] = json!(version);
        result["champion_hr@10"] = json!(champion.hit_rate());
        result["champion_ndcg@10"] = json!(champion.ndcg());
        result["better"] = json!(candidate.ndcg() > champion.ndcg());
    }
    println!("{}", if arguments.json_line { result.to_string() } else { format!("{result:#}") });
    Ok(())
}

fn questions(interactions: Vec<Interaction>, newest: usize, since: u64) -> Vec<Question> {
    let mut members: BTreeMap<String, Vec<Interaction>> = BTreeMap::new();
    for one in interactions {
        members.entry(one.member.clone()).or_default().push(one);
    }
    let question = |mut own: Vec<Interaction>| {
        own.sort_by_key(|one| one.at_ms);
        // Only a content's first interaction counts: recommendations exclude the history.
        let recent: HashSet<String> =
            own.iter().filter(|one| one.at_ms >= since).map(|one| one.content.clone()).collect();
        let mut before = met(&own);
        let mut then = before.split_off(before.len().saturating_sub(newest));
        then.retain(|content| recent.contains(content));
        Question { before, then }
    };
    members.into_values().map(question).filter(|question| !question.then.is_empty()).collect()
}

async fn champion(client: &Client, model: &str) -> anyhow::Result<Option<(u64, String, String)>> {
    let view = client.ask("models", model, "get", &json!({})).await?;
    let versions = view["versions"].as_array().cloned().unwrap_or_default();
    let champion = versions.into_iter().find(|version| version["stage"] == "champion");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(champion.map(|champion| {
        let published = &champion["published"];
        let version = champion["version"].as_u64().unwrap_or(0);
        (version, text(&published["artifact"]), text(&published["vocabulary"]))
    }))
}

async fn ask(
    lake: &Lake,
    engine: &Engine,
    artifact: &str,
    vocabulary: &str,
    questions: &[Question],
) -> anyhow::Result<Score> {
    let name =
        |text: &str| Sha256::from_str(text).map_err(|error| anyhow!("{text:?} names no object: {error}"));
    let artifact = lake.get(&name(artifact)?).await?;
    let vocabulary = Vocabulary::from_bytes(&lake.get(&name(vocabulary)?).await?)?;
    let mut model = ScoringModel::load(engine, &artifact, vocabulary.items(), 1)?;
    let mut score = Score::default();
    for batch in questions.chunks(BATCH) {
        let histories: Vec<Vec<u32>> =
            batch.iter().map(|question| vocabulary.positions(&question.before)).collect();
        let rows: Vec<&[u32]> = histories.iter().map(Vec::as_slice).collect();
        let asked = model.score(&rows, |scores| {
            for ((question, own), scores) in
                batch.iter().zip(&histories).zip(scores.chunks_exact(vocabulary.items()))
            {
                let wanted = vocabulary.positions(&question.then);
                score.add(question.then.len(), &top(scores, own), &wanted);
            }
        });
        asked.map_err(|error| anyhow!("the model does not answer: {error}"))?;
    }
    Ok(score)
}

fn top(scores: &[f32], own: &[u32]) -> Vec<u32> {
    let own: HashSet<u32> = own.iter().copied().collect();
    let mut order: Vec<(u32, f32)> = (0..)
        .zip(scores.iter().copied())
        .filter(|(at, score)| !own.contains(at) && score.is_finite())
        .collect();
    let better = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if order.len() > K {
        order.select_nth_unstable_by(K - 1, better);
        order.truncate(K);
    }
    order.sort_unstable_by(better);
    order.into_iter().map(|(at, _)| at).collect()
}

#[allow(clippy::cast_precision_loss, reason = "counts of events and ranks up to ten")]
impl Score {
    /// A content unknown to the model still counts as a question.
    fn add(&mut self, asked: usize, top: &[u32], wanted: &[u32]) {
        self.asked += asked;
        for (rank, at) in top.iter().enumerate() {
            if wanted.contains(at) {
                self.hits += 1;
                self.gain += 1.0 / (rank as f64 + 2.0).log2();
            }
        }
    }

    fn hit_rate(&self) -> f64 {
        self.hits as f64 / self.asked.max(1) as f64
    }

    fn ndcg(&self) -> f64 {
        self.gain / self.asked.max(1) as f64
    }
}
