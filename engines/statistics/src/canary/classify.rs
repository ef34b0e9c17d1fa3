//! Kayenta's classifiers of one metric.

use serde::{Deserialize, Serialize};

use super::config::{Direction, Measure, NanStrategy};
use super::mann_whitney::{mann_whitney_sorted, sorted, wilcoxon_difference};

/// The class of one metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Class {
    /// No significant bad change.
    Pass,
    /// A significant increase.
    High,
    /// A significant decrease.
    Low,
    /// The classification failed.
    Error,
    /// No data.
    Nodata,
    /// No data, although data is required.
    NodataFailMetric,
}

/// The class of a metric with its evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct Classified {
    /// The class.
    pub class: Class,
    /// The reason in words.
    pub reason: Option<String>,
    /// The ratio of the means, canary over baseline; NaN where either is 0.
    pub ratio: f64,
    /// Whether it fails the whole canary.
    pub critical: bool,
}

/// How a metric is classified by Mann and Whitney's interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MannWhitneyClassifier {
    /// The share of the estimated shift that the interval must lie beyond.
    pub tolerance: f64,
    /// The interval's confidence.
    pub confidence: f64,
    /// Allowed decrease and increase.
    pub allowed: (f64, f64),
    /// Critical decrease and increase.
    pub critical: (f64, f64),
    /// How sizes are measured.
    pub measure: Measure,
}

impl Default for MannWhitneyClassifier {
    fn default() -> Self {
        let none = (1.0, 1.0);
        Self { tolerance: 0.25, confidence: 0.98, allowed: none, critical: none, measure: Measure::MeanRatio }
    }
}

/// The policy of a metric: direction, missing values and criticality.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MetricPolicy {
    /// The bad direction.
    pub direction: Direction,
    /// The handling of points without a value.
    pub nan_strategy: NanStrategy,
    /// Whether its failure fails the whole canary.
    pub critical: bool,
    /// Whether having no data is a failure.
    pub must_have_data: bool,
}

pub(super) fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

fn mean_ratio(control: &[f64], experiment: &[f64]) -> f64 {
    let (control, experiment) = (mean(control), mean(experiment));
    if control == 0.0 || experiment == 0.0 { f64::NAN } else { experiment / control }
}

/// The chance that a point of the experiment lies above one of the control, ties counting half. Both sorted.
#[must_use]
pub fn cles(control: &[f64], experiment: &[f64]) -> f64 {
    let (mut less, mut equal, mut below) = (0, 0, 0.0);
    for x in experiment {
        while less < control.len() && control[less] < *x {
            less += 1;
        }
        equal = equal.max(less);
        while equal < control.len() && control[equal] <= *x {
            equal += 1;
        }
        below += less as f64 + (equal - less) as f64 / 2.0;
    }
    below / (control.len() as f64 * experiment.len() as f64)
}

/// How far apart the means are, in standard deviations of both samples together (Cohen's d, experiment over control).
#[must_use]
pub fn cohen_d(control: &[f64], experiment: &[f64]) -> f64 {
    let squares = |values: &[f64]| {
        let mean = mean(values);
        values.iter().map(|x| (x - mean).powi(2)).sum::<f64>()
    };
    let freedom = control.len() as f64 + experiment.len() as f64 - 2.0;
    (mean(experiment) - mean(control)) / ((squares(control) + squares(experiment)) / freedom).sqrt()
}

fn of(class: Class, reason: Option<&str>, ratio: f64, critical: bool) -> Classified {
    Classified { class, reason: reason.map(str::to_owned), ratio, critical }
}

fn all_equal(values: &[f64]) -> bool {
    values.windows(2).all(|pair| pair[0] == pair[1])
}

/// Noise of 1e-5 of the value on equal values, so that their ranks differ.
fn noisy(values: &[f64], seed: u64) -> Vec<f64> {
    let uniform = |n: u64| {
        // SplitMix64: a draw is a function of its index, so the judgement of the same points is always the same.
        let mut z = seed.wrapping_add(n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64 + f64::MIN_POSITIVE
    };
    let gauss =
        |n: u64| (-2.0 * uniform(2 * n).ln()).sqrt() * (std::f64::consts::TAU * uniform(2 * n + 1)).cos();
    (1..).zip(values).map(|(n, x)| x + gauss(n) * 1e-5 * x).collect()
}

impl MannWhitneyClassifier {
    /// Classifies a metric by its points, which hold no NaN. `seed` draws the noise on equal values.
    #[must_use]
    pub fn classify(
        &self,
        control: &[f64],
        experiment: &[f64],
        policy: MetricPolicy,
        seed: u64,
    ) -> Classified {
        if control.is_empty() || experiment.is_empty() {
            return match policy.nan_strategy {
                NanStrategy::Replace => of(Class::Pass, None, 1.0, false),
                NanStrategy::Remove if policy.must_have_data && !policy.critical => {
                    of(Class::NodataFailMetric, Some("Missing data for metric"), 1.0, false)
                }
                NanStrategy::Remove => {
                    of(Class::Nodata, Some("Missing data for metric"), 1.0, policy.critical)
                }
            };
        }
        let (mut x, mut y) = (sorted(experiment), sorted(control));
        if x == y {
            return of(Class::Pass, Some("The Canary and Baseline data are identical"), 1.0, false);
        }
        let ratio = mean_ratio(control, experiment);
        if all_equal(&x) && all_equal(&y) {
            if x[0] == y[0] {
                return of(Class::Pass, None, 1.0, false);
            }
            (x, y) = (sorted(&noisy(&x, seed)), sorted(&noisy(&y, seed.wrapping_add(1))));
        }
        let Ok(shift) = mann_whitney_sorted(&x, &y, self.confidence) else {
            return of(Class::Error, Some("Metric Classification Failed"), ratio, false);
        };
        let size = if self.measure == Measure::Cles { cles(&y, &x) } else { ratio };
        let bound = self.tolerance * shift.estimate.abs();
        let up = policy.direction != Direction::Decrease && shift.low > bound;
        let down = policy.direction != Direction::Increase && shift.high < -bound;
        let unknown = size.is_nan();
        if up && (unknown || size >= self.allowed.1) {
            let critical = policy.critical && (unknown || size >= self.critical.1);
            return of(Class::High, Some("The metric was classified as High"), ratio, critical);
        }
        if down && (unknown || size <= self.allowed.0) {
            let critical = policy.critical && (unknown || size <= self.critical.0);
            return of(Class::Low, Some("The metric was classified as Low"), ratio, critical);
        }
        of(Class::Pass, None, ratio, false)
    }
}

/// Kayenta's simplest classifier: compares the means.
#[must_use]
pub fn by_means(control: &[f64], experiment: &[f64], direction: Direction) -> Class {
    match (mean(experiment).partial_cmp(&mean(control)), direction) {
        (Some(std::cmp::Ordering::Greater), Direction::Increase | Direction::Either) => Class::High,
        (Some(std::cmp::Ordering::Less), Direction::Decrease | Direction::Either) => Class::Low,
        _ => Class::Pass,
    }
}

/// Whether all values of two sorted samples are equal, so that ranks do not exist.
#[must_use]
pub fn is_flat(x: &[f64], y: &[f64]) -> bool {
    wilcoxon_difference(0.0, 0.0, x, y).is_none()
}
