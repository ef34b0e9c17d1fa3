//! One node as a child process, for everything that starts nodes: the command line, tests, measurements and drills.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::Instant;

/// Between two looks whether a process has ended.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// How a node is started.
#[derive(Debug, Clone)]
pub struct Launch {
    /// Its name in the configuration.
    pub name: String,
    /// The binary.
    pub binary: PathBuf,
    /// The configuration file.
    pub config: PathBuf,
    /// Its output is appended here.
    pub log: PathBuf,
    /// Words in front of the binary: a wrapper that enters a namespace.
    pub wrapper: Vec<OsString>,
    /// Further arguments.
    pub arguments: Vec<OsString>,
    /// Further variables of its environment.
    pub environment: Vec<(OsString, OsString)>,
}

impl Launch {
    /// A node of a configuration, without a wrapper.
    #[must_use]
    pub fn new(binary: &Path, config: &Path, name: &str, log: &Path) -> Self {
        Self {
            name: name.to_owned(),
            binary: binary.to_owned(),
            config: config.to_owned(),
            log: log.to_owned(),
            wrapper: Vec::new(),
            arguments: Vec::new(),
            environment: Vec::new(),
        }
    }

    /// Starts it.
    ///
    /// # Errors
    /// The log file, the binary.
    pub fn start(&self) -> anyhow::Result<NodeProcess> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log);
        let log = log.with_context(|| format!("{}", self.log.display()))?;
        let words: Vec<OsString> = self.wrapper.iter().cloned().chain([self.binary.clone().into()]).collect();
        let child = Command::new(&words[0])
            .args(&words[1..])
            .args(["node", "--with-parent", "--name", &self.name, "--config"])
            .arg(&self.config)
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            // The pipe closes when this process ends for any reason, and the node stops.
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            // Ctrl-C is for the parent, which stops nodes in order.
            .process_group(0)
            .spawn()
            .with_context(|| format!("node {}", self.name))?;
        Ok(NodeProcess { child, name: self.name.clone(), reaped: false })
    }
}

/// A running node. It is killed when this is dropped.
#[derive(Debug)]
pub struct NodeProcess {
    child: Child,
    name: String,
    /// Whether its end was seen. From then on the system may give its number to another process.
    reaped: bool,
}

impl NodeProcess {
    /// Its process number; `None` after [`Self::ended`] has returned its end.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        (!self.reaped).then(|| self.child.id())
    }

    /// How it ended, or `None` while it runs or is frozen.
    ///
    /// # Errors
    /// The system.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        let ended = self.child.try_wait()?;
        self.reaped |= ended.is_some();
        Ok(ended)
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// The process has ended.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let pid = self.pid().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        let pid = pid.with_context(|| format!("node {} does not run", self.name))?;
        kill_process(pid, signal).with_context(|| format!("{signal:?} to node {}", self.name))
    }

    /// SIGKILL, without holding the thread until the process is gone.
    ///
    /// # Errors
    /// The system.
    pub async fn kill(mut self) -> io::Result<()> {
        self.child.kill()?;
        while self.child.try_wait()?.is_none() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Asks it to drain, and waits; kills it after `within`. Whether it stopped by itself.
    ///
    /// # Errors
    /// The system.
    pub async fn stop(mut self, within: Duration) -> io::Result<bool> {
        drop(self.child.stdin.take());
        let deadline = Instant::now() + within;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                self.kill().await?;
                return Ok(false);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(true)
    }

    /// SIGTERM, and the end that it leads to; holds the thread until then.
    ///
    /// # Errors
    /// The system.
    pub fn terminate(mut self) -> anyhow::Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        Ok(self.child.wait()?)
    }
}

impl Drop for NodeProcess {
    fn drop(&mut self) {
        // One that has ended by itself needs no kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
