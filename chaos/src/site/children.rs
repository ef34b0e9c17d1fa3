//! The processes.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use super::disks::Disks;
use super::places::{Place, configuration, places};
use crate::nemesis::Build;
use crate::proxy::Lines;

/// How long a node may take to stop when asked.
const STOP_WITHIN: Duration = Duration::from_secs(20);

/// The variable that names the file with a node's wall clock offset in milliseconds.
const WALL_OFFSET: &str = "TROUPE_WALL_OFFSET_FILE";

/// What a site is made of.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The binary whose `node` command is run.
    pub binary: PathBuf,
    /// The binary of the build before it, which the nodes begin as.
    pub previous: Option<PathBuf>,
    /// Everything of the configuration but nodes and paths.
    pub template: toml::Table,
    /// How many nodes.
    pub nodes: usize,
    /// Where their data and logs go.
    pub dir: PathBuf,
    /// Bytes of each node's own disk, where each is to have one.
    pub disk_bytes: Option<u64>,
    /// The dice of the weather.
    pub seed: u64,
}

/// The numbers of the processes that run. Clones show the same.
#[derive(Debug, Clone)]
pub struct Pids(Arc<Vec<AtomicU32>>);

impl Pids {
    fn set(&self, node: usize, pid: Option<u32>) {
        self.0[node].store(pid.unwrap_or(0), Ordering::Relaxed);
    }

    /// Those that run now.
    #[must_use]
    pub fn now(&self) -> Vec<u32> {
        self.0.iter().map(|pid| pid.load(Ordering::Relaxed)).filter(|pid| *pid != 0).collect()
    }
}

/// A running cluster.
pub struct Site {
    plan: Plan,
    /// Its nodes.
    pub places: Vec<Place>,
    /// Between them.
    pub lines: Lines,
    /// Their disks.
    pub disks: Disks,
    children: Vec<Option<Child>>,
    builds: Vec<Build>,
    pids: Pids,
    /// Set when `setpriv` is at hand: then even a frozen node ends with us.
    tied: bool,
}

impl Site {
    /// Starts every node.
    ///
    /// # Errors
    /// A port, a file or the binary.
    pub async fn start(plan: Plan) -> anyhow::Result<Self> {
        let places = places(plan.nodes)?;
        let meshes: Vec<_> = places.iter().map(|place| place.mesh).collect();
        let lines = Lines::lay(&meshes, plan.seed).await?;
        std::fs::create_dir_all(plan.dir.join("data"))?;
        for (at, place) in places.iter().enumerate() {
            let text = configuration(&plan.template, &places, at, |to| lines.address(at, to), &plan.dir)?;
            std::fs::write(plan.dir.join(format!("{}.toml", place.name)), text)?;
            std::fs::write(plan.dir.join(format!("{}.offset", place.name)), "0")?;
        }
        let names: Vec<String> = places.iter().map(|place| place.name.clone()).collect();
        let disks = Disks::prepare(&plan.dir.join("data"), &names, plan.disk_bytes).await?;
        let tied =
            Command::new("setpriv").arg("--version").output().await.is_ok_and(|out| out.status.success());
        let children = places.iter().map(|_| None).collect();
        let pids = Pids(Arc::new(places.iter().map(|_| AtomicU32::new(0)).collect()));
        let first = if plan.previous.is_some() { Build::Previous } else { Build::This };
        let builds = vec![first; places.len()];
        let mut site = Self { plan, places, lines, disks, children, builds, pids, tied };
        for node in 0..site.places.len() {
            site.run(node)?;
        }
        Ok(site)
    }

    /// Runs a node that does not run.
    ///
    /// # Errors
    /// The binary.
    pub fn run(&mut self, node: usize) -> anyhow::Result<()> {
        if self.runs(node) {
            return Ok(());
        }
        let name = &self.places[node].name;
        let log = OpenOptions::new().create(true).append(true).open(self.log(node))?;
        let mut words: Vec<std::ffi::OsString> = Vec::new();
        if self.tied {
            words.extend(["setpriv", "--pdeathsig", "KILL", "--"].map(Into::into));
        }
        words.extend(self.disks.enter().into_iter().map(Into::into));
        let binary = match (self.builds[node], &self.plan.previous) {
            (Build::Previous, Some(previous)) => previous,
            _ => &self.plan.binary,
        };
        words.push(binary.clone().into());
        words.extend(["node", "--with-parent", "--name", name, "--config"].map(Into::into));
        words.push(self.plan.dir.join(format!("{name}.toml")).into());
        let child = Command::new(&words[0])
            .args(&words[1..])
            .env(WALL_OFFSET, self.plan.dir.join(format!("{name}.offset")))
            // When we are gone, however that came, the pipe closes and the node stops.
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            // Ctrl-C is for us.
            .process_group(0)
            .spawn()
            .with_context(|| format!("node {name}"))?;
        self.pids.set(node, child.id());
        self.children[node] = Some(child);
        Ok(())
    }

