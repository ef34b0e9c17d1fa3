//! The watches held on this node, and the notices that are pending for each watcher. Pure.

use std::collections::{BTreeMap, BTreeSet};

use bincode::{Decode, Encode};

use super::WATCHES_MAX;
use super::subject::Ending;
use crate::address::NodeId;

/// Longest reason in bytes; panic messages are longer and are cut.
const REASON_BYTES_MAX: usize = 1_024;

/// A poll by a watcher's node.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(super) struct Poll {
    pub(super) from: NodeId,
    /// Changes at each start of the watcher's node, and after it has given up this node; earlier watches of the
    /// watcher are then dropped.
    pub(super) session: (u64, u64),
    /// Watches to begin; repeated until a poll is answered.
    pub(super) new: Vec<(u64, Watchee)>,
    /// Watches that have ended: notified or dropped.
    pub(super) over: Vec<u64>,
}

/// A subject on the polled node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub(super) enum Watchee {
    /// The node itself; nothing is held for it.
    Node,
    /// A path or an address, as in the journal.
    Named(String),
    /// An entity of that shard; accepted only by the shard's leader.
    Led(String, crate::address::ShardId),
}

/// The answer to a poll.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(super) struct PendingNotices {
    /// The incarnation of the node that answers.
    pub(super) incarnation: u64,
    pub(super) deaths: Vec<(u64, Ending, String)>,
    /// Watches that cannot begin here now, and the reasons.
    pub(super) refused: Vec<(u64, String)>,
}

#[derive(Debug, Default)]
struct Watcher {
    session: (u64, u64),
    alive: BTreeMap<u64, String>,
    pending: BTreeMap<u64, (Ending, String)>,
}

/// All watches on this node.
#[derive(Debug, Default)]
pub(super) struct Watched {
    watchers: BTreeMap<NodeId, Watcher>,
    subjects: BTreeMap<String, BTreeSet<(NodeId, u64)>>,
    count: usize,
}

impl Watched {
    /// Takes a poll. `gone` returns how a missing subject ended; `leads` whether this node leads a shard. Returns the
    /// refused watches.
    pub(super) fn take(
        &mut self,
        poll: &Poll,
        gone: impl Fn(&str) -> Option<(Ending, String)>,
        leads: impl Fn(crate::address::ShardId) -> bool,
    ) -> Vec<(u64, String)> {
        if self.watchers.get(&poll.from).is_some_and(|watcher| watcher.session != poll.session) {
            self.forget(poll.from);
        }
        let session = poll.session;
        self.watchers.entry(poll.from).or_default().session = session;
        for id in &poll.over {
            self.let_go(poll.from, *id);
        }
        let mut refused = Vec::new();
        for (id, watchee) in &poll.new {
            let name = match watchee {
                Watchee::Node => continue,
                Watchee::Led(_, shard) if !leads(*shard) => {
                    refused.push((*id, format!("shard {shard} is not led here")));
                    continue;
                }
                Watchee::Named(name) | Watchee::Led(name, _) => name,
            };
            if self.count >= WATCHES_MAX {
                refused.push((*id, format!("{WATCHES_MAX} watches are held already")));
                continue;
            }
            let watcher = self.watchers.entry(poll.from).or_default();
            if watcher.alive.contains_key(id) || watcher.pending.contains_key(id) {
                continue;
            }
            self.count += 1;
            match gone(name).filter(|_| matches!(watchee, Watchee::Named(_))) {
                Some(end) => {
                    watcher.pending.insert(*id, end);
                }
                None => {
                    watcher.alive.insert(*id, name.clone());
                    self.subjects.entry(name.clone()).or_default().insert((poll.from, *id));
                }
            }
        }
        refused
    }

    /// Takes the end of a subject; true if a notice is now pending.
    pub(super) fn ended(&mut self, name: &str, ending: Ending, reason: &str) -> bool {
        let Some(watches) = self.subjects.remove(name) else { return false };
        let reason = cut(reason);
        for (node, id) in &watches {
            if let Some(watcher) = self.watchers.get_mut(node)
                && watcher.alive.remove(id).is_some()
            {
                watcher.pending.insert(*id, (ending, reason.to_owned()));
            }
        }
        !watches.is_empty()
    }

    /// Notices for a node that it has not acknowledged.
    pub(super) fn pending(&self, to: NodeId) -> Vec<(u64, Ending, String)> {
        let pending = self.watchers.get(&to).map(|watcher| &watcher.pending);
        pending.into_iter().flatten().map(|(id, (ending, reason))| (*id, *ending, reason.clone())).collect()
    }

    /// Drops the watches of nodes that have left the cluster.
    pub(super) fn retain(&mut self, nodes: &BTreeSet<NodeId>) {
        let left: Vec<NodeId> = self.watchers.keys().filter(|node| !nodes.contains(node)).copied().collect();
        left.into_iter().for_each(|node| self.forget(node));
    }

    pub(super) const fn len(&self) -> usize {
        self.count
    }

    fn let_go(&mut self, node: NodeId, id: u64) {
        let Some(watcher) = self.watchers.get_mut(&node) else { return };
        let name = watcher.alive.remove(&id);
        self.count -= usize::from(name.is_some() | watcher.pending.remove(&id).is_some());
        if let Some(name) = name
            && let Some(watches) = self.subjects.get_mut(&name)
        {
            watches.remove(&(node, id));
            if watches.is_empty() {
                self.subjects.remove(&name);
            }
        }
    }

    fn forget(&mut self, node: NodeId) {
        let Some(watcher) = self.watchers.get(&node) else { return };
        let ids: Vec<u64> = watcher.alive.keys().chain(watcher.pending.keys()).copied().collect();
        ids.into_iter().for_each(|id| self.let_go(node, id));
        self.watchers.remove(&node);
    }
}

fn cut(reason: &str) -> &str {
    &reason[..reason.floor_char_boundary(REASON_BYTES_MAX)]
}
