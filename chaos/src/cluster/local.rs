//! The node processes of a local cluster.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::Signal;
use serde::Serialize;
use tokio::process::Command;
use troupe_local_cluster::node_process::{Launch, NodeProcess};

use super::disks::Disks;
use super::endpoints::{Endpoints, configuration, endpoints};
use crate::proxy::Links;

/// How long a node may take to stop when asked.
const STOP_WITHIN: Duration = Duration::from_secs(20);

/// The variable that names the file with a node's wall clock offset in milliseconds.
const WALL_OFFSET: &str = "TROUPE_WALL_OFFSET_FILE";

/// The build that a node runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Build {
    /// The build under test.
    This,
    /// The build before it.
    Previous,
}

/// The parameters of a local cluster.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The binary with the `node` command.
    pub binary: PathBuf,
    /// The binary of the previous build. With it, the nodes start as the previous build.
    pub previous: Option<PathBuf>,
    /// The configuration without nodes and paths.
    pub template: toml::Table,
    /// Number of nodes.
    pub nodes: usize,
    /// Directory of data and logs.
    pub dir: PathBuf,
    /// Size in bytes of each node's own disk; `None` uses the machine's disk.
    pub disk_bytes: Option<u64>,
    /// Seed of the link conditions.
    pub seed: u64,
}

/// The ids of the running processes. Clones share them.
#[derive(Debug, Clone)]
pub struct Pids(Arc<Vec<AtomicU32>>);

impl Pids {
    fn set(&self, node: usize, pid: Option<u32>) {
        self.0[node].store(pid.unwrap_or(0), Ordering::Relaxed);
    }

    /// The ids of the processes that run now.
    #[must_use]
    pub fn now(&self) -> Vec<u32> {
        self.0.iter().map(|pid| pid.load(Ordering::Relaxed)).filter(|pid| *pid != 0).collect()
    }
}

/// A running cluster.
pub struct LocalCluster {
    plan: Plan,
    /// Its nodes.
    pub endpoints: Vec<Endpoints>,
    /// The proxied links between them.
    pub links: Links,
    /// Their disks.
    pub disks: Disks,
    children: Vec<Option<NodeProcess>>,
    builds: Vec<Build>,
    pids: Pids,
    /// Whether `setpriv` exists: with it, even a frozen node ends with this process.
    tied: bool,
}

impl LocalCluster {
    /// Starts every node.
    ///
    /// # Errors
    /// A port or a file was refused, or the binary did not start.
    pub async fn start(plan: Plan) -> anyhow::Result<Self> {
        let endpoints = endpoints(plan.nodes)?;
        let meshes: Vec<_> = endpoints.iter().map(|endpoint| endpoint.mesh).collect();
        let links = Links::open(&meshes, plan.seed).await?;
        std::fs::create_dir_all(plan.dir.join("data"))?;
        for (at, endpoint) in endpoints.iter().enumerate() {
            let text = configuration(&plan.template, &endpoints, at, |to| links.address(at, to), &plan.dir)?;
            std::fs::write(plan.dir.join(format!("{}.toml", endpoint.name)), text)?;
            std::fs::write(plan.dir.join(format!("{}.offset", endpoint.name)), "0")?;
        }
        let names: Vec<String> = endpoints.iter().map(|endpoint| endpoint.name.clone()).collect();
        let disks = Disks::prepare(&plan.dir.join("data"), &names, plan.disk_bytes).await?;
        let tied =
            Command::new("setpriv").arg("--version").output().await.is_ok_and(|out| out.status.success());
        let children = endpoints.iter().map(|_| None).collect();
        let pids = Pids(Arc::new(endpoints.iter().map(|_| AtomicU32::new(0)).collect()));
        let first = if plan.previous.is_some() { Build::Previous } else { Build::This };
        let builds = vec![first; endpoints.len()];
        let mut cluster = Self { plan, endpoints, links, disks, children, builds, pids, tied };
        for node in 0..cluster.endpoints.len() {
            cluster.run(node)?;
        }
        Ok(cluster)
    }