    /// What a node is from its next start on.
    pub fn set_build(&mut self, node: usize, build: Build) {
        self.builds[node] = build;
    }

    /// Runs `troupe certs` on the certificates of all nodes.
    ///
    /// # Errors
    /// The binary, or what it says.
    pub async fn certs(&self, words: &[&str]) -> anyhow::Result<()> {
        let config = self.plan.dir.join(format!("{}.toml", self.places[0].name));
        let mut command = Command::new(&self.plan.binary);
        let out = command.arg("certs").args(words).arg("--config").arg(config).output().await?;
        anyhow::ensure!(out.status.success(), "certs {words:?}: {}", String::from_utf8_lossy(&out.stderr));
        Ok(())
    }

    /// Whether its process is there, frozen or not.
    pub fn runs(&mut self, node: usize) -> bool {
        self.children[node].as_mut().is_some_and(|child| child.try_wait().is_ok_and(|ended| ended.is_none()))
    }

    /// SIGKILL.
    ///
    /// # Errors
    /// The system.
    pub async fn kill(&mut self, node: usize) -> anyhow::Result<()> {
        if let Some(mut child) = self.children[node].take() {
            self.pids.set(node, None);
            child.kill().await?;
        }
        Ok(())
    }

    /// SIGSTOP.
    ///
    /// # Errors
    /// It does not run.
    pub fn freeze(&self, node: usize) -> anyhow::Result<()> {
        self.signal(node, Signal::STOP)
    }

    /// SIGCONT.
    ///
    /// # Errors
    /// It does not run.
    pub fn thaw(&self, node: usize) -> anyhow::Result<()> {
        self.signal(node, Signal::CONT)
    }

    fn signal(&self, node: usize, signal: Signal) -> anyhow::Result<()> {
        let name = &self.places[node].name;
        let pid = self.pid(node).and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        let pid = pid.with_context(|| format!("{name} does not run"))?;
        kill_process(pid, signal).with_context(|| format!("{signal:?} to {name}"))
    }

    /// Asks a node to leave in order, and waits for it; killed when it takes too long, which is told by `false`.
    pub async fn stop(&mut self, node: usize) -> bool {
        let Some(mut child) = self.children[node].take() else { return true };
        self.pids.set(node, None);
        drop(child.stdin.take());
        let stopped = tokio::time::timeout(STOP_WITHIN, child.wait()).await.is_ok();
        if !stopped {
            let _ = child.kill().await;
        }
        stopped
    }

    /// Ends every node at once: nothing of a throw-away cluster is worth a farewell.
    pub async fn end(&mut self) {
        for node in 0..self.children.len() {
            let _ = self.kill(node).await;
        }
    }

    /// Its process's number.
    #[must_use]
    pub fn pid(&self, node: usize) -> Option<u32> {
        self.children[node].as_ref().and_then(Child::id)
    }

    /// The processes' numbers, which follow them as they end and start.
    #[must_use]
    pub fn pids(&self) -> Pids {
        self.pids.clone()
    }

    /// Where its log is.
    #[must_use]
    pub fn log(&self, node: usize) -> PathBuf {
        self.plan.dir.join(format!("{}.log", self.places[node].name))
    }

    /// Where its data is, as this process sees it.
    #[must_use]
    pub fn data(&self, node: usize) -> PathBuf {
        self.disks.seen(&self.plan.dir.join("data").join(&self.places[node].name))
    }

    /// Turns a node's wall clock so far from the truth.
    ///
    /// # Errors
    /// The file.
    pub fn turn_clock(&self, node: usize, offset_ms: i64) -> anyhow::Result<()> {
        let path = self.plan.dir.join(format!("{}.offset", self.places[node].name));
        replace(&path, &offset_ms.to_string())
    }
}

/// Whole or not at all: the node may read it meanwhile.
fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let draft = path.with_extension("draft");
    std::fs::write(&draft, text)?;
    Ok(std::fs::rename(&draft, path)?)
}
