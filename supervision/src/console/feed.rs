//! The stream's poller: all clients of the stream share one, and it stops while no client is connected.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use futures::FutureExt as _;
use futures::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use troupe_runtime::locks::lock;
use troupe_runtime::{NodeId, Timestamp};

use super::look::{Look, Looker, merge};
use super::rates::{Counters, NodeRates};
use super::seen::{Seen, Unseen};
use super::snapshot::Snapshot;

/// A snapshot as JSON, encoded once for all clients.
pub(super) type Frame = Option<Arc<str>>;

/// Publishes snapshots to the stream's clients.
pub(super) struct Feed {
    looker: Looker,
    frames: watch::Sender<Frame>,
    polling: Mutex<bool>,
}

impl Feed {
    pub(super) fn new(looker: Looker) -> Arc<Self> {
        Arc::new(Self { looker, frames: watch::channel(None).0, polling: Mutex::new(false) })
    }

    /// Subscribes to snapshots from now on; `None` at `streams_max`.
    pub(super) fn watch(self: &Arc<Self>) -> Option<watch::Receiver<Frame>> {
        let mut polling = lock(&self.polling);
        if self.frames.receiver_count() >= self.looker.config.streams_max {
            return None;
        }
        let frames = self.frames.subscribe();
        if !*polling {
            *polling = true;
            // A new client must not start with a snapshot from before the poller's pause.
            self.frames.send_replace(None);
            tokio::spawn(self.clone().poll());
        }
        Some(frames)
    }

    /// Requests the view of every node once per period. A slow node delays neither the other nodes nor the snapshot:
    /// until it answers, its last view is shown.
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
                        // All nodes have answered: the first snapshot does not wait for the period.
                        begin = false;
                        self.publish(&seen);
                    }
                }
            }
        }
    }

    /// Whether no client is connected. The poller then stops, and the next client starts another one.
    fn rest(&self) -> bool {
        let mut polling = lock(&self.polling);
        *polling = self.frames.receiver_count() > 0;
        !*polling
    }

    fn publish(&self, seen: &Latest) {
        match serde_json::to_string(&seen.snapshot(&self.looker)) {
            Ok(json) => {
                self.frames.send_replace(Some(json.into()));
            }
            Err(error) => tracing::error!(%error, "a snapshot could not be encoded as JSON"),
        }
    }
}

/// The last view of each node.
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
