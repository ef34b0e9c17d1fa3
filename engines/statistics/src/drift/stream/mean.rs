//! Running means, in the order of operations of river's `stats.Mean` and `stats.EWMean`.

use serde::{Deserialize, Serialize};

/// The mean of all that was folded; 0 while empty.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Mean {
    pub(super) n: f64,
    pub(super) value: f64,
}

impl Mean {
    pub(super) fn fold(&mut self, x: f64) {
        self.n += 1.0;
        self.value += (1.0 / self.n) * (x - self.value);
    }
}

/// An exponentially weighted mean with its independent bound condition: the sum of the squared weights, which
/// McDiarmid's inequality asks for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Weighted {
    pub(super) mean: f64,
    pub(super) bound: f64,
    pub(super) begun: bool,
}

impl Weighted {
    pub(super) const EMPTY: Self = Self { mean: 0.0, bound: 1.0, begun: false };

    pub(super) fn fold(&mut self, x: f64, lambda: f64) {
        self.mean = if self.begun { lambda * x + (1.0 - lambda) * self.mean } else { x };
        self.begun = true;
        self.bound = lambda * lambda + (1.0 - lambda) * (1.0 - lambda) * self.bound;
    }
}
