//! Every node is stopped and started again, one after another, while clients call.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use troupe_runtime::locks::lock;
use troupe_runtime::time::micros;
use troupe_sdk::Event;

use super::cluster::Scene;
use troupe_local_cluster::figures::{Goal, Report, percentile_ms};
use troupe_local_cluster::processes::Local;

/// Callers, and the pause of each between two calls.
const CALLERS: usize = 24;
const PAUSE: Duration = Duration::from_millis(20);
/// Time before the first node is stopped.
const CALM: Duration = Duration::from_secs(6);

/// Failed calls, and what the restarts add to the 99th percentile of all.
pub(super) async fn measure(scene: &Scene<'_>, local: &mut Local, report: &mut Report) -> anyhow::Result<()> {
    println!("rolling: every node is stopped and started again under load, {CALLERS} callers");
    let callers = Callers::start(scene, "calm");
    tokio::time::sleep(CALM).await;
    let mut calm = callers.stop().await?;
    let callers = Callers::start(scene, "rolling");
    let start = Instant::now();
    for node in &scene.stage.config.nodes {
        local.retire(&node.name).await?;
        local.spawn(&node.name)?;
        local.until_ready().await?;
        scene.stage.until_caught_up().await?;
        println!("  {} is back after {:.1} s in all", node.name, start.elapsed().as_secs_f64());
    }
    let mut rolled = callers.stop().await?;
    let (before, during) = (percentile_ms(&mut calm.samples, 0.99), percentile_ms(&mut rolled.samples, 0.99));
    println!(
        "  {} calls, the longest took {:.0} ms",
        rolled.samples.len(),
        percentile_ms(&mut rolled.samples, 1.0)
    );
    #[allow(clippy::cast_precision_loss, reason = "a count of calls")]
    report.add("rolling.failed", (calm.failed + rolled.failed) as f64, "calls", Goal::AtMost(0.0));
    report.beside("rolling.p99_ms", during, "ms", before, Goal::None);
    report.add("rolling.p99_added_ms", during - before, "ms", Goal::AtMost(250.0));
    Ok(())
}

/// What callers saw.
#[derive(Default)]
struct Seen {
    /// Microseconds of each call.
    samples: Vec<u64>,
    failed: usize,
}

struct Callers {
    stop: watch::Sender<bool>,
    tasks: Vec<tokio::task::JoinHandle<Seen>>,
}

impl Callers {
    /// Each writes to a member of its own, named after the round: no two rounds send the same event.
    fn start(scene: &Scene<'_>, round: &'static str) -> Self {
        let (stop, stopped) = watch::channel(false);
        let task = |at: usize| {
            let (client, ledger, stopped) =
                (scene.client.clone(), Arc::clone(&scene.ledger), stopped.clone());
            tokio::spawn(async move {
                let (mut seen, mut time) = (Seen::default(), 1_u64);
                while !*stopped.borrow() {
                    let member = format!("{round}-{at}");
                    let event = Event::new(&member, "probe", "probe", time).value(1.0);
                    time += 1;
                    let start = Instant::now();
                    let receipt = client.record_events(std::slice::from_ref(&event)).await;
                    seen.samples.push(micros(start.elapsed()));
                    let acknowledged = receipt.is_ok_and(|receipt| receipt.acknowledged() == 1);
                    seen.failed += usize::from(!acknowledged);
                    lock(&ledger).sent(&event, acknowledged);
                    tokio::time::sleep(PAUSE).await;
                }
                seen
            })
        };
        Self { stop, tasks: (0..CALLERS).map(task).collect() }
    }

    async fn stop(self) -> anyhow::Result<Seen> {
        self.stop.send(true)?;
        let mut all = Seen::default();
        for task in self.tasks {
            let seen = task.await?;
            all.samples.extend(seen.samples);
            all.failed += seen.failed;
        }
        Ok(all)
    }
}
