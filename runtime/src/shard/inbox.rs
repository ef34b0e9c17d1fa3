//! Effects of other shards that wait to be decided.

use std::collections::VecDeque;

use crate::transport::EffectBatch;

/// Batches that wait at most: as many as 64 shards may send before they receive an acknowledgement.
const BATCHES_MAX: usize = 1_024;

/// The batches of effects that wait, in the order of their arrival.
#[derive(Default)]
pub(super) struct Inbox(VecDeque<EffectBatch>);

/// What a batch brings to a shard that has taken its sender's effects up to some number.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    /// Effects before it are missing: the sender resends from the last acknowledgement.
    Gap,
    /// Every effect of it was taken before.
    Known,
    /// The effects after the first so many.
    After(usize),
}

/// Compares a batch of `count` effects, numbered from `first`, with the last effect taken.
pub(super) fn news(first: u64, count: usize, taken: u64) -> News {
    if first > taken + 1 {
        return News::Gap;
    }
    let last = first + count as u64 - 1;
    if last <= taken {
        return News::Known;
    }
    News::After(usize::try_from(taken + 1 - first).unwrap_or(usize::MAX))
}

impl Inbox {
    /// Takes a batch, or drops it at the bound: its sender resends it. While entries are slow, most of what waits was sent
    /// before.
    pub(super) fn push(&mut self, batch: EffectBatch) {
        if self.0.len() < BATCHES_MAX {
            self.0.push_back(batch);
        }
    }

    pub(super) fn pop(&mut self) -> Option<EffectBatch> {
        self.0.pop_front()
    }

    /// Puts the part of a batch back that the entry had no room for.
    pub(super) fn put_back(&mut self, batch: EffectBatch) {
        self.0.push_front(batch);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Drops all batches: leadership was lost, and their senders resend them.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::ShardId;

    #[test]
    fn a_batch_after_a_gap_waits_for_its_resend_and_known_effects_are_skipped() {
        for (first, count, taken, expected) in [
            (1, 3, 0, News::After(0)),
            (2, 3, 0, News::Gap),
            (2, 3, 1, News::After(0)),
            (2, 3, 2, News::After(1)),
            (2, 3, 3, News::After(2)),
            (2, 3, 4, News::Known),
            (2, 3, 9, News::Known),
        ] {
            assert_eq!(news(first, count, taken), expected, "{first} {count} {taken}");
        }
    }

    #[test]
    fn batches_beyond_the_bound_are_dropped() {
        let mut inbox = Inbox::default();
        for first in 1..2_000 {
            inbox.push(EffectBatch { from: ShardId(2), to: ShardId(1), first, effects: Vec::new() });
        }
        assert_eq!(inbox.len(), BATCHES_MAX);
        assert_eq!(inbox.pop().map(|batch| batch.first), Some(1));
    }
}
