//! The Raft clock of a node.

use std::sync::Arc;

use tokio::time::MissedTickBehavior;

use super::clock_jumps::ClockJumps;
use super::world::ShardWorld;
use crate::observe::Lifecycle;
use crate::time::Timestamp;

/// Moves the Raft clock of all shards at once, as long as the world lives. The processor wakes once for all of them,
/// and all heartbeats for a peer leave in one frame.
pub(crate) fn tick_all(world: &Arc<ShardWorld>) {
    let (every, world) = (world.raft.tick, Arc::downgrade(world));
    tokio::spawn(async move {
        let mut interval = tokio::time::interval(every);
        // After a pause of the process the clock continues without catching up.
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut jumps = ClockJumps::default();
        for tick in 0_u64.. {
            interval.tick().await;
            let Some(world) = world.upgrade() else { return };
            if let Some(by) = jumps.check(Timestamp::wall(), world.clock.mono()) {
                report(&world, by);
            }
            let beat = tick % u64::from(world.raft.heartbeat_ticks).max(1) == 0;
            // Sent after the last mailbox has ticked, so that each peer receives one frame.
            let mut outgoing = Vec::new();
            let mut send = |node, envelope| outgoing.push((node, envelope));
            world.directory.mailboxes().for_each(|mailbox| mailbox.tick(beat, &world, &mut send));
            for (node, envelope) in outgoing {
                // Raft tolerates the loss of a message that cannot be sent.
                let _ = world.transport.send(node, &envelope);
            }
        }
    });
}

/// Reports a jump. It affects only the times that entities see: leases and elections use the monotonic clock.
fn report(world: &ShardWorld, by_ms: i64) {
    let way = if by_ms > 0 {
        "timers fire early"
    } else {
        "shards keep their time, and timers wait until it is reached"
    };
    let reason = format!("the wall clock jumped by {by_ms} ms: {way}");
    tracing::warn!(reason, "clock");
    world.journal.record(Lifecycle {
        at: Timestamp::wall(),
        node: world.here,
        subject: format!("node-{}", world.here),
        change: "clock_jumped".to_owned(),
        reason,
    });
}
