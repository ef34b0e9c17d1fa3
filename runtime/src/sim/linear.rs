//! Checks whether a register's history is linearizable: the search of Wing and Gong (1993) with Lowe's cache of
//! visited states (2017). It checks one key at a time, which is exact because linearizability is local (Herlihy and
//! Wing 1990).

use std::collections::HashSet;

/// An operation on a register and, if known, its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Wrote this.
    Put(u64),
    /// Wrote the second value if it found the first; the result, if known.
    Swap(u64, u64, Option<bool>),
    /// Read this.
    Get(u64),
}

/// One call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Call {
    /// When it began.
    pub(super) from: u64,
    /// Time of the answer; `None` if the outcome is unknown: the call may take effect at any later time, or not at
    /// all.
    pub(super) to: Option<u64>,
    /// The operation.
    pub(super) step: Step,
}

/// The state after a step; `None` if the step is impossible in `value`.
fn take(step: Step, value: u64) -> Option<u64> {
    match step {
        Step::Put(new) => Some(new),
        Step::Swap(expected, new, outcome) => {
            let found = value == expected;
            outcome.is_none_or(|outcome| outcome == found).then_some(if found { new } else { value })
        }
        Step::Get(seen) => (seen == value).then_some(value),
    }
}

/// Searches an order of the calls that explains every answer, starting from zero.
pub(super) fn is_linearizable(calls: &[Call]) -> bool {
    let mut calls = calls.to_vec();
    calls.sort_unstable_by_key(|call| call.from);
    let must = calls.iter().filter(|call| call.to.is_some()).count();
    let mut done = Bits::new(calls.len());
    let mut seen: HashSet<(Bits, u64)> = HashSet::new();
    // Each level: the call taken, the value before it, and the first open call at that time.
    let mut path: Vec<(usize, u64, usize)> = Vec::new();
    let (mut value, mut taken, mut first, mut from) = (0, 0, 0, 0);
    loop {
        if taken == must {
            return true;
        }
        while first < calls.len() && done.has(first) {
            first += 1;
        }
        match next(&calls, &done, value, first.max(from), first) {
            Some((at, after)) => {
                done.set(at, true);
                if seen.insert((done.clone(), after)) {
                    path.push((at, value, first));
                    taken += usize::from(calls[at].to.is_some());
                    (value, from) = (after, 0);
                } else {
                    done.set(at, false);
                    from = at + 1;
                }
            }
            None => {
                let Some((at, before, was)) = path.pop() else { return false };
                done.set(at, false);
                taken -= usize::from(calls[at].to.is_some());
                (value, first, from) = (before, was, at + 1);
            }
        }
    }
}

/// The next call from `from` that may come now: no open call may have ended before it began.
fn next(calls: &[Call], done: &Bits, value: u64, from: usize, first: usize) -> Option<(usize, u64)> {
    let mut ends = u64::MAX;
    for (at, call) in calls.iter().enumerate().skip(first) {
        if done.has(at) {
            continue;
        }
        if call.from > ends {
            return None;
        }
        ends = ends.min(call.to.unwrap_or(u64::MAX));
        if at >= from
            && let Some(after) = take(call.step, value)
        {
            return Some((at, after));
        }
    }
    None
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Bits(Vec<u64>);

impl Bits {
    fn new(len: usize) -> Self {
        Self(vec![0; len.div_ceil(64)])
    }

    fn has(&self, at: usize) -> bool {
        self.0[at / 64] >> (at % 64) & 1 == 1
    }

    fn set(&mut self, at: usize, on: bool) {
        let bit = 1 << (at % 64);
        if on {
            self.0[at / 64] |= bit;
        } else {
            self.0[at / 64] &= !bit;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Step::{Get, Put, Swap};
    use super::*;

    fn call(from: u64, to: u64, step: Step) -> Call {
        Call { from, to: (to > 0).then_some(to), step }
    }

    #[test]
    fn linearizable_histories_are_told_from_others() {
        for (name, expected, calls) in [
            ("nothing", true, vec![]),
            ("a write is read", true, vec![call(1, 2, Put(7)), call(3, 4, Get(7))]),
            ("a stale read", false, vec![call(1, 2, Put(7)), call(3, 4, Get(0))]),
            ("a read beside a write sees either", true, vec![call(1, 9, Put(7)), call(2, 3, Get(0))]),
            (
                "and then no older one",
                false,
                vec![call(1, 9, Put(7)), call(2, 3, Get(7)), call(4, 5, Get(0))],
            ),
            ("a lost write", false, vec![call(1, 2, Put(7)), call(3, 4, Put(8)), call(5, 6, Get(7))]),
            (
                "an unknown write shows late",
                true,
                vec![call(1, 0, Put(7)), call(3, 4, Get(0)), call(5, 6, Get(7))],
            ),
            (
                "but not twice",
                false,
                vec![call(1, 0, Put(7)), call(2, 3, Get(7)), call(4, 5, Put(8)), call(6, 7, Get(7))],
            ),
            ("a swap that found what was not there", false, vec![call(1, 2, Swap(5, 6, Some(true)))]),
            (
                "two swaps from the same value",
                false,
                vec![call(1, 4, Swap(0, 6, Some(true))), call(2, 5, Swap(0, 7, Some(true)))],
            ),
            (
                "one of them fails",
                true,
                vec![
                    call(1, 4, Swap(0, 6, Some(true))),
                    call(2, 5, Swap(0, 7, Some(false))),
                    call(6, 7, Get(6)),
                ],
            ),
            ("an unknown swap", true, vec![call(1, 0, Swap(0, 6, None)), call(2, 3, Get(6))]),
            (
                "real time counts across many",
                false,
                vec![
                    call(1, 10, Put(1)),
                    call(2, 3, Put(2)),
                    call(4, 5, Get(1)),
                    call(6, 7, Get(2)),
                    call(8, 9, Get(1)),
                ],
            ),
        ] {
            assert_eq!(is_linearizable(&calls), expected, "{name}");
        }
    }

    #[test]
    fn every_order_of_concurrent_writes_is_tried() {
        // Twelve concurrent writes, then reads that fix the last one: the order is found, and an impossible one
        // refused in reasonable time.
        let mut calls: Vec<Call> = (1..=12).map(|n| call(1, 100, Put(n))).collect();
        calls.push(call(101, 102, Get(5)));
        assert!(is_linearizable(&calls));
        calls.push(call(103, 104, Get(6)));
        assert!(!is_linearizable(&calls));
    }
}
