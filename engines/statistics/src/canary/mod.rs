//! Canary analysis: a candidate against its baseline.
//!
//! - [`judge()`] is Kayenta's `NetflixACAJudge-v1.0`, exactly: [`classify`] a metric by Mann and Whitney's interval, [`score`]
//!   the groups.
//! - [`sequential`] is a second judge, valid for repeated looks and for changes without a shift of location.
//! - [`lifetime`] gives the windows and the verdict of an analysis.
//!
//! Source: `spinnaker/kayenta` at a69573be (`kayenta-judge`, `kayenta-mannwhitney`, `kayenta-standalone-canary-analysis`).

pub mod classify;
mod config;
pub mod judge;
pub mod lifetime;
mod mann_whitney;
pub mod score;
pub mod sequential;
mod sides;
mod transform;
mod walk;

#[cfg(test)]
mod tests;

pub use config::{
    Analysis, CanaryConfig, Classifier, Direction, EffectSize, JudgeName, Measure, Metric, NanStrategy,
    OutlierStrategy, Outliers, Problem, Thresholds,
};
pub use judge::{JudgeResult, MetricPair, judge};
pub use mann_whitney::{Interval, mann_whitney, wilcoxon_difference};
pub use sides::{Side, Sides};
pub use transform::{iqr_outliers, ksigma_outliers, percentile};
