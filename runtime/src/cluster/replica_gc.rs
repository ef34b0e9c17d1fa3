//! Replica GC: a node stops a replica that its group has removed.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt as _};

use super::bootstrap::{self, Standing};
use super::inspect::look;
use super::runtime::Runtime;
use crate::address::{NodeId, ShardId};
use crate::membership::Cluster;
use crate::node_spec::NodeSpec;
use crate::placement::NodeControl;
use crate::shard::SystemInput;

/// The runtime, as placement's reconciler controls it.
pub(super) struct RuntimeControl(pub(super) Arc<Runtime>);

impl NodeControl for RuntimeControl {
    fn set_nodes(&self, nodes: Vec<NodeSpec>) {
        self.0.set_nodes(nodes);
    }

    fn collect_replicas(&self, cluster: Arc<Cluster>) -> BoxFuture<'static, ()> {
        let runtime = self.0.clone();
        async move { collect(&runtime, &cluster).await }.boxed()
    }

    fn led_by(&self, peer: NodeId) -> BoxFuture<'static, Vec<ShardId>> {
        let runtime = self.0.clone();
        async move { bootstrap::led(&runtime, peer).await.unwrap_or_default() }.boxed()
    }
}

/// Stops every replica that its group has removed. A replica that is still a member stays even if the target
/// membership does not name it: its group may need its vote.
async fn collect(runtime: &Arc<Runtime>, cluster: &Cluster) {
    let here = runtime.spec().here;
    let directory = runtime.directory();
    for shard in directory.shards().filter(|shard| directory.runs(*shard)) {
        let Some(mailbox) = directory.mailbox(shard).cloned() else { continue };
        let strayed = cluster.target(shard).is_some_and(|target| !target.holds(here));
        // A removed replica receives no messages, so it knows no leader.
        if !strayed && directory.leader(shard).is_some() {
            continue;
        }
        let Ok((id, term)) = look(&mailbox, |replica, _| replica.id_and_term()).await else { continue };
        let standing = bootstrap::standing(runtime, shard, id).await;
        // A leader of an earlier term may not know of an admission after it.
        let removed = standing.is_some_and(|Standing { member, term: its }| !member && its >= term);
        if removed {
            mailbox.system(SystemInput::Dismissed);
        }
    }
}
