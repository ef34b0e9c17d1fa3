//! Replicas that belong elsewhere by now: a node gives one up when its group has done without it.

use std::sync::Arc;

use super::arrival::{self, Standing};
use super::inspect::look;
use super::runtime::Runtime;
use crate::address::ShardId;
use crate::placement::Cluster;
use crate::shard::SystemInput;

impl Runtime {
    /// Gives up every replica that its group has removed. One that is still a member stays, whatever is wished: its
    /// group may need it.
    pub(crate) async fn relieve(self: &Arc<Self>, cluster: &Cluster) {
        let here = self.spec().here;
        for shard in self.directory().shards().filter(|shard| self.directory().runs(*shard)) {
            let Some(mailbox) = self.directory().mailbox(shard).cloned() else { continue };
            let strayed = cluster.wishes(shard).is_some_and(|wishes| !wishes.holds(here));
            // A removed replica is told nothing any more: it hears of no leader.
            if !strayed && self.directory().leader(shard).is_some() {
                continue;
            }
            let Ok((id, term)) = look(&mailbox, |replica, _| replica.id_and_term()).await else { continue };
            let standing = arrival::standing(self, shard, id).await;
            // A leader of an earlier term may not know of an admission after it.
            let removed = standing.is_some_and(|Standing { member, term: its }| !member && its >= term);
            if removed {
                mailbox.system(SystemInput::Dismissed);
            }
        }
    }

    /// Shards that a peer leads; none when it does not answer.
    pub(crate) async fn led_by(self: &Arc<Self>, peer: crate::address::NodeId) -> Vec<ShardId> {
        arrival::led(self, peer).await.unwrap_or_default()
    }
}
