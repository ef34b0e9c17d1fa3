//! A group's log in memory, behind raft-rs's `Storage`. Its entries are in the write-ahead log or on their way to it;
//! their persistence is reported to raft-rs separately.

use std::collections::VecDeque;

use raft::eraftpb::{ConfState, Entry, HardState, Snapshot};
use raft::{Error, GetEntriesContext, RaftState, Result, Storage, StorageError};

/// The entries and the membership that a checkpoint in the store covers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SnapshotMark {
    /// Last index covered.
    pub index: u64,
    /// That entry's term.
    pub term: u64,
    /// The membership at that index.
    pub members: ConfState,
}

/// Entries after the cut, the vote (`hard_state`), and what a snapshot would cover.
#[derive(Debug, Default)]
pub struct Log {
    pub(super) hard_state: HardState,
    pub(super) members: ConfState,
    cut: (u64, u64),
    entries: VecDeque<Entry>,
    bytes: usize,
    mark: SnapshotMark,
    /// Index that a follower needs a snapshot for, if the newest checkpoint is too old for it; zero otherwise.
    snapshot_wanted: std::cell::Cell<u64>,
}

impl Log {
    pub(super) fn new(
        hard_state: HardState,
        mark: SnapshotMark,
        cut: (u64, u64),
        entries: Vec<Entry>,
    ) -> Self {
        let bytes = entries.iter().map(|entry| entry.data.len()).sum();
        Self {
            hard_state,
            members: mark.members.clone(),
            cut,
            entries: entries.into(),
            bytes,
            mark,
            snapshot_wanted: std::cell::Cell::new(0),
        }
    }

    /// Index of the last entry held.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.cut.0 + self.entries.len() as u64
    }

    /// Payload bytes held.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The newest durable checkpoint.
    #[must_use]
    pub const fn mark(&self) -> &SnapshotMark {
        &self.mark
    }

    /// Takes the index that a lagging follower needs a checkpoint for; zero if no follower does.
    pub(super) fn take_snapshot_wanted(&self) -> u64 {
        self.snapshot_wanted.replace(0)
    }

    pub(super) fn append(&mut self, entries: &[Entry]) {
        let Some(first) = entries.first() else { return };
        let Some(ahead) = first.index.checked_sub(self.cut.0 + 1) else { return };
        let at = usize::try_from(ahead).unwrap_or(usize::MAX);
        assert!(at <= self.entries.len(), "raft-rs appends without a gap");
        for dropped in self.entries.drain(at..) {
            self.bytes -= dropped.data.len();
        }
        self.bytes += entries.iter().map(|entry| entry.data.len()).sum::<usize>();
        self.entries.extend(entries.iter().cloned());
    }

    /// Entries from `low` up to, not including, `high`, as far as they are held.
    pub(super) fn slice(&self, low: u64, high: u64) -> impl Iterator<Item = &Entry> {
        let from = usize::try_from(low.saturating_sub(self.cut.0 + 1)).unwrap_or(usize::MAX);
        let to = usize::try_from(high.saturating_sub(self.cut.0 + 1)).unwrap_or(usize::MAX);
        let to = to.min(self.entries.len());
        self.entries.range(from.min(to)..to)
    }

    pub(super) fn set_mark(&mut self, mark: SnapshotMark) {
        if mark.index > self.mark.index {
            self.mark = mark;
        }
    }

    /// The index up to which entries may be dropped if the last `entries` before `mark` are kept, within `bytes` bytes.
    pub(super) fn kept_before(&self, mark: u64, entries: u64, bytes: u64) -> u64 {
        let lowest = mark.saturating_sub(entries);
        let mut left = bytes;
        let mut from = mark;
        while from > lowest {
            let Some(entry) = self.slice(from, from + 1).next() else { break };
            let Some(rest) = left.checked_sub(entry.data.len() as u64) else { break };
            (left, from) = (rest, from - 1);
        }
        from
    }

    /// Drops entries up to `index` or the checkpoint; returns the cut's index and term if it moved.
    pub(super) fn cut_to(&mut self, index: u64) -> Option<(u64, u64)> {
        let index = index.min(self.mark.index);
        if index <= self.cut.0 {
            return None;
        }
        let term = self.term(index).ok()?;
        let count = usize::try_from(index - self.cut.0).unwrap_or(usize::MAX).min(self.entries.len());
        for dropped in self.entries.drain(..count) {
            self.bytes -= dropped.data.len();
        }
        self.cut = (index, term);
        Some(self.cut)
    }

    pub(super) fn reset_to(&mut self, mark: SnapshotMark) {
        self.entries.clear();
        self.bytes = 0;
        self.cut = (mark.index, mark.term);
        self.members = mark.members.clone();
        self.hard_state.commit = self.hard_state.commit.max(mark.index);
        self.hard_state.term = self.hard_state.term.max(mark.term);
        self.mark = mark;
    }
}

