//! A drift monitor over the features of a model: it folds each observation, judges each window and sends few alerts.
//!
//! A window passes four stages before an alert is sent:
//!
//! 1. Each feature's histogram is compared with the reference: a p-value, and PSI with its calibrated threshold.
//! 2. Over all features, [`benjamini_hochberg`](super::fdr::benjamini_hochberg) bounds the false discovery rate. A
//!    discovery also needs a PSI above the threshold and above `least_psi`.
//! 3. A feature is bad in a window if it is a discovery or does not meet its [`Expectation`](super::batch::Expectation).
//! 4. Each feature's [`Alert`](super::alert::Alert) needs several bad windows before it fires.
//!
//! Stream detectors run beside these stages. With its authors' defaults, ADWIN alarms about once in forty thousand values
//! without any drift: with 25 features, once in less than two thousand observations. So a detector's signal appears only in
//! the window's report, as a hint at the start of a drift, and sends no alert.
//!
//! The stages assume that the reference is much larger than a window: ten windows' worth of rows or more. With a smaller
//! reference, its own chance deviations recur in every window, and hysteresis does not filter them.
//!
//! Memory does not grow with the number of observations, except for the logarithmic window of ADWIN.

mod features;
mod options;
mod report;
mod watch;

#[cfg(test)]
mod tests;

pub use features::Monitor;
pub use options::{Feature, MonitorOptions};
pub use report::{FeatureReport, MonitorEvent, WindowReport};
