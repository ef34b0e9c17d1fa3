//! The stream's poller: one for all who watch, at rest when nobody does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt as _;
use futures::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use troupe_runtime::{NodeId, Timestamp};

use super::look::{Look, Looker, merge};
use super::rates::{Counters, NodeRates};
use super::snapshot::{Seen, Snapshot, Unseen};

/// A snapshot as JSON, once for all who watch.
pub(super) type Frame = Option<Arc<str>>;

/// Hands out snapshots.
pub(super) struct Feed {
    looker: Looker,
    frames: watch::Sender<Frame>,
    polling: Mutex<bool>,
}

impl Feed {
    pub(super) fn new(looker: Looker) -> Arc<Self> {
        Arc::new(Self { looker, frames: watch::channel(None).0, polling: Mutex::new(false) })
    }

    /// Snapshots from now on; none when too many watch already.
    pub(super) fn watch(self: &Arc<Self>) -> Option<watch::Receiver<Frame>> {
        let mut polling = self.polling.lock().unwrap_or_else(PoisonError::into_inner);
        if self.frames.receiver_count() >= self.looker.config.streams_max {
            return None;
        }
        let frames = self.frames.subscribe();
        if !*polling {
            *polling = true;
            // A page must not begin with what was true when the last one closed.
            self.frames.send_replace(None);
            tokio::spawn(self.clone().poll());
        }
        Some(frames)
    }

    /// Looks at every node once a period. A look that takes longer holds neither the others nor the snapshot up:
    /// until it ends, the node is shown as it was.
    async fn poll(self: Arc<Self>) {
        let mut seen = Latest::default();
        let mut looks = FuturesUnordered::new();
        let mut asked = BTreeSet::new();
        let mut begin = true;
        let mut ticks = tokio::time::interval(self.looker.config.period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {
                    if self.rest() {
                        return;
                    }
                    if !seen.looks.is_empty() {
                        begin = false;
                        self.publish(&seen);
                    }
                    for address in self.looker.inspect.nodes() {
                        let node = address.node;
                        if asked.insert(node) {
                            looks.push(self.looker.look(node).map(move |look| (node, look)));
                        }
                    }
                }
                Some((node, look)) = looks.next() => {
                    asked.remove(&node);
                    seen.note(node, look);
                    if begin && asked.is_empty() {
                        // All have answered: the first snapshot need not wait for the period.
                        begin = false;
                        self.publish(&seen);
                    }
                }
            }
        }
    }

    /// Whether nobody watches any more; then the next to come starts another poller.
    fn rest(&self) -> bool {
        let mut polling = self.polling.lock().unwrap_or_else(PoisonError::into_inner);
        *polling = self.frames.receiver_count() > 0;
        !*polling
    }

    fn publish(&self, seen: &Latest) {
        match serde_json::to_string(&seen.snapshot(&self.looker)) {
            Ok(json) => {
                self.frames.send_replace(Some(json.into()));
            }
            Err(error) => tracing::error!(%error, "a snapshot could not be written as JSON"),
        }
    }
}

/// What each node showed last.
#[derive(Default)]
struct Latest {
    looks: BTreeMap<NodeId, Look>,
    rates: BTreeMap<NodeId, NodeRates>,
    counters: Counters,
}

impl Latest {
    fn note(&mut self, node: NodeId, look: Look) {
        let rates = match &look.node {
            Ok(view) => self.counters.note(view, Timestamp::wall()),
            Err(_) => {
                self.counters.forget(node);
                None
            }
        };
        match rates {
            Some(rates) => self.rates.insert(node, rates),
            None => self.rates.remove(&node),
        };
        self.looks.insert(node, look);
    }

    fn snapshot(&self, looker: &Looker) -> Snapshot {
        let (mut nodes, mut tree, mut journal) = (Vec::new(), Vec::new(), Vec::new());
        for address in looker.inspect.nodes() {
            let look = self.looks.get(&address.node);
            let records = look.map_or_else(|| Err(Unseen::not_yet()), |look| look.journal.clone());
            journal.push((address.node, records));
            let trees = look.map_or_else(|| Err(Unseen::not_yet()), |look| look.tree.clone());
            tree.push(Seen::new(address.clone(), trees));
            let view = look.map_or_else(|| Err(Unseen::not_yet()), |look| look.node.clone());
            nodes.push(Seen::new(address, view));
        }
        let mut cluster = looker.assemble(nodes);
        cluster.rates = self.rates.values().cloned().collect();
        Snapshot { cluster, tree, journal: merge(journal.into_iter(), looker.config.journal_max) }
    }
}
