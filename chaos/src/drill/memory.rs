//! Resident memory of the nodes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;

use crate::cluster::Pids;

/// Interval of the samples.
const EVERY: Duration = Duration::from_millis(250);

/// Samples the resident memory until it is dropped.
pub(super) struct Memory {
    largest: Arc<AtomicU64>,
    _task: JoinSet<()>,
}

impl Memory {
    pub(super) fn watch(pids: Pids) -> Self {
        let largest = Arc::new(AtomicU64::new(0));
        let mut task = JoinSet::new();
        let seen = largest.clone();
        task.spawn(async move {
            loop {
                let resident = pids.now().into_iter().filter_map(resident).max().unwrap_or(0);
                seen.fetch_max(resident, Ordering::Relaxed);
                tokio::time::sleep(EVERY).await;
            }
        });
        Self { largest, _task: task }
    }

    /// Largest resident memory of one node so far, in bytes.
    pub(super) fn largest(&self) -> u64 {
        self.largest.load(Ordering::Relaxed)
    }
}

fn resident(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1_024)
}
