//! The confusion matrix, counted or expected.

use serde::{Deserialize, Serialize};

use super::estimate::Prediction;

/// How many predictions of each kind there were, or are expected: hence no whole numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Confusion {
    /// Positive, and rightly so.
    pub true_positive: f64,
    /// Positive, and wrongly so.
    pub false_positive: f64,
    /// Negative, and rightly so.
    pub true_negative: f64,
    /// Negative, and wrongly so.
    pub false_negative: f64,
}

impl Confusion {
    /// Folds what is expected of one prediction without its label.
    pub fn expect(&mut self, prediction: &Prediction) {
        let p = prediction.probability;
        if prediction.positive {
            self.true_positive += p;
            self.false_positive += 1.0 - p;
        } else {
            self.false_negative += p;
            self.true_negative += 1.0 - p;
        }
    }

    /// Folds one prediction with its label.
    pub fn count(&mut self, positive: bool, truth: bool) {
        let cell = match (positive, truth) {
            (true, true) => &mut self.true_positive,
            (true, false) => &mut self.false_positive,
            (false, false) => &mut self.true_negative,
            (false, true) => &mut self.false_negative,
        };
        *cell += 1.0;
    }

    /// Adds another matrix.
    pub fn merge(&mut self, other: &Self) {
        self.true_positive += other.true_positive;
        self.false_positive += other.false_positive;
        self.true_negative += other.true_negative;
        self.false_negative += other.false_negative;
    }

    /// All predictions.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.true_positive + self.false_positive + self.true_negative + self.false_negative
    }

    /// Share of predictions that are right; `None` without any.
    #[must_use]
    pub fn accuracy(&self) -> Option<f64> {
        share(self.true_positive + self.true_negative, self.total())
    }

    /// Share of positive predictions that are right; `None` without any, where NannyML says 0.
    #[must_use]
    pub fn precision(&self) -> Option<f64> {
        share(self.true_positive, self.true_positive + self.false_positive)
    }

    /// Share of positives that were found; `None` without any, where NannyML says 0.
    #[must_use]
    pub fn recall(&self) -> Option<f64> {
        share(self.true_positive, self.true_positive + self.false_negative)
    }

    /// Share of negatives that were found; `None` without any, where NannyML says 0.
    #[must_use]
    pub fn specificity(&self) -> Option<f64> {
        share(self.true_negative, self.true_negative + self.false_positive)
    }

    /// The harmonic mean of precision and recall; `None` without positives on either side, where NannyML says 0.
    #[must_use]
    pub fn f1(&self) -> Option<f64> {
        share(self.true_positive, self.true_positive + 0.5 * (self.false_positive + self.false_negative))
    }
}

fn share(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}
