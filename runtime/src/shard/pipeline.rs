//! Entries that a leader has proposed and that are not yet committed.

use std::collections::VecDeque;

use super::asks::Slot;
use crate::address::ShardId;

/// A proposed entry, and what its commit releases.
pub(super) struct Inflight {
    pub(super) index: u64,
    pub(super) term: u64,
    pub(super) answers: Vec<(Slot, Vec<u8>)>,
    /// Effects of other shards taken by it: sending shard and number.
    pub(super) taken: Vec<(ShardId, u64)>,
    /// Control entities that it changed.
    pub(super) changed: Vec<(&'static str, String)>,
}

/// The proposed entries, oldest first.
pub(super) struct Pipeline {
    entries: VecDeque<Inflight>,
    max: usize,
}

impl Pipeline {
    /// An empty pipeline that holds at most `max` entries.
    pub(super) const fn new(max: usize) -> Self {
        Self { entries: VecDeque::new(), max }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether the next entry must wait for a commit.
    pub(super) fn is_full(&self) -> bool {
        self.entries.len() >= self.max
    }

    pub(super) fn push(&mut self, entry: Inflight) {
        self.entries.push_back(entry);
    }

    /// Takes the oldest entry if it is the committed one. `None` for an entry of another leader.
    pub(super) fn commit(&mut self, index: u64, term: u64) -> Option<Inflight> {
        let own = self.entries.front().is_some_and(|own| own.index == index && own.term == term);
        if own { self.entries.pop_front() } else { None }
    }

    /// Takes every entry: leadership was lost, and whether they are committed is unknown.
    pub(super) fn lose(&mut self) -> VecDeque<Inflight> {
        std::mem::take(&mut self.entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(index: u64, term: u64) -> Inflight {
        Inflight { index, term, answers: Vec::new(), taken: Vec::new(), changed: Vec::new() }
    }

    #[test]
    fn entries_commit_in_order_and_only_those_of_this_leader() {
        let mut pipeline = Pipeline::new(2);
        pipeline.push(entry(7, 3));
        assert!(!pipeline.is_full());
        pipeline.push(entry(8, 3));
        assert!(pipeline.is_full());
        assert!(pipeline.commit(8, 3).is_none(), "the older entry comes first");
        assert!(pipeline.commit(7, 4).is_none(), "another leader's entry took its index");
        assert_eq!(pipeline.commit(7, 3).map(|entry| entry.index), Some(7));
        assert_eq!((pipeline.lose().len(), pipeline.len()), (1, 0));
    }
}
