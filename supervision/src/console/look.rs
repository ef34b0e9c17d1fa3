//! Requests of the views of other nodes, each with a timeout.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _, join_all};
use troupe_runtime::inspect::Inspect;
use troupe_runtime::observe::{Journal as _, Lifecycle, NodeAddress, NodeView};
use troupe_runtime::{AskError, NodeId, Timestamp};

use super::config::ConsoleConfig;
use super::health;
use super::seen::{Seen, Unseen};
use super::snapshot::{ClusterView, JournalView};
use crate::journal::RingJournal;
use crate::tree::TreeView;

/// A source of supervision trees.
pub trait TreeSource: Send + Sync + 'static {
    /// The tree of any node of the cluster.
    fn tree(&self, node: NodeId) -> BoxFuture<'static, Result<TreeView, AskError>>;
}

/// All views of one node.
pub(super) struct Look {
    pub(super) node: Result<NodeView, Unseen>,
    pub(super) tree: Result<TreeView, Unseen>,
    pub(super) journal: Result<Vec<Lifecycle>, Unseen>,
}

/// Requests views of nodes. Cheap to clone.
#[derive(Clone)]
pub(super) struct Looker {
    pub(super) inspect: Arc<dyn Inspect>,
    pub(super) trees: Arc<dyn TreeSource>,
    pub(super) journal: Arc<RingJournal>,
    pub(super) config: ConsoleConfig,
}

impl Looker {
    /// Awaits an ask, or fails at the look timeout.
    pub(super) async fn within<T>(
        &self,
        asked: impl Future<Output = Result<T, AskError>>,
    ) -> Result<T, AskError> {
        bounded(self.config.look_timeout, asked).await
    }

    /// Requests all views of a node.
    pub(super) fn look(&self, node: NodeId) -> BoxFuture<'static, Look> {
        let limit = self.config.look_timeout;
        let view = bounded(limit, self.inspect.node(node));
        let tree = bounded(limit, self.trees.tree(node));
        let journal = self.records(node, self.config.journal_max);
        async move {
            let (node, tree, journal) = futures::join!(view, tree, journal);
            Look { node: unseen(node), tree: unseen(tree), journal: unseen(journal) }
        }
        .boxed()
    }

    pub(super) async fn cluster(&self) -> ClusterView {
        let nodes = self.each(|node| self.inspect.node(node)).await;
        self.assemble(nodes)
    }

    pub(super) async fn tree(&self) -> Vec<Seen<TreeView>> {
        self.each(|node| self.trees.tree(node)).await
    }

    /// The newest records of all nodes. With `about`, only subjects that contain it, searched in all records of a
    /// node that fit one answer.
    pub(super) async fn journal(&self, limit: u32, about: Option<&str>) -> JournalView {
        let nodes = self.inspect.nodes();
        let asked = if about.is_some() { u32::MAX } else { limit };
        let looks = nodes.iter().map(|address| self.records(address.node, asked));
        let mut looked = join_all(looks).await;
        if let Some(about) = about {
            looked.iter_mut().flatten().for_each(|records| records.retain(|one| one.subject.contains(about)));
        }
        merge(nodes.iter().map(|address| address.node).zip(looked.into_iter().map(unseen)), limit)
    }

    /// A cluster view without rates.
    pub(super) fn assemble(&self, nodes: Vec<Seen<NodeView>>) -> ClusterView {
        ClusterView {
            at: Timestamp::wall(),
            here: self.inspect.here(),
            health: health::judge(&nodes),
            nodes,
            members: self.inspect.members(),
            rates: Vec::new(),
        }
    }

    async fn each<V>(&self, ask: impl Fn(NodeId) -> BoxFuture<'static, Result<V, AskError>>) -> Vec<Seen<V>> {
        let looks = self.inspect.nodes().into_iter().map(|address: NodeAddress| {
            let asked = bounded(self.config.look_timeout, ask(address.node));
            async move { Seen::new(address, unseen(asked.await)) }
        });
        join_all(looks).await
    }

    fn records(&self, node: NodeId, limit: u32) -> BoxFuture<'static, Result<Vec<Lifecycle>, AskError>> {
        if node == self.inspect.here() {
            let newest = self.journal.newest(limit as usize);
            return async move { Ok(newest) }.boxed();
        }
        bounded(self.config.look_timeout, self.inspect.journal(node, limit)).boxed()
    }
}

/// Merges the newest records of all nodes, and lists the nodes that did not answer.
pub(super) fn merge(
    looked: impl Iterator<Item = (NodeId, Result<Vec<Lifecycle>, Unseen>)>,
    limit: u32,
) -> JournalView {
    let mut view = JournalView { records: Vec::new(), missing: Vec::new() };
    for (node, records) in looked {
        match records {
            Ok(records) => view.records.extend(records),
            Err(_) => view.missing.push(node),
        }
    }
    // Stable, so that records of one node and one millisecond stay in order.
    view.records.sort_by_key(|record| std::cmp::Reverse(record.at));
    view.records.truncate(limit as usize);
    view
}

async fn bounded<T>(
    limit: Duration,
    asked: impl Future<Output = Result<T, AskError>>,
) -> Result<T, AskError> {
    match tokio::time::timeout(limit, asked).await {
        Ok(answered) => answered,
        Err(_) => Err(AskError::NotSent(format!("no answer within {} ms", limit.as_millis()))),
    }
}

fn unseen<T>(looked: Result<T, AskError>) -> Result<T, Unseen> {
    looked.map_err(|error| Unseen::from(&error))
}
