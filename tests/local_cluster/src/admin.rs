//! Looks and messages from the terminal, over the same HTTP that people and SDKs use.

use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::Value;

/// Longest time that an answer takes.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Which console to ask.
#[derive(Debug, Args)]
pub struct Target {
    /// Any node's admin address.
    #[arg(long, default_value = "127.0.0.1:9101")]
    pub admin: String,
    /// Prints JSON.
    #[arg(long)]
    pub json: bool,
}

/// A message to an entity.
#[derive(Debug, Args)]
pub struct Message {
    /// The entity's kind.
    kind: String,
    /// Its key.
    key: String,
    /// The verb, with or without its version.
    verb: String,
    /// The message.
    #[arg(default_value = "{}")]
    body: String,
    /// Any node's gateway address.
    #[arg(long, default_value = "127.0.0.1:8101")]
    gateway: String,
}

pub async fn status(target: &Target) -> anyhow::Result<()> {
    let cluster = get(target, "/api/cluster").await?;
    if target.json {
        return print_json(&cluster);
    }
    println!(
        "{:<6} {:<12} {:>8} {:>8} {:>10} {:>9}  peers",
        "node", "state", "leads", "entities", "memory", "cpu s"
    );
    for node in array(&cluster, "nodes") {
        let name = text(node, "/name");
        let Some(view) = node.get("view").filter(|view| !view.is_null()) else {
            println!("{name:<6} {:<12} {}", standing(&cluster, node), text(node, "/unseen/reason"));
            continue;
        };
        let shards = array(view, "shards");
        let leads = shards.iter().filter(|shard| shard["role"] == "leader").count();
        let entities: u64 = shards.iter().filter_map(|shard| shard["entities"].as_u64()).sum();
        let memory = view["memory_bytes"].as_u64().unwrap_or(0) >> 20;
        let cpu = view["cpu_ms"].as_u64().unwrap_or(0) / 1_000;
        let peers: Vec<String> = array(view, "peers")
            .iter()
            .map(|peer| {
                let up = if peer["connected"] == true { "up" } else { "down" };
                format!("{} {up}", peer["node"])
            })
            .collect();
        println!(
            "{name:<6} {:<12} {leads:>8} {entities:>8} {memory:>6} MiB {cpu:>9}  {}",
            standing(&cluster, node),
            peers.join(", ")
        );
    }
    Ok(())
}

/// A node as the cluster sees it, in a word: what is wanted of it where it is up. Consoles of a former version know only which node
/// answers.
fn standing<'a>(cluster: &'a Value, node: &Value) -> &'a str {
    let answers = node.get("view").is_some_and(|view| !view.is_null());
    let member = array(cluster, "members").iter().find(|member| member["record"]["id"] == node["node"]);
    let told = |key: &str| member.and_then(|member| member[key].as_str());
    match (told("state"), told("duty")) {
        (Some("up") | None, Some("full") | None) if answers => "up",
        (Some("up") | None, _) if !answers => "unreachable",
        (Some("up"), Some(duty)) => duty,
        (state, _) => state.unwrap_or("up"),
    }
}

pub async fn shards(target: &Target) -> anyhow::Result<()> {
    let cluster = get(target, "/api/cluster").await?;
    if target.json {
        return print_json(&cluster);
    }
    let header = ["node", "shard", "role", "term", "committed", "applied", "entities", "mailbox", "outbox"];
    println!("{}", header.map(|name| format!("{name:>10}")).join(""));
    for node in array(&cluster, "nodes") {
        for shard in node.get("view").map(|view| array(view, "shards")).unwrap_or_default() {
            let mut row = format!("{:>10}", text(node, "/name"));
            for key in ["shard", "role", "term", "committed", "applied", "entities", "mailbox", "outbox"] {
                let cell = shard[key].as_str().map_or_else(|| shard[key].to_string(), str::to_owned);
                row.push_str(&format!("{cell:>10}"));
            }
            println!("{row}");
        }
    }
    Ok(())
}

pub async fn journal(target: &Target, about: Option<&str>, limit: u32) -> anyhow::Result<()> {
    let mut url = reqwest::Url::parse(&format!("http://{}/api/journal", target.admin))?;
    url.query_pairs_mut()
        .append_pair("limit", &limit.to_string())
        .extend_pairs(about.map(|about| ("about", about)));
    let journal = get_url(url, &target.admin).await?;
    if target.json {
        return print_json(&journal);
    }
    let missing = array(&journal, "missing");
    if !missing.is_empty() {
        println!(
            "without the records of node {}",
            missing.iter().map(Value::to_string).collect::<Vec<_>>().join(", ")
        );
    }
    // The newest last, where the eye is.
    for record in array(&journal, "records").iter().rev() {
        let subject = text(record, "/subject");
        let at = Duration::from_millis(record["at"].as_u64().unwrap_or(0));
        let at = humantime::format_rfc3339_millis(std::time::UNIX_EPOCH + at);
        println!(
            "{at}  n{:<3} {subject:<24} {:<20} {}",
            record["node"],
            text(record, "/change"),
            text(record, "/reason")
        );
    }
    Ok(())
}

