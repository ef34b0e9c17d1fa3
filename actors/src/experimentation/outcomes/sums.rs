//! The state of an arm: sums, of a size independent of the number of members.

use bincode::{Decode, Encode};
use serde::Serialize;

use crate::experimentation::participants::Change;

/// Values of a quantile have a relative resolution of 2 %, over twelve decades.
const STEPS_PER_OCTAVE: f64 = 35.0;
const STEPS_MAX: i32 = 2_800;

/// The sums of one metric over one arm's members; the fields are those of [`Change`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Encode, Decode, Serialize)]
pub(super) struct Sums(pub(super) Change);

impl Sums {
    pub(super) fn add(&mut self, change: &Change) {
        let Self(sums) = self;
        sums.x += change.x;
        sums.xx += change.xx;
        sums.z += change.z;
        sums.zz += change.zz;
        sums.xz += change.xz;
        sums.y += change.y;
        sums.yy += change.yy;
        sums.xy += change.xy;
    }
}

/// One arm.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode, Serialize)]
pub(super) struct Arm {
    pub(super) variation: String,
    pub(super) members: u64,
    /// By position of the metric.
    pub(super) sums: Vec<Sums>,
    /// By position of the metric; empty for metrics that are not quantiles.
    pub(super) values: Vec<Values>,
}

impl Arm {
    pub(super) fn sums(&mut self, place: usize) -> &mut Sums {
        if self.sums.len() <= place {
            self.sums.resize(place + 1, Sums::default());
        }
        &mut self.sums[place]
    }

    pub(super) fn values(&mut self, place: usize) -> &mut Values {
        if self.values.len() <= place {
            self.values.resize(place + 1, Values::default());
        }
        &mut self.values[place]
    }
}

/// A histogram of values, in steps of 2 % of their size: precise enough for a quantile and its band.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode, Serialize)]
pub(super) struct Values {
    pub(super) count: u64,
    /// Step and count, in order.
    steps: Vec<(i32, u64)>,
}

impl Values {
    pub(super) fn add(&mut self, value: f64) {
        let step = step_of(value);
        self.count += 1;
        match self.steps.binary_search_by_key(&step, |(step, _)| *step) {
            Ok(at) => self.steps[at].1 += 1,
            Err(at) => self.steps.insert(at, (step, 1)),
        }
    }

    /// Removes a value that was added; a value that was not added changes nothing.
    pub(super) fn remove(&mut self, value: f64) {
        let step = step_of(value);
        if let Ok(at) = self.steps.binary_search_by_key(&step, |(step, _)| *step) {
            self.count -= 1;
            self.steps[at].1 -= 1;
            if self.steps[at].1 == 0 {
                self.steps.remove(at);
            }
        }
    }

    /// The q-quantile, with a relative error of 2 %. `None` for an empty sample; +-infinity if `q` is not between 0
    /// and 1.
    pub(super) fn quantile(&self, q: f64) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        if q <= 0.0 {
            return Some(f64::NEG_INFINITY);
        }
        if q >= 1.0 {
            return Some(f64::INFINITY);
        }
        let wanted = q * self.count as f64;
        let mut seen = 0;
        let found = self.steps.iter().find(|(_, count)| {
            seen += count;
            seen as f64 >= wanted
        });
        found.map(|(step, _)| value_of(*step))
    }
}

#[allow(clippy::cast_possible_truncation, reason = "clamped before")]
fn step_of(value: f64) -> i32 {
    let size = (value.abs().max(1e-6) / 1e-6).log2() * STEPS_PER_OCTAVE;
    let size = size.floor().clamp(0.0, f64::from(STEPS_MAX)) as i32 + 1;
    match value {
        value if value.abs() < 1e-6 => 0,
        value if value < 0.0 => -size,
        _ => size,
    }
}

fn value_of(step: i32) -> f64 {
    let size = 1e-6 * ((f64::from(step.abs()) - 0.5) / STEPS_PER_OCTAVE).exp2();
    match step.signum() {
        0 => 0.0,
        sign => f64::from(sign) * size,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_to_one_part_in_fifty() {
        let mut values = Values::default();
        for i in 1..=10_000 {
            values.add(f64::from(i) * 0.37);
            values.add(f64::from(-i) * 1e4);
        }
        for q in [0.001, 0.25, 0.45, 0.55, 0.75, 0.999] {
            let exact =
                if q < 0.5 { -1e4 * (1.0 - 2.0 * q) * 10_000.0 } else { 0.37 * (2.0 * q - 1.0) * 10_000.0 };
            let found = values.quantile(q).unwrap();
            assert!((found / exact - 1.0).abs() < 0.02, "{q}: {found} for {exact}");
        }
        assert!(values.steps.len() < 1_000);
        for i in 1..=10_000 {
            values.remove(f64::from(i) * 0.37);
            values.remove(f64::from(-i) * 1e4);
        }
        values.remove(7.0);
        assert_eq!(values, Values::default());
        assert_eq!(Values::default().quantile(0.5), None);
    }
}
