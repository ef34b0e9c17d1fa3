//! The watches that this node has opened, and the nodes they are on. Pure: time is an argument.

use std::collections::{BTreeMap, BTreeSet};

use super::subject::{Death, Ending, Subject};
use super::watched::{PendingNotices, Poll, Watchee};
use super::{DOWN_AFTER, WATCHES_MAX};
use crate::address::{Address, NodeId, ShardId};
use crate::replication::Mono;
use crate::time::micros;

/// State of a watch at the node that it is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Not sent yet.
    New,
    /// Sent in a poll without an answer yet.
    Sent,
    /// Acknowledged by that node.
    Known,
}

#[derive(Debug)]
struct Entry {
    subject: Subject,
    /// The shard of an entity.
    shard: Option<ShardId>,
    on: Option<NodeId>,
    standing: Standing,
}

#[derive(Debug, Default)]
struct Target {
    session: u64,
    incarnation: Option<u64>,
    /// Time of the first poll without an answer.
    silent_since: Option<Mono>,
    /// Ended watches that the node may still hold.
    over: BTreeSet<u64>,
}

/// Changes of watches.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    /// The watch has begun.
    Begun(u64),
    /// The watch has ended.
    Died(u64, Death),
}

/// All watches of this node.
#[derive(Debug, Default)]
pub(super) struct Watching {
    next: u64,
    sessions: u64,
    entries: BTreeMap<u64, Entry>,
    targets: BTreeMap<NodeId, Target>,
}

impl Watching {
    /// Begins a watch; `None` at the bound. An entity needs its shard.
    pub(super) fn begin(&mut self, subject: Subject, shard: Option<ShardId>) -> Option<u64> {
        if self.entries.len() >= WATCHES_MAX {
            return None;
        }
        self.next += 1;
        let on = match &subject {
            Subject::Node(node) | Subject::Actor { node, .. } => Some(*node),
            Subject::Entity(_) => None,
        };
        self.entries.insert(self.next, Entry { subject, shard, on, standing: Standing::New });
        Some(self.next)
    }

    /// Ends a watch without a watcher.
    pub(super) fn let_go(&mut self, id: u64) {
        if let Some(entry) = self.entries.remove(&id) {
            self.over(&entry, id);
        }
    }

    /// Moves the watches of entities to their shards' current leaders. Returns the nodes to poll.
    pub(super) fn settle(&mut self, leader: impl Fn(ShardId) -> Option<NodeId>) -> BTreeSet<NodeId> {
        let mut left = Vec::new();
        for (id, entry) in &mut self.entries {
            let Some(leader) = entry.shard.and_then(&leader).filter(|leader| entry.on != Some(*leader))
            else {
                continue;
            };
            if let Some(before) = entry.on.replace(leader) {
                left.push((before, *id));
            }
            entry.standing = Standing::New;
        }
        for (node, id) in left {
            target_over(&mut self.targets, node, id);
        }
        self.targets.retain(|node, target| {
            !target.over.is_empty() || self.entries.values().any(|entry| entry.on == Some(*node))
        });
        let watched = self.entries.values().filter_map(|entry| entry.on);
        watched.chain(self.targets.keys().copied()).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.targets.is_empty()
    }

    /// The next poll of a node; `None` if nothing is watched there. The flag is true if the poll may wait for a
    /// notice.
    pub(super) fn poll(&mut self, node: NodeId, here: NodeId, incarnation: u64) -> Option<(Poll, bool)> {
        let mut new = Vec::new();
        let mut any = false;
        for (id, entry) in self.entries.iter_mut().filter(|(_, entry)| entry.on == Some(node)) {
            any = true;
            if entry.standing != Standing::Known {
                entry.standing = Standing::Sent;
                new.push((*id, watchee(&entry.subject, entry.shard)));
            }
        }
        if !any && self.targets.get(&node).is_none_or(|target| target.over.is_empty()) {
            return None;
        }
        let sessions = &mut self.sessions;
        let target = self.targets.entry(node).or_insert_with(|| {
            *sessions += 1;
            Target { session: *sessions, ..Target::default() }
        });
        let over: Vec<u64> = target.over.iter().copied().collect();
        let waits = new.is_empty() && over.is_empty();
        Some((Poll { from: here, session: (incarnation, target.session), new, over }, waits))
    }