impl Storage for Log {
    fn initial_state(&self) -> Result<RaftState> {
        Ok(RaftState::new(self.hard_state.clone(), self.members.clone()))
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        _context: GetEntriesContext,
    ) -> Result<Vec<Entry>> {
        if low <= self.cut.0 {
            return Err(Error::Store(StorageError::Compacted));
        }
        let mut left = max_size.into().unwrap_or(u64::MAX);
        let mut out = Vec::new();
        for entry in self.slice(low, high) {
            let size = entry.data.len() as u64 + 16;
            if !out.is_empty() && size > left {
                break;
            }
            left = left.saturating_sub(size);
            out.push(entry.clone());
        }
        Ok(out)
    }

    fn term(&self, index: u64) -> Result<u64> {
        if index == self.cut.0 {
            return Ok(self.cut.1);
        }
        if index < self.cut.0 {
            return Err(Error::Store(StorageError::Compacted));
        }
        let at = usize::try_from(index - self.cut.0 - 1).unwrap_or(usize::MAX);
        self.entries.get(at).map(|entry| entry.term).ok_or(Error::Store(StorageError::Unavailable))
    }

    fn first_index(&self) -> Result<u64> {
        Ok(self.cut.0 + 1)
    }

    fn last_index(&self) -> Result<u64> {
        Ok(self.last())
    }

    fn snapshot(&self, request_index: u64, to: u64) -> Result<Snapshot> {
        // A receiver refuses a snapshot with a membership that lacks it, and never asks again.
        let members = &self.mark.members;
        let knows = members.voters.contains(&to) || members.learners.contains(&to);
        if !knows || self.mark.index < request_index || self.mark.index < self.cut.0 {
            self.snapshot_wanted.set(request_index.max(self.cut.0).max(1));
            return Err(Error::Store(StorageError::SnapshotTemporarilyUnavailable));
        }
        let mut snapshot = Snapshot::default();
        let metadata = snapshot.mut_metadata();
        metadata.index = self.mark.index;
        metadata.term = self.mark.term;
        metadata.set_conf_state(self.mark.members.clone());
        Ok(snapshot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_kept_behind_a_checkpoint_are_bounded_in_number_and_in_bytes() {
        let entry = |index| Entry { index, term: 1, data: vec![0; 100].into(), ..Entry::default() };
        let log =
            Log::new(HardState::default(), SnapshotMark::default(), (10, 1), (11..=30).map(entry).collect());
        for (mark, entries, bytes, expected) in [
            (30, 5, 10_000, 25),
            (30, 100, 350, 27),
            (30, 100, 99, 30),
            (30, 0, 10_000, 30),
            // The log begins after entry 10: earlier entries cannot be kept.
            (30, 100, 10_000, 10),
            (20, 3, 200, 18),
        ] {
            assert_eq!(log.kept_before(mark, entries, bytes), expected, "{mark} {entries} {bytes}");
        }
    }
}
