//! The Raft clock of a node.

use std::sync::Arc;

use tokio::time::MissedTickBehavior;

use super::world::ShardWorld;

/// Moves the Raft clock of all shards at once, for as long as the world lives: the processor wakes once for all of them,
/// and the heartbeats of all leave in one frame to each peer.
pub(crate) fn tick_all(world: &Arc<ShardWorld>) {
    let (every, world) = (world.raft.tick, Arc::downgrade(world));
    tokio::spawn(async move {
        let mut interval = tokio::time::interval(every);
        // A clock that stood still goes on; it does not catch up.
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for tick in 0_u64.. {
            interval.tick().await;
            let Some(world) = world.upgrade() else { return };
            let beat = tick % u64::from(world.raft.heartbeat_ticks).max(1) == 0;
            world.directory.mailboxes().for_each(|mailbox| mailbox.tick(beat));
        }
    });
}