    /// Takes a node's answer to a poll.
    pub(super) fn answered(&mut self, node: NodeId, poll: &Poll, pending: PendingNotices) -> Vec<News> {
        let Some(target) = self.targets.get_mut(&node) else { return Vec::new() };
        if target.session != poll.session.1 {
            return Vec::new();
        }
        if target.incarnation.is_some_and(|known| known != pending.incarnation) {
            return self.lost(node, "it was restarted");
        }
        target.incarnation = Some(pending.incarnation);
        target.silent_since = None;
        for id in &poll.over {
            target.over.remove(id);
        }
        let mut news = Vec::new();
        for (id, why) in pending.refused {
            // The entity's shard has another leader, or none: the next check finds it.
            let Some(entry) = self.entries.get_mut(&id) else { continue };
            entry.standing = Standing::New;
            if entry.shard.is_some() {
                entry.on = None;
            } else if let Some(entry) = self.entries.remove(&id) {
                news.push(News::Died(
                    id,
                    Death { subject: entry.subject, ending: Ending::Missing, reason: why },
                ));
            }
        }
        for (id, _) in &poll.new {
            if let Some(entry) = self.entries.get_mut(id)
                && entry.standing == Standing::Sent
                && entry.on == Some(node)
            {
                entry.standing = Standing::Known;
                news.push(News::Begun(*id));
            }
        }
        for (id, ending, reason) in pending.deaths {
            target_over(&mut self.targets, node, id);
            if self.entries.get(&id).is_some_and(|entry| entry.on == Some(node))
                && let Some(entry) = self.entries.remove(&id)
            {
                news.push(News::Died(id, Death { subject: entry.subject, ending, reason }));
            }
        }
        news
    }

    /// Takes a poll without an answer.
    pub(super) fn unanswered(&mut self, node: NodeId, now: Mono, why: &str) -> Vec<News> {
        let Some(target) = self.targets.get_mut(&node) else { return Vec::new() };
        let since = *target.silent_since.get_or_insert(now);
        let patience = micros(DOWN_AFTER);
        if now.saturating_sub(since) < patience {
            return Vec::new();
        }
        self.lost(node, &format!("no answer for {} ms: {why}", now.saturating_sub(since) / 1_000))
    }

    /// Ends all watches on a node; watches of entities move to another node.
    fn lost(&mut self, node: NodeId, why: &str) -> Vec<News> {
        self.targets.remove(&node);
        let mut news = Vec::new();
        let ids: Vec<u64> =
            self.entries.iter().filter(|(_, entry)| entry.on == Some(node)).map(|(id, _)| *id).collect();
        for id in ids {
            let Some(mut entry) = self.entries.remove(&id) else { continue };
            if entry.shard.is_some() {
                (entry.on, entry.standing) = (None, Standing::New);
                self.entries.insert(id, entry);
                continue;
            }
            let death = Death {
                subject: entry.subject,
                ending: Ending::NodeDown,
                reason: format!("node {node}: {why}"),
            };
            news.push(News::Died(id, death));
        }
        news
    }

    fn over(&mut self, entry: &Entry, id: u64) {
        if let Some(node) = entry.on.filter(|_| entry.standing != Standing::New) {
            target_over(&mut self.targets, node, id);
        }
    }
}

fn target_over(targets: &mut BTreeMap<NodeId, Target>, node: NodeId, id: u64) {
    if let Some(target) = targets.get_mut(&node) {
        target.over.insert(id);
    }
}

fn watchee(subject: &Subject, shard: Option<ShardId>) -> Watchee {
    match (subject, shard) {
        (Subject::Node(_), _) => Watchee::Node,
        (Subject::Actor { path, .. }, _) => Watchee::Named(path.clone()),
        (Subject::Entity(address), Some(shard)) => Watchee::Led(named(address), shard),
        (Subject::Entity(address), None) => Watchee::Named(named(address)),
    }
}

fn named(address: &Address) -> String {
    address.to_string()
}
