//! Partial aggregates, and their tiles over event time.

use std::collections::VecDeque;

use bincode::{Decode, Encode};
use serde::Serialize;
use troupe_runtime::Timestamp;

use super::distinct::Distinct;
use super::messages::Observe;
use crate::feature_store::catalog::{Op, Source};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The hop of a window, in milliseconds.
#[must_use]
pub const fn hop_of(window_ms: u64) -> u64 {
    match window_ms {
        0 => 0,
        1..=43_199_999 => 5 * MINUTE,
        43_200_000..=1_036_799_999 => HOUR,
        _ => DAY,
    }
}

/// The partial aggregate of some interactions.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
pub(super) struct Partial {
    seen: u64,
    with_value: u64,
    /// Sum, smallest, largest or newest value, depending on the operation.
    number: f64,
    number_at: Timestamp,
    distinct: Option<Distinct>,
    last: Timestamp,
}

impl Partial {
    fn new() -> Self {
        let (zero, number) = (Timestamp(0), 0.0);
        Self { seen: 0, with_value: 0, number, number_at: zero, distinct: None, last: zero }
    }

    fn observe(&mut self, op: Op, of: Source, seen: &Observe) {
        self.seen += 1;
        self.last = self.last.max(seen.at);
        if op == Op::Distinct {
            let hash = match of {
                Source::Member => Some(seen.member),
                Source::Content => Some(seen.content),
                Source::Value => seen.value.map(|value| mix(u64::from(value.to_bits()))),
            };
            if let Some(hash) = hash {
                self.with_value += 1;
                self.distinct.get_or_insert_default().add(hash);
            }
            return;
        }
        let Some(value) = seen.value.map(f64::from) else { return };
        self.take(op, value, seen.at);
        self.with_value += 1;
    }

    fn take(&mut self, op: Op, value: f64, at: Timestamp) {
        let first = self.with_value == 0;
        match op {
            Op::Count | Op::Distinct => {}
            Op::Sum | Op::Mean => self.number += value,
            Op::Min => self.number = if first { value } else { self.number.min(value) },
            Op::Max => self.number = if first { value } else { self.number.max(value) },
            // Of two values with the same time the larger one stays, so that the order of arrival does not matter.
            Op::Last => {
                let newer = at > self.number_at || (at == self.number_at && value > self.number);
                if first || newer {
                    (self.number, self.number_at) = (value, at);
                }
            }
        }
    }

    fn merge(&mut self, op: Op, other: &Self) {
        if other.with_value > 0 {
            self.take(op, other.number, other.number_at);
        }
        if let Some(distinct) = &other.distinct {
            self.distinct.get_or_insert_default().merge(distinct);
        }
        self.seen += other.seen;
        self.with_value += other.with_value;
        self.last = self.last.max(other.last);
    }

    /// The operation's result; `None` without a value.
    pub(super) fn value(&self, op: Op) -> Option<f64> {
        #[allow(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
        match op {
            Op::Count => Some(self.seen as f64),
            Op::Distinct => self.distinct.as_ref().map(Distinct::count),
            Op::Mean => (self.with_value > 0).then(|| self.number / self.with_value as f64),
            Op::Sum | Op::Min | Op::Max | Op::Last => (self.with_value > 0).then_some(self.number),
        }
    }

    pub(super) const fn last(&self) -> Timestamp {
        self.last
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.seen == 0
    }
}

/// One feature's partial aggregates: one for all time, or one for each hop of the window.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
pub(super) struct Tiles {
    op: Op,
    of: Source,
    window_ms: u64,
    /// Number of the hop since the epoch, and its aggregate, in order.
    tiles: VecDeque<(u64, Partial)>,
}

impl Tiles {
    pub(super) const fn new(op: Op, of: Source, window_ms: u64) -> Self {
        Self { op, of, window_ms, tiles: VecDeque::new() }
    }

    /// Adds an interaction. `head` is the newest event time including this interaction, but never ahead of the clock.
    /// Windows that end at `head` or later stay complete; tiles before them are dropped.
    pub(super) fn observe(&mut self, seen: &Observe, head: Timestamp) {
        let (number, head, span) = (self.number(seen.at), self.number(head), self.span());
        if head.saturating_sub(number) > span {
            return;
        }
        let place = self.tiles.partition_point(|(tile, _)| *tile < number);
        if self.tiles.get(place).is_none_or(|(tile, _)| *tile != number) {
            self.tiles.insert(place, (number, Partial::new()));
        }
        if let Some((_, partial)) = self.tiles.get_mut(place) {
            partial.observe(self.op, self.of, seen);
        }
        while self.tiles.front().is_some_and(|(oldest, _)| head.saturating_sub(*oldest) > span) {
            self.tiles.pop_front();
        }
    }

    /// The aggregate of the window that ends at `at`. It starts at `at - window`, rounded down to its hop, and ends
    /// with the hop that contains `at`.
    pub(super) fn window(&self, at: Timestamp) -> Partial {
        let mut whole = Partial::new();
        let hop = hop_of(self.window_ms);
        let (first, last) = (
            at.0.saturating_sub(self.window_ms).checked_div(hop).unwrap_or(0),
            at.0.checked_div(hop).unwrap_or(0),
        );
        let from = self.tiles.partition_point(|(number, _)| *number < first);
        for (_, partial) in self.tiles.range(from..).take_while(|(number, _)| *number <= last) {
            whole.merge(self.op, partial);
        }
        whole
    }

    pub(super) const fn op(&self) -> Op {
        self.op
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let tiles = self.tiles.capacity() * size_of::<(u64, Partial)>();
        // Called after every change: only `distinct` needs a pass over the tiles.
        if self.op != Op::Distinct {
            return tiles;
        }
        let distinct = |partial: &Partial| partial.distinct.as_ref().map_or(0, Distinct::heap_bytes);
        tiles + self.tiles.iter().map(|(_, partial)| distinct(partial)).sum::<usize>()
    }

    const fn number(&self, at: Timestamp) -> u64 {
        match hop_of(self.window_ms) {
            0 => 0,
            hop => at.0 / hop,
        }
    }

    /// Number of tiles that a window covers, including the one at its tail.
    const fn span(&self) -> u64 {
        match hop_of(self.window_ms) {
            0 => 0,
            hop => self.window_ms.div_ceil(hop) + 1,
        }
    }
}

/// Mixes the bits of a value (the finaliser of MurmurHash3).
const fn mix(mut bits: u64) -> u64 {
    bits ^= bits >> 33;
    bits = bits.wrapping_mul(0xff51_afd7_ed55_8ccd);
    bits ^= bits >> 33;
    bits = bits.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    bits ^ (bits >> 33)
}