    /// Starts a node; does nothing if it runs.
    ///
    /// # Errors
    /// The binary did not start.
    pub fn run(&mut self, node: usize) -> anyhow::Result<()> {
        if self.runs(node) {
            return Ok(());
        }
        let name = &self.endpoints[node].name;
        let binary = match (self.builds[node], &self.plan.previous) {
            (Build::Previous, Some(previous)) => previous,
            _ => &self.plan.binary,
        };
        let mut launch = Launch::new(binary, &self.config(node), name, &self.log(node));
        if self.tied {
            launch.wrapper.extend(["setpriv", "--pdeathsig", "KILL", "--"].map(Into::into));
        }
        launch.wrapper.extend(self.disks.enter().into_iter().map(Into::into));
        launch.environment.push((WALL_OFFSET.into(), self.offset(node).into()));
        let child = launch.start()?;
        self.pids.set(node, child.pid());
        self.children[node] = Some(child);
        Ok(())
    }

    /// Sets the build of a node from its next start on.
    pub fn set_build(&mut self, node: usize, build: Build) {
        self.builds[node] = build;
    }

    /// Runs `troupe certs` on the certificates of all nodes.
    ///
    /// # Errors
    /// The binary did not start, or its error output.
    pub async fn certs(&self, words: &[&str]) -> anyhow::Result<()> {
        let mut command = Command::new(&self.plan.binary);
        let out = command.arg("certs").args(words).arg("--config").arg(self.config(0)).output().await?;
        anyhow::ensure!(out.status.success(), "certs {words:?}: {}", String::from_utf8_lossy(&out.stderr));
        Ok(())
    }

    /// Whether its process exists, frozen or not.
    pub fn runs(&mut self, node: usize) -> bool {
        self.children[node].as_mut().is_some_and(|child| child.ended().is_ok_and(|ended| ended.is_none()))
    }

    /// SIGKILL.
    ///
    /// # Errors
    /// The system refused the signal.
    pub async fn kill(&mut self, node: usize) -> anyhow::Result<()> {
        if let Some(child) = self.children[node].take() {
            self.pids.set(node, None);
            child.kill().await?;
        }
        Ok(())
    }

    /// SIGSTOP.
    ///
    /// # Errors
    /// The node does not run.
    pub fn freeze(&self, node: usize) -> anyhow::Result<()> {
        self.signal(node, Signal::STOP)
    }

    /// SIGCONT.
    ///
    /// # Errors
    /// The node does not run.
    pub fn thaw(&self, node: usize) -> anyhow::Result<()> {
        self.signal(node, Signal::CONT)
    }

    fn signal(&self, node: usize, signal: Signal) -> anyhow::Result<()> {
        let child = self.children[node].as_ref();
        child.with_context(|| format!("{} does not run", self.endpoints[node].name))?.signal(signal)
    }

    /// Stops a node gracefully. `false` if it took longer than 20 s and was killed.
    pub async fn stop(&mut self, node: usize) -> bool {
        let Some(child) = self.children[node].take() else { return true };
        self.pids.set(node, None);
        child.stop(STOP_WITHIN).await.unwrap_or(false)
    }

    /// Kills every node. A throw-away cluster needs no graceful stop.
    pub async fn end(&mut self) {
        for node in 0..self.children.len() {
            let _ = self.kill(node).await;
        }
    }

    /// The node's process id.
    #[must_use]
    pub fn pid(&self, node: usize) -> Option<u32> {
        self.children[node].as_ref().and_then(NodeProcess::pid)
    }

    /// The process ids, kept up to date when nodes end and start.
    #[must_use]
    pub fn pids(&self) -> Pids {
        self.pids.clone()
    }

    /// Path of the node's log.
    #[must_use]
    pub fn log(&self, node: usize) -> PathBuf {
        self.plan.dir.join(format!("{}.log", self.endpoints[node].name))
    }

    fn config(&self, node: usize) -> PathBuf {
        self.plan.dir.join(format!("{}.toml", self.endpoints[node].name))
    }

    fn offset(&self, node: usize) -> PathBuf {
        self.plan.dir.join(format!("{}.offset", self.endpoints[node].name))
    }

    /// Path of the node's data, as this process sees it.
    #[must_use]
    pub fn data(&self, node: usize) -> PathBuf {
        self.disks.seen(&self.plan.dir.join("data").join(&self.endpoints[node].name))
    }

    /// Sets the offset of a node's wall clock.
    ///
    /// # Errors
    /// The offset file could not be written.
    pub fn turn_clock(&self, node: usize, offset_ms: i64) -> anyhow::Result<()> {
        replace(&self.offset(node), &offset_ms.to_string())
    }
}

/// Replaces a file atomically, because the node may read it meanwhile.
fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let draft = path.with_extension("draft");
    std::fs::write(&draft, text)?;
    Ok(std::fs::rename(&draft, path)?)
}
