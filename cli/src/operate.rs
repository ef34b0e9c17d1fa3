//! What changes the cluster as a whole, from the terminal: nodes in and out of service, shards from node to node.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use serde_json::Value;

use troupe_local_cluster::admin::Target;

/// Acts on nodes and shards.
#[derive(Debug, Subcommand)]
pub(crate) enum Act {
    /// Takes everything off a node that others can hold, and waits until that is done.
    Drain(OnNode),
    /// Gives a node nothing new; it keeps what it has.
    Cordon(OnNode),
    /// Lets a node that was cordoned or drained take its share again.
    Uncordon(OnNode),
    /// Takes a node that holds nothing off the cluster, for good: its number never comes back.
    Remove(OnNode),
    /// Makes a node hold and lead a shard, and waits until it does.
    Move {
        /// The shard's number.
        shard: u32,
        #[command(flatten)]
        on: OnNode,
    },
    /// Ends an entity's incarnation and rebuilds its state; one that was given up is tried again.
    Restart {
        /// The entity's kind.
        kind: String,
        /// Its key.
        key: String,
        #[command(flatten)]
        manner: Manner,
    },
    /// Leaves a shard that was moved by hand to the balance of replicas and leads again.
    Release {
        /// The shard's number.
        shard: u32,
        #[command(flatten)]
        manner: Manner,
    },
}

/// Which node.
#[derive(Debug, Args)]
pub(crate) struct OnNode {
    /// The node's name.
    node: String,
    #[command(flatten)]
    manner: Manner,
}

/// How to go about it.
#[derive(Debug, Args)]
pub(crate) struct Manner {
    /// Longest time to wait.
    #[arg(long, default_value = "5m", value_parser = humantime::parse_duration)]
    wait: Duration,
    /// Does not ask first.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    target: Target,
}

/// Does it.
pub(crate) async fn act(act: &Act) -> anyhow::Result<()> {
    let manner = act.manner();
    if !manner.yes && !confirmed(&act.question())? {
        bail!("nothing was done");
    }
    let client =
        reqwest::Client::builder().no_proxy().timeout(manner.wait + Duration::from_secs(30)).build()?;
    let sent = client.post(act.url()?).json(&serde_json::json!({})).send().await;
    let answer = sent.with_context(|| format!("no console at {}", manner.target.admin))?;
    let good = answer.status().is_success();
    let reply: Value = answer.json().await.context("not a Troupe console")?;
    if !good {
        bail!("{}", reply["detail"].as_str().unwrap_or("refused without a reason"));
    }
    if manner.target.json {
        println!("{}", serde_json::to_string_pretty(&reply)?);
    } else {
        println!("{}", act.told(&reply));
    }
    if reply["done"] == false {
        bail!("not done after {}", humantime::format_duration(manner.wait));
    }
    Ok(())
}

impl Act {
    fn manner(&self) -> &Manner {
        match self {
            Self::Drain(on) | Self::Cordon(on) | Self::Uncordon(on) | Self::Remove(on) => &on.manner,
            Self::Move { on, .. } => &on.manner,
            Self::Release { manner, .. } | Self::Restart { manner, .. } => manner,
        }
    }

    fn question(&self) -> String {
        match self {
            Self::Drain(on) => format!("Take everything off {}?", on.node),
            Self::Cordon(on) => format!("Give {} nothing new?", on.node),
            Self::Uncordon(on) => format!("Let {} take its share again?", on.node),
            Self::Remove(on) => format!("Take {} off the cluster, for good?", on.node),
            Self::Move { shard, on } => format!("Move shard {shard} to {}?", on.node),
            Self::Restart { kind, key, .. } => format!("Restart {kind}/{key}?"),
            Self::Release { shard, .. } => format!("Let shard {shard} be moved for balance?"),
        }
    }

    fn url(&self) -> anyhow::Result<reqwest::Url> {
        let manner = self.manner();
        let mut url = reqwest::Url::parse(&format!("http://{}", manner.target.admin)).context("--admin")?;
        if let Self::Restart { kind, key, .. } = self {
            let segments = url.path_segments_mut();
            segments
                .map_err(|()| anyhow::anyhow!("--admin cannot carry a path"))?
                .extend(["api", "restart", kind, key]);
            return Ok(url);
        }
        let (what, name, act) = match self {
            Self::Drain(on) => ("nodes", on.node.clone(), "drain"),
            Self::Cordon(on) => ("nodes", on.node.clone(), "cordon"),
            Self::Uncordon(on) => ("nodes", on.node.clone(), "uncordon"),
            Self::Remove(on) => ("nodes", on.node.clone(), "remove"),
            Self::Move { shard, .. } => ("shards", shard.to_string(), "move"),
            Self::Release { shard, .. } => ("shards", shard.to_string(), "release"),
            Self::Restart { kind, key, .. } => ("restart", kind.clone(), key.as_str()),
        };
        url.path_segments_mut()
            .map_err(|()| anyhow::anyhow!("--admin cannot carry a path"))?
            .extend(["api", what, &name, act]);
        if let Self::Move { on, .. } = self {
            url.query_pairs_mut().append_pair("to", &on.node);
        }
        if !matches!(self, Self::Release { .. }) {
            let wait = u64::try_from(manner.wait.as_millis()).unwrap_or(u64::MAX);
            url.query_pairs_mut().append_pair("wait_ms", &wait.to_string());
        }
        Ok(url)
    }

    /// The outcome, in words.
    fn told(&self, reply: &Value) -> String {
        let count = |key: &str| reply["remaining"][key].as_array().map_or(0, Vec::len);
        match self {
            Self::Drain(OnNode { node, .. })
                if reply["done"] == false && count("leads") + count("votes") == 0 =>
            {
                format!("{node} has nothing yet of {} shards that are on their way to it", count("wished"))
            }
            Self::Drain(OnNode { node, .. }) => match (count("leads"), count("votes")) {
                (0, 0) => format!("{node} holds nothing any more: it can be stopped, or removed"),
                (0, votes) => format!(
                    "{node} leads nothing; it still follows in {votes} shards, which no other node can take"
                ),
                (leads, votes) => format!("{node} still leads {leads} shards and votes in {votes}"),
            },
            Self::Cordon(on) => format!("{} keeps what it has and gets nothing new", on.node),
            Self::Uncordon(on) => format!("{} takes its share again", on.node),
            Self::Remove(on) => format!("{} has left this cluster", on.node),
            Self::Move { shard, on } => match reply["done"] == true {
                true => format!("{} leads shard {shard}", on.node),
                false => format!("{} does not lead shard {shard} yet", on.node),
            },
            Self::Restart { kind, key, .. } => format!("{kind}/{key} was restarted: {}", reply["state"]),
            Self::Release { shard, .. } => format!("shard {shard} is moved for balance again"),
        }
    }
}

fn confirmed(question: &str) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("standard input is not a terminal: pass --yes");
    }
    print!("{question} [y/N] ");
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
