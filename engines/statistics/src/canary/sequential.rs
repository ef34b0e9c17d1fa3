//! A sequential judge, valid for repeated looks and for changes without a shift of location.
//!
//! Baseline and canary points come in pairs, one pair per minute. If the canary equals the baseline, the two points of a
//! pair are exchangeable. Then any symmetric question about a pair has the answer "canary" with probability 1/2, for any
//! change over time. So each question is a fair coin, and a bet against it is an e-process. Its wealth reaches `1 / alpha`
//! with probability at most `alpha`, over all looks (Ville 1939; Shafer 2021).
//!
//! There are three questions. Location: which point is greater. Spread: which lies farther from the median of the earlier
//! points. Tail: which alone lies above nine tenths of them. The bets mix all coins on their side by Jeffreys's prior; their
//! mean is again an e-process. Ties do not change the wealth.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use statrs::function::beta::{beta_reg, ln_beta};

use super::config::Direction;
use super::transform::percentile;

pub use super::config::SEQUENTIAL_JUDGE_NAME as NAME;

/// Points in the median's window, both sides together.
const RECENT: usize = 128;
/// Points before the first median.
const RECENT_LEAST: usize = 8;

/// Counts of the answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coin {
    /// The canary.
    pub canary: u64,
    /// The baseline.
    pub baseline: u64,
}

impl Coin {
    fn toss(&mut self, canary: f64, baseline: f64) {
        self.canary += u64::from(canary > baseline);
        self.baseline += u64::from(baseline > canary);
    }

    /// The logarithm of the wealth of a bet that the canary is the more frequent answer: all coins above a half, mixed by
    /// Jeffreys's prior.
    #[must_use]
    pub fn log_wealth(self) -> f64 {
        let (w, l) = (self.canary as f64 + 0.5, self.baseline as f64 + 0.5);
        // The share of the posterior that lies above a half, by symmetry.
        let above = beta_reg(l, w, 0.5);
        if above <= 0.0 {
            return f64::NEG_INFINITY;
        }
        let tosses = self.canary as f64 + self.baseline as f64;
        (tosses + 1.0) * std::f64::consts::LN_2 + ln_beta(w, l) - ln_beta(0.5, 0.5) + above.ln()
    }

    fn turned(self) -> Self {
        Self { canary: self.baseline, baseline: self.canary }
    }
}

/// The state of one metric, of constant size.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Watch {
    location: Coin,
    spread: Coin,
    tail: Coin,
    recent: VecDeque<f64>,
    pairs: u64,
    /// The most evidence so far, as a logarithm: an e-process may be stopped at its best.
    best: f64,
    best_sign: Option<Sign>,
}

/// The strongest deviation of the canary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sign {
    /// Its points are greater.
    Higher,
    /// Its points are less.
    Lower,
    /// Its points vary more.
    Wider,
    /// More of its points are extreme.
    HeavierTail,
}

/// The evidence on one metric.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Pairs that had both points.
    pub pairs: u64,
    /// The p-value, valid at every look.
    pub p: f64,
    /// The question with the most evidence.
    pub sign: Option<Sign>,
}

impl Watch {
    /// Folds a pair; a pair with NaN is ignored.
    pub fn fold(&mut self, baseline: f64, canary: f64, direction: Direction) {
        if !baseline.is_finite() || !canary.is_finite() {
            return;
        }
        self.pairs += 1;
        self.location.toss(canary, baseline);
        if self.recent.len() >= RECENT_LEAST {
            let mut sorted: Vec<f64> = self.recent.iter().copied().collect();
            sorted.sort_unstable_by(f64::total_cmp);
            let (median, high) = (percentile(&sorted, 50.0), percentile(&sorted, 90.0));
            self.spread.toss((canary - median).abs(), (baseline - median).abs());
            let above = |x: f64| f64::from(u8::from(x > high));
            self.tail.toss(above(canary), above(baseline));
        }
        for point in [baseline, canary] {
            if self.recent.len() >= RECENT {
                self.recent.pop_front();
            }
            self.recent.push_back(point);
        }
        let (log, sign) = self.log_evidence(direction);
        if log > self.best {
            (self.best, self.best_sign) = (log, Some(sign));
        }
    }

    /// The mean of the wealths that matter in this direction, as a logarithm, and the greatest.
    fn log_evidence(&self, direction: Direction) -> (f64, Sign) {
        let mut bets =
            vec![(self.spread.log_wealth(), Sign::Wider), (self.tail.log_wealth(), Sign::HeavierTail)];
        if direction != Direction::Decrease {
            bets.push((self.location.log_wealth(), Sign::Higher));
        }
        if direction != Direction::Increase {
            bets.push((self.location.turned().log_wealth(), Sign::Lower));
        }
        let (most, sign) =
            bets.iter().copied().max_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((0.0, Sign::Higher));
        let sum: f64 = bets.iter().map(|(log, _)| (log - most).exp()).sum();
        (most + (sum / bets.len() as f64).ln(), sign)
    }

    /// The evidence so far, valid at every look.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        Evidence { pairs: self.pairs, p: (-self.best).exp().min(1.0), sign: self.best_sign }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seven_of_seven_speak_and_seven_of_fourteen_do_not() {
        let wealth = |canary, baseline| Coin { canary, baseline }.log_wealth().exp();
        assert!((wealth(0, 0) - 1.0).abs() < 1e-12);
        assert!(wealth(7, 0) > 40.0 && wealth(7, 7) < 1.0 && wealth(0, 50) < 0.05);
        // A fair coin: the expected gain of the bet is 0.
        let mean = f64::midpoint(wealth(4, 2), wealth(3, 3));
        assert!((mean - wealth(3, 2)).abs() < 1e-12, "{mean}");
    }
}
