//! A cluster on this machine: a child process for each node, none of which outlives us.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tokio::io::AsyncReadExt as _;
use tokio::sync::watch;

use crate::node_process::{Launch, NodeProcess};
use troupe_node::config::{Config, NodeTable, base_of};

/// How long nodes may take to be ready.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How long a node may take to stop when asked.
const STOP_WITHIN: Duration = Duration::from_secs(20);

/// Child processes by node name.
pub struct Local {
    path: PathBuf,
    nodes: Vec<NodeTable>,
    logs: PathBuf,
    children: BTreeMap<String, NodeProcess>,
}

impl Local {
    /// Starts every node of the configuration.
    pub fn start(config: &Config, path: &Path) -> anyhow::Result<Self> {
        Self::start_beside(config, path, None)
    }

    /// Starts every node of the configuration but one, which runs elsewhere.
    pub fn start_beside(config: &Config, path: &Path, not: Option<&str>) -> anyhow::Result<Self> {
        let base = base_of(path);
        let logs = base.join(&config.cluster.data_dir);
        std::fs::create_dir_all(&logs).with_context(|| format!("{}", logs.display()))?;
        for node in &config.nodes {
            for (what, address) in [("mesh", node.mesh), ("gateway", node.gateway), ("admin", node.admin)] {
                if let Err(error) = std::net::TcpListener::bind(address) {
                    bail!(
                        "{what} address {address} of {}: {error}; is a cluster running already?",
                        node.name
                    );
                }
            }
        }
        let mut local =
            Self { path: path.to_owned(), nodes: config.nodes.clone(), logs, children: BTreeMap::new() };
        for node in config.nodes.iter().filter(|node| Some(node.name.as_str()) != not) {
            local.spawn(&node.name)?;
        }
        Ok(local)
    }

    /// Starts one node; its log goes to a file beside its data.
    pub fn spawn(&mut self, name: &str) -> anyhow::Result<()> {
        let path = self.path.clone();
        self.start_node(name, &path, &[])
    }

    /// Starts a node of a configuration of its own that asks the console at `admin` to be let in.
    pub fn join(&mut self, name: &str, path: &Path, admin: &str) -> anyhow::Result<()> {
        self.start_node(name, path, &["--join", admin])
    }

    fn start_node(&mut self, name: &str, path: &Path, more: &[&str]) -> anyhow::Result<()> {
        let mut launch = Launch::new(&std::env::current_exe()?, path, name, &self.log_of(name));
        launch.arguments = more.iter().map(Into::into).collect();
        self.children.insert(name.to_owned(), launch.start()?);
        Ok(())
    }

    /// Where a node's log is.
    pub fn log_of(&self, name: &str) -> PathBuf {
        self.logs.join(format!("{name}.log"))
    }

    /// Waits until every running node reports that it is ready.
    pub async fn until_ready(&mut self) -> anyhow::Result<()> {
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(1)).build()?;
        let deadline = tokio::time::Instant::now() + READY_WITHIN;
        for node in self.nodes.clone() {
            let log = self.log_of(&node.name);
            let Some(child) = self.children.get_mut(&node.name) else { continue };
            let url = format!("http://{}/readyz", node.gateway);
            while !client.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
                if let Some(status) = child.ended()? {
                    bail!("node {} ended with {status}: see {}", node.name, log.display());
                }
                if tokio::time::Instant::now() > deadline {
                    bail!("node {} is not ready after {READY_WITHIN:?}: see {}", node.name, log.display());
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Ok(())
    }

    /// SIGKILL.
    pub async fn kill(&mut self, name: &str) -> anyhow::Result<()> {
        if let Some(child) = self.children.remove(name) {
            child.kill().await?;
        }
        Ok(())
    }

    /// The process of a node that runs.
    pub fn pid(&self, name: &str) -> anyhow::Result<u32> {
        let pid = self.children.get(name).and_then(NodeProcess::pid);
        pid.with_context(|| format!("node {name} does not run"))
    }

    /// Stops one node as it is stopped for an upgrade, and waits until it has.
    pub async fn retire(&mut self, name: &str) -> anyhow::Result<()> {
        let child = self.children.remove(name).with_context(|| format!("node {name} does not run"))?;
        ensure!(child.stop(STOP_WITHIN).await?, "node {name} does not stop");
        Ok(())
    }

    /// Stops every node in order: closing its standard input asks it to drain.
    pub async fn stop(&mut self) {
        let leaving = std::mem::take(&mut self.children).into_iter().map(|(name, child)| async move {
            if !child.stop(STOP_WITHIN).await.unwrap_or(false) {
                eprintln!("node {name} did not stop and was killed");
            }
        });
        futures::future::join_all(leaving).await;
    }
}

/// `troupe up`.
pub async fn up(config: Config, path: &Path) -> anyhow::Result<()> {
    let mut local = Local::start(&config, path)?;
    let stop = stop_signal(false);
    let mut waiting = stop.clone();
    let ready = tokio::select! {
        ready = local.until_ready() => Some(ready),
        _ = waiting.wait_for(|stop| *stop) => None,
    };
    match ready {
        Some(Ok(())) => {
            for node in &config.nodes {
                let log = local.log_of(&node.name);
                println!(
                    "{}  gateway http://{}  console http://{}  log {}",
                    node.name,
                    node.gateway,
                    node.admin,
                    log.display()
                );
            }
            let mut stop = stop;
            let _ = stop.wait_for(|stop| *stop).await;
        }
        Some(Err(error)) => {
            local.stop().await;
            return Err(error);
        }
        None => {}
    }
    println!("stopping");
    local.stop().await;
    Ok(())
}

/// Turns true on Ctrl-C, on SIGTERM, and with `with_parent` when standard input closes.
pub fn stop_signal(with_parent: bool) -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        let mut term = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(term) => term,
            Err(error) => {
                tracing::error!(%error, "SIGTERM cannot be heard");
                return;
            }
        };
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = term.recv() => {}
            () = parent_gone(), if with_parent => {}
        }
        let _ = sender.send(true);
        sender.closed().await;
    });
    receiver
}

async fn parent_gone() {
    let mut stdin = tokio::io::stdin();
    let mut bytes = [0; 64];
    while stdin.read(&mut bytes).await.is_ok_and(|count| count > 0) {}
}
