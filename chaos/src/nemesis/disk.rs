//! Disk faults of a running or killed node.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use super::fault::Ailment;

/// Time limit for the tracer to attach or to detach.
const TRACER: Duration = Duration::from_secs(5);

/// Fills the disk with one file. Returns the file's path.
pub(super) fn fill(dir: &Path) -> anyhow::Result<PathBuf> {
    let path = dir.join("filler");
    let mut file = File::create(&path)?;
    for size in [1_usize << 20, 4_096, 1] {
        let bytes = vec![7; size];
        while file.write_all(&bytes).is_ok() {}
    }
    Ok(path)
}

/// Attaches `strace`, which makes every sync of the process fail or wait.
pub(super) async fn trace(pid: u32, ailment: Ailment) -> anyhow::Result<Child> {
    let inject = match ailment {
        Ailment::SyncSlow(ms) => format!("inject=fdatasync,fsync:delay_enter={}", ms * 1_000),
        _ => "inject=fdatasync,fsync:error=EIO".to_owned(),
    };
    let mut tracer = Command::new("strace")
        .args([
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            "trace=fdatasync,fsync",
            "-e",
            &inject,
            "-p",
            &pid.to_string(),
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .process_group(0)
        .spawn()
        .context("syncs cannot be made to fail without strace")?;
    let traced = || {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        status.lines().any(|line| line.strip_prefix("TracerPid:").is_some_and(|by| by.trim() != "0"))
    };
    let start = tokio::time::Instant::now();
    while !traced() {
        if tracer.try_wait()?.is_some() || start.elapsed() > TRACER {
            bail!("strace cannot attach here");
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(tracer)
}

/// Detaches the tracer with SIGINT, so that the traced process goes on.
pub(super) async fn leave(mut tracer: Child) {
    let pid = tracer.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
    if let Some(pid) = pid {
        let _ = kill_process(pid, Signal::INT);
    }
    if tokio::time::timeout(TRACER, tracer.wait()).await.is_err() {
        let _ = tracer.kill().await;
    }
}

/// Flips bits in the WAL files, within the written bytes. Returns the number of flipped bits.
pub(super) fn flip(wal: &Path, bits: u32, seed: u64) -> anyhow::Result<u32> {
    let mut dice = SmallRng::seed_from_u64(seed);
    let mut files: Vec<PathBuf> = std::fs::read_dir(wal)
        .with_context(|| format!("{}", wal.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    let mut flipped = 0;
    for _ in 0..bits {
        let Some(path) = files.get(dice.random_range(0..files.len().max(1))) else { break };
        let mut file = OpenOptions::new().read(true).write(true).open(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let Some(last) = bytes.iter().rposition(|byte| *byte != 0) else { continue };
        let at = dice.random_range(0..=last);
        file.seek(SeekFrom::Start(at as u64))?;
        file.write_all(&[bytes[at] ^ (1 << dice.random_range(0..8))])?;
        flipped += 1;
    }
    Ok(flipped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_turned_over_only_where_something_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let mut bytes = vec![0xFF; 100];
        bytes.extend([0; 1_000]);
        std::fs::write(dir.path().join("1.wal"), &bytes).unwrap();
        assert_eq!(flip(dir.path(), 5, 3).unwrap(), 5);
        let after = std::fs::read(dir.path().join("1.wal")).unwrap();
        assert!(after[..100].iter().any(|byte| *byte != 0xFF));
        assert!(after[100..].iter().all(|byte| *byte == 0));
        std::fs::write(dir.path().join("1.wal"), [0; 10]).unwrap();
        assert_eq!(flip(dir.path(), 5, 3).unwrap(), 0);
    }
}
