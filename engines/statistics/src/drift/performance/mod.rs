//! Performance of a binary classifier, before its labels arrive and after.
//!
//! Before: [`estimate()`] follows NannyML's confidence-based performance estimation (CBPE). With calibrated probabilities, a
//! prediction of 0.9 is right nine times out of ten. So the expected confusion matrix, and every measure from it, needs no
//! labels. It does not detect concept drift, where the probabilities lose their calibration.
//! After: [`LabelJoin`] joins late labels to their predictions, and the same [`Confusion`] counts the outcomes.
//! [`ReferenceBand`] gives the usual values of a measure.

mod confusion;
mod estimate;
mod labels;

#[cfg(test)]
mod tests;

pub use confusion::Confusion;
pub use estimate::{Estimate, Prediction, ReferenceBand, estimate, estimate_roc_auc};
pub use labels::{Joined, LabelJoin, LabelJoinOptions, LabelJoinStats};
