//! The Raft clock of a node.

use std::sync::Arc;

use tokio::time::MissedTickBehavior;

use super::jumps::Jumps;
use super::world::ShardWorld;
use crate::observe::Lifecycle;
use crate::time::Timestamp;

/// Moves the Raft clock of all shards at once, for as long as the world lives: the processor wakes once for all of them,
/// and the heartbeats of all leave in one frame to each peer.
pub(crate) fn tick_all(world: &Arc<ShardWorld>) {
    let (every, world) = (world.raft.tick, Arc::downgrade(world));
    tokio::spawn(async move {
        let mut interval = tokio::time::interval(every);
        // A clock that stood still goes on; it does not catch up.
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut jumps = Jumps::default();
        for tick in 0_u64.. {
            interval.tick().await;
            let Some(world) = world.upgrade() else { return };
            if let Some(by) = jumps.look(Timestamp::wall(), world.clock.mono()) {
                tell(&world, by);
            }
            let beat = tick % u64::from(world.raft.heartbeat_ticks).max(1) == 0;
            // Sent when all have spoken, in one frame to each.
            let mut said = Vec::new();
            let mut say = |node, envelope| said.push((node, envelope));
            world.directory.mailboxes().for_each(|mailbox| mailbox.tick(beat, &world, &mut say));
            for (node, envelope) in said {
                // What cannot be sent is lost, which Raft tolerates.
                let _ = world.transport.send(node, &envelope);
            }
        }
    });
}

/// Nothing is at stake but the times that entities see: leases and elections go by the monotonic clock.
fn tell(world: &ShardWorld, by_ms: i64) {
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
