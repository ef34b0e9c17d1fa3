//! A test for a changed share, of errors or of right answers.
//!
//! The reference is made of the first windows, without deviating ones. Every later window is tested against it. Given the
//! total hits of both sides, the window's hits are binomial. The test is exact for rare hits and conservative for frequent
//! ones. A share may be a sum of numbers from 0 to 1, which vary less than hits and misses.

use serde::{Deserialize, Serialize};
use statrs::function::beta::beta_reg;

/// Windows that the reference is made of.
const WINDOWS: u32 = 10;
/// A sum of numbers of 0 to 1, and how many they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Tally {
    sum: f64,
    count: u64,
}

impl Tally {
    fn share(self) -> f64 {
        self.sum / self.count as f64
    }

    fn and(self, other: Self) -> Self {
        Self { sum: self.sum + other.sum, count: self.count + other.count }
    }
}

/// A share, its reference, and the window that is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Level {
    reference: Tally,
    windows: u32,
    open: Tally,
    /// The window before, unless it belongs to the reference.
    last: Option<Tally>,
}

/// A window against the reference.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Moved {
    /// The window's share.
    pub share: f64,
    /// The reference's.
    pub reference: f64,
    /// The p-value of the difference.
    pub p_value: f64,
    /// The same of this window pooled with the one before; `None` while the reference is built.
    #[serde(default)]
    pub of_two: Option<f64>,
}

impl Moved {
    /// Whether the difference is significant: by chance once in ten thousand windows.
    pub const BELIEVED: f64 = 1e-4;

    /// Whether the share has changed, at this level.
    #[must_use]
    pub fn is_believed(&self) -> bool {
        self.p_value < Self::BELIEVED
    }
}

impl Level {
    /// Least observations of a window; a smaller window stays open and is extended.
    pub const LEAST: u64 = 30;

    /// Observations in the window that is open.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.open.count
    }

    /// Folds a number of 0 to 1.
    pub fn fold(&mut self, x: f64) {
        self.open.sum += x;
        self.open.count += 1;
    }

    /// Ends the window. `None` for the first one, and while it holds too few.
    pub fn close(&mut self) -> Option<Moved> {
        let Tally { sum, count } = self.open;
        if count < Self::LEAST {
            return None;
        }
        self.open = Tally::default();
        let window = Tally { sum, count };
        let moved = (self.reference.count > 0).then(|| Moved {
            share: window.share(),
            reference: self.reference.share(),
            p_value: self.against(window),
            of_two: self.last.map(|last| self.against(last.and(window))),
        });
        if self.windows < WINDOWS && !moved.is_some_and(|moved| moved.is_believed()) {
            self.reference = self.reference.and(window);
            self.windows += 1;
            self.last = None;
        } else {
            self.last = Some(window);
        }
        moved
    }

    fn against(&self, window: Tally) -> f64 {
        let whole = (self.reference.count + window.count) as f64;
        let hits = self.reference.sum + window.sum;
        // The rarer of hits and misses fits the binomial distribution better.
        let (all, own) = if hits <= whole / 2.0 {
            (hits, window.sum)
        } else {
            (whole - hits, window.count as f64 - window.sum)
        };
        binomial_two_sided(own, all, window.count as f64 / whole)
    }
}

/// Twice the smaller tail of `hits` out of `trials` at chance `share`; between whole numbers it is interpolated.
pub(crate) fn binomial_two_sided(hits: f64, trials: f64, share: f64) -> f64 {
    let at_least = if hits <= 0.0 { 1.0 } else { beta_reg(hits, (trials - hits).max(0.0) + 1.0, share) };
    let at_most =
        if hits >= trials { 1.0 } else { beta_reg(trials - hits, hits.max(0.0) + 1.0, 1.0 - share) };
    (2.0 * at_least.min(at_most)).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(level: &mut Level, hits: u64, of: u64) -> Option<Moved> {
        (0..of).for_each(|at| level.fold(f64::from(u8::from(at < hits))));
        level.close()
    }

    #[test]
    fn a_window_is_distinguished_from_the_first_ones_and_few_observations_wait_for_more() {
        let mut level = Level::default();
        assert_eq!(window(&mut level, 50, 500), None, "the first one is the reference");
        for hits in [45, 55, 60, 40, 50, 52, 48, 50, 50, 65] {
            assert!(window(&mut level, hits, 500).is_some_and(|moved| !moved.is_believed()), "{hits}");
        }
        let moved = window(&mut level, 100, 500).unwrap();
        assert!(
            moved.is_believed() && moved.share == 0.2 && (moved.reference - 0.1).abs() < 1e-9,
            "{moved:?}"
        );
        assert!(window(&mut level, 5, 500).unwrap().is_believed());
        assert_eq!((window(&mut level, 20, 20), window(&mut level, 9, 9)), (None, None));
        assert_eq!(window(&mut level, 1, 1).unwrap().share, 1.0);
    }

    #[test]
    fn two_windows_together_know_what_neither_does() {
        let mut level = Level::default();
        for _ in 0..10 {
            assert_eq!(window(&mut level, 50, 500).and_then(|moved| moved.of_two), None, "the reference");
        }
        assert_eq!(window(&mut level, 50, 500).unwrap().of_two, None, "the one before is of the reference");
        assert!(window(&mut level, 50, 500).unwrap().of_two.is_some_and(|p| p > 0.9));
        assert!(window(&mut level, 75, 500).is_some_and(|moved| !moved.is_believed()));
        let moved = window(&mut level, 75, 500).unwrap();
        assert!(!moved.is_believed() && moved.of_two.is_some_and(|p| p < Moved::BELIEVED), "{moved:?}");
    }

    #[test]
    fn what_stands_out_early_does_not_become_the_reference() {
        let mut level = Level::default();
        window(&mut level, 50, 500);
        for _ in 0..20 {
            let moved = window(&mut level, 200, 500).unwrap();
            assert!(moved.is_believed() && moved.reference == 0.1, "{moved:?}");
        }
    }

    #[test]
    fn shares_near_the_ends_and_without_any_hit_have_a_p_value() {
        for (reference, hits, believed) in
            [(0, 0, false), (0, 1, false), (0, 40, true), (500, 500, false), (500, 440, true), (1, 3, false)]
        {
            let mut level = Level::default();
            window(&mut level, reference, 500);
            let moved = window(&mut level, hits, 500).unwrap();
            assert_eq!(moved.is_believed(), believed, "{reference} {hits}: {moved:?}");
            assert!((0.0..=1.0).contains(&moved.p_value), "{moved:?}");
        }
    }
}
