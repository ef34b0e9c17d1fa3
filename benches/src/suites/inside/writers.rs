//! A writer for each shard, and how long each was without an acknowledgement.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use troupe_actors::coordination::probes::Put;
use troupe_runtime::time::micros;
use troupe_runtime::{Address, AskOptions, Router, ShardId};

use super::Inside;

/// Time for one write, retries included.
const WITHIN: Duration = Duration::from_secs(20);
/// Pause between two writes of one writer.
const PAUSE: Duration = Duration::from_millis(2);

/// What a writer shows of itself.
struct Writer {
    to: Address,
    /// Microseconds since the start: of the last acknowledgement, and the longest time between two since last asked.
    last: AtomicU64,
    longest: AtomicU64,
    /// The last value acknowledged.
    value: AtomicU64,
}

/// Writers, one to each shard.
pub(super) struct Writers {
    start: Instant,
    writers: BTreeMap<ShardId, Arc<Writer>>,
    stop: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<anyhow::Result<()>>>,
}

impl Writers {
    pub(super) fn start(inside: &Inside) -> Self {
        let (start, stop) = (Instant::now(), Arc::new(AtomicBool::new(false)));
        let (mut writers, mut tasks) = (BTreeMap::new(), Vec::new());
        for shard in inside.shards() {
            let writer = Arc::new(Writer {
                to: inside.probe_of(shard, 1),
                last: AtomicU64::new(0),
                longest: AtomicU64::new(0),
                value: AtomicU64::new(0),
            });
            writers.insert(shard, writer.clone());
            tasks.push(tokio::spawn(write(inside.router(), writer, start, stop.clone())));
        }
        Self { start, writers, stop, tasks }
    }

    /// The longest time of each without an acknowledgement since this was asked last.
    pub(super) fn gaps(&self) -> BTreeMap<ShardId, Duration> {
        let now = micros(self.start.elapsed());
        let gap = |writer: &Writer| {
            let open = now.saturating_sub(writer.last.load(Ordering::Relaxed));
            Duration::from_micros(writer.longest.swap(0, Ordering::Relaxed).max(open))
        };
        self.writers.iter().map(|(shard, writer)| (*shard, gap(writer))).collect()
    }

    /// Forgets what was before now.
    pub(super) fn reset(&self) {
        for writer in self.writers.values() {
            writer.longest.store(0, Ordering::Relaxed);
        }
    }

    /// A shard's key, and the last value of it that was acknowledged.
    pub(super) fn written(&self, shard: ShardId) -> Option<(&Address, u64)> {
        self.writers.get(&shard).map(|writer| (&writer.to, writer.value.load(Ordering::Acquire)))
    }

    /// Ends them.
    ///
    /// # Errors
    /// A write that failed: none may while a majority of nodes runs.
    pub(super) async fn stop(self) -> anyhow::Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await??;
        }
        Ok(())
    }
}

async fn write(
    router: Router,
    writer: Arc<Writer>,
    start: Instant,
    stop: Arc<AtomicBool>,
) -> anyhow::Result<()> {
    let mut value = 0;
    writer.last.store(micros(start.elapsed()), Ordering::Relaxed);
    while !stop.load(Ordering::Relaxed) {
        value += 1;
        // Under a key, so that it may be sent again when its outcome is unknown.
        let options = AskOptions { within: WITHIN, key: Some(rand::random()) };
        router.ask(&writer.to, &Put { value }, options).await?;
        let now = micros(start.elapsed());
        let gap = now.saturating_sub(writer.last.swap(now, Ordering::Relaxed));
        writer.longest.fetch_max(gap, Ordering::Relaxed);
        writer.value.store(value, Ordering::Release);
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}
