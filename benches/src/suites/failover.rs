//! The busiest node is killed under load.

use std::time::Duration;

use super::cluster::Scene;
use troupe_local_cluster::figures::{Goal, Report};
use troupe_local_cluster::probe::Probe;
use troupe_local_cluster::processes::Local;

/// Kills.
const ROUNDS: usize = 3;
/// Writers whose longest gap counts.
const WRITERS: usize = 24;
/// Time that writers write before a kill, and after it.
const BEFORE: Duration = Duration::from_secs(3);
const AFTER: Duration = Duration::from_secs(5);

/// Longest time that any writer was without an acknowledgement; beside it, the same without a kill.
pub(super) async fn measure(scene: &Scene<'_>, local: &mut Local, report: &mut Report) -> anyhow::Result<()> {
    println!("failover: the busiest node is killed {ROUNDS} times, {WRITERS} writers");
    let (mut calm, mut longest) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..ROUNDS {
        let probe = Probe::start(&scene.client, &scene.ledger, WRITERS);
        tokio::time::sleep(BEFORE).await;
        calm = calm.max(probe.stop().await?);
        let probe = Probe::start(&scene.client, &scene.ledger, WRITERS);
        tokio::time::sleep(BEFORE).await;
        let name = scene.stage.busiest().await?;
        local.kill(&name).await?;
        tokio::time::sleep(AFTER).await;
        let gap = probe.stop().await?;
        println!("  {name} killed: longest gap {} ms", gap.as_millis());
        longest = longest.max(gap);
        local.spawn(&name)?;
        local.until_ready().await?;
        scene.stage.until_caught_up().await?;
    }
    let ms = |duration: Duration| duration.as_secs_f64() * 1_000.0;
    report.beside("failover.gap_ms.max", ms(longest), "ms", ms(calm), Goal::AtMost(2_000.0));
    Ok(())
}
