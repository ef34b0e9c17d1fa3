//! A small disk for each node, in a private mount namespace that ends with its holder process.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, bail};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};

/// The nodes' disks.
pub struct Disks {
    /// Keeps the namespace; `None` if nodes write to the machine's own disk.
    holder: Option<Child>,
}

impl Disks {
    /// Mounts a tmpfs of `bytes` under `data` for each name; with `None` it mounts nothing.
    ///
    /// # Errors
    /// Mounting needs root.
    pub async fn prepare(data: &Path, names: &[String], bytes: Option<u64>) -> anyhow::Result<Self> {
        let Some(bytes) = bytes else { return Ok(Self { holder: None }) };
        let mut script = String::from("set -e\n");
        for name in names {
            let dir = data.join(name);
            std::fs::create_dir_all(&dir)?;
            script.push_str(&format!("mount -t tmpfs -o size={bytes} tmpfs '{}'\n", dir.display()));
        }
        // `cat` ends when its standard input closes, so the holder ends with this process.
        script.push_str("echo mounted\nexec cat\n");
        let mut holder = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .process_group(0)
            .spawn()
            .context("unshare")?;
        let mut line = [0; 8];
        let output = holder.stdout.as_mut().context("the holder's output")?;
        if output.read_exact(&mut line).await.is_err() {
            bail!("file systems cannot be mounted here: it takes root");
        }
        Ok(Self { holder: Some(holder) })
    }

    /// Whether each node has its own disk.
    #[must_use]
    pub const fn own(&self) -> bool {
        self.holder.is_some()
    }

    fn pid(&self) -> Option<u32> {
        self.holder.as_ref().and_then(Child::id)
    }

    /// The command prefix that enters the namespace; empty without one.
    pub(super) fn enter(&self) -> Vec<String> {
        match self.pid() {
            Some(pid) => ["nsenter", "--mount", "--target", &pid.to_string(), "--"].map(str::to_owned).into(),
            None => Vec::new(),
        }
    }

    /// A path of the namespace as this process sees it.
    pub(super) fn seen(&self, path: &Path) -> PathBuf {
        match self.pid() {
            Some(pid) => Path::new(&format!("/proc/{pid}/root")).join(path.strip_prefix("/").unwrap_or(path)),
            None => path.to_owned(),
        }
    }
}