pub async fn tree(target: &Target) -> anyhow::Result<()> {
    let tree = get(target, "/api/tree").await?;
    if target.json {
        return print_json(&tree);
    }
    for node in tree.as_array().map(Vec::as_slice).unwrap_or_default() {
        if let Some(why) = node.pointer("/unseen/reason").and_then(Value::as_str) {
            println!("{}: not seen, {why}", text(node, "/name"));
        }
        for actor in node.get("view").map(|tree| array(tree, "actors")).unwrap_or_default() {
            let path = text(actor, "/path");
            let depth = path.matches('/').count();
            let name = path.rsplit('/').next().unwrap_or_default();
            let reason = actor["last_reason"].as_str().map(|why| format!(" ({why})")).unwrap_or_default();
            let state = text(actor, "/state");
            println!("{}{name}: {state}, {} restarts{reason}", "  ".repeat(depth), actor["restarts"]);
        }
    }
    Ok(())
}

pub async fn actors(kind: &str, target: &Target) -> anyhow::Result<()> {
    let keys = keys(&target.admin, kind).await?;
    if target.json {
        return print_json(&serde_json::json!({ "kind": kind, "keys": keys }));
    }
    for key in keys {
        println!("{kind}/{key}");
    }
    Ok(())
}

/// Every key of a kind, page by page.
pub async fn keys(admin: &str, kind: &str) -> anyhow::Result<Vec<String>> {
    let mut keys: Vec<String> = Vec::new();
    let mut after = Some(String::new());
    while let Some(from) = after {
        let mut url = reqwest::Url::parse(&format!("http://{admin}"))?;
        url.path_segments_mut()
            .map_err(|()| anyhow::anyhow!("the console's address cannot carry a path"))?
            .extend(["api", "keys", kind]);
        url.query_pairs_mut().append_pair("limit", "1000").append_pair("after", &from);
        let page = get_url(url, admin).await?;
        keys.extend(array(&page, "keys").iter().filter_map(Value::as_str).map(str::to_owned));
        after = page["next"].as_str().map(str::to_owned);
    }
    Ok(keys)
}

pub async fn ask(message: &Message, show: bool) -> anyhow::Result<()> {
    let body: Value = serde_json::from_str(&message.body).context("the message is not JSON")?;
    let mut url = reqwest::Url::parse(&format!("http://{}", message.gateway))?;
    url.path_segments_mut()
        .map_err(|()| anyhow::anyhow!("the gateway's address cannot carry a path"))?
        .extend(["v1", "actors", &message.kind, &message.key, &message.verb]);
    let answer = client(ANSWER_WITHIN)?.post(url).json(&body).send().await?;
    let good = answer.status().is_success();
    let reply: Value = answer.json().await?;
    if !good {
        bail!("{}: {}", text(&reply, "/code"), text(&reply, "/detail"));
    }
    if show {
        return print_json(&reply);
    }
    Ok(())
}

/// Waits for an end, and tells it.
pub async fn watch(target: &Target, of: &str, wait: Duration) -> anyhow::Result<()> {
    let mut url = reqwest::Url::parse(&format!("http://{}/api/death", target.admin))?;
    let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).to_string();
    url.query_pairs_mut().append_pair("of", of).append_pair("wait_ms", &wait_ms);
    let waited = get_within(url, &target.admin, wait + ANSWER_WITHIN).await?;
    if target.json {
        print_json(&waited)?;
    }
    let death = &waited["death"];
    if death.is_null() {
        bail!("{} lives, after {}", text(&waited, "/of"), humantime::format_duration(wait));
    }
    if !target.json {
        println!(
            "{} {}: {}",
            text(&waited, "/of"),
            text(death, "/ending").replace('_', " "),
            text(death, "/reason")
        );
    }
    Ok(())
}

async fn get(target: &Target, path: &str) -> anyhow::Result<Value> {
    get_url(reqwest::Url::parse(&format!("http://{}{path}", target.admin))?, &target.admin).await
}

async fn get_url(url: reqwest::Url, admin: &str) -> anyhow::Result<Value> {
    get_within(url, admin, ANSWER_WITHIN).await
}

async fn get_within(url: reqwest::Url, admin: &str, within: Duration) -> anyhow::Result<Value> {
    let answer = client(within)?.get(url).send().await.with_context(|| format!("no console at {admin}"))?;
    let good = answer.status().is_success();
    let value: Value = answer.json().await?;
    if !good {
        bail!("{}", text(&value, "/detail"));
    }
    Ok(value)
}

fn client(within: Duration) -> anyhow::Result<reqwest::Client> {
    Ok(reqwest::Client::builder().no_proxy().timeout(within).build()?)
}

fn print_json(value: &Value) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}

fn array<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}
