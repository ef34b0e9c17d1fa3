//! The conditions of a link, and the fate of each piece of bytes. Pure: the random source is an argument.

use std::time::Duration;

use rand::Rng;
use serde::Serialize;

/// TCP's first retransmission timeout; doubled for each further loss.
const RETRANSMISSION: Duration = Duration::from_millis(200);
/// Most consecutive losses of one segment.
const LOSSES_MAX: u32 = 5;

/// The conditions of one direction between two nodes. A share is of the pieces read, at most 8 KiB each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct LinkConditions {
    /// No bytes get through.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
    /// Share of pieces that are lost, hence late by a retransmission.
    #[serde(skip_serializing_if = "none")]
    pub loss: f64,
    /// One-way delay.
    #[serde(rename = "delay_ms", serialize_with = "millis", skip_serializing_if = "Duration::is_zero")]
    pub delay: Duration,
    /// Largest deviation from `delay`, in both directions.
    #[serde(rename = "jitter_ms", serialize_with = "millis", skip_serializing_if = "Duration::is_zero")]
    pub jitter: Duration,
    /// Share of pieces that are swapped with the next piece.
    #[serde(skip_serializing_if = "none")]
    pub reorder: f64,
    /// Share of pieces that arrive twice.
    #[serde(skip_serializing_if = "none")]
    pub duplicate: f64,
    /// Share of pieces in which one bit is flipped.
    #[serde(skip_serializing_if = "none")]
    pub corrupt: f64,
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    clippy::float_cmp,
    reason = "serde passes a reference; an unset share is exactly 0"
)]
fn none(share: &f64) -> bool {
    *share == 0.0
}

fn millis<S: serde::Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u128(time.as_millis())
}

/// The fate of one piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fate {
    pub(super) late: Duration,
    pub(super) after_next: bool,
    pub(super) twice: bool,
    /// The bit to flip.
    pub(super) damaged: Option<usize>,
}

impl LinkConditions {
    /// A cut link.
    #[must_use]
    pub fn cut() -> Self {
        Self { cut: true, ..Self::default() }
    }

    pub(super) fn fate(&self, bytes: usize, dice: &mut impl Rng) -> Fate {
        let mut late = self.delay;
        if !self.jitter.is_zero() {
            late =
                (self.delay + self.jitter.mul_f64(dice.random_range(0.0..2.0))).saturating_sub(self.jitter);
        }
        let mut losses = 0;
        while losses < LOSSES_MAX && hits(self.loss, dice) {
            late += RETRANSMISSION * 2_u32.pow(losses);
            losses += 1;
        }
        Fate {
            late,
            after_next: hits(self.reorder, dice),
            twice: hits(self.duplicate, dice),
            damaged: (bytes > 0 && hits(self.corrupt, dice)).then(|| dice.random_range(0..bytes * 8)),
        }
    }
}

fn hits(share: f64, dice: &mut impl Rng) -> bool {
    share > 0.0 && dice.random_bool(share.min(1.0))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::SmallRng;

    use super::*;

    fn fates(conditions: LinkConditions, count: usize) -> Vec<Fate> {
        let mut dice = SmallRng::seed_from_u64(7);
        (0..count).map(|_| conditions.fate(100, &mut dice)).collect()
    }

    #[test]
    fn default_conditions_do_nothing() {
        let calm = Fate { late: Duration::ZERO, after_next: false, twice: false, damaged: None };
        assert!(fates(LinkConditions::default(), 100).into_iter().all(|fate| fate == calm));
    }

    #[test]
    fn shares_are_kept_and_damage_stays_within_the_piece() {
        let conditions = LinkConditions {
            loss: 0.1,
            duplicate: 0.2,
            reorder: 0.3,
            corrupt: 0.4,
            ..LinkConditions::default()
        };
        let fates = fates(conditions, 10_000);
        let count = |hit: fn(&Fate) -> bool| fates.iter().filter(|fate| hit(fate)).count();
        for (found, expected) in [
            (count(|fate| !fate.late.is_zero()), 1_000),
            (count(|fate| fate.twice), 2_000),
            (count(|fate| fate.after_next), 3_000),
            (count(|fate| fate.damaged.is_some()), 4_000),
        ] {
            assert!(found.abs_diff(expected) < 200, "{found} of {expected}");
        }
        assert!(fates.iter().filter_map(|fate| fate.damaged).all(|bit| bit < 800));
    }

    #[test]
    fn the_way_takes_its_time_give_or_take() {
        let ms = Duration::from_millis;
        let conditions = LinkConditions { delay: ms(50), jitter: ms(50), ..LinkConditions::default() };
        let late: Vec<Duration> = fates(conditions, 1_000).into_iter().map(|fate| fate.late).collect();
        assert!(late.iter().all(|late| *late <= ms(100)));
        assert!(late.iter().any(|late| *late < ms(10)) && late.iter().any(|late| *late > ms(90)));
    }
}
