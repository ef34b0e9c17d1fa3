//! How well a binary classifier does, before the labels come and after.
//!
//! Before: [`estimate()`] follows NannyML's confidence-based performance estimation (CBPE). If probabilities are
//! calibrated, a prediction of 0.9 is right nine times out of ten, so the confusion matrix can be expected without a
//! label, and every measure with it. What it cannot see is concept drift: probabilities that are no longer true.
//! After: [`LabelJoin`] brings late labels to their predictions, and the same [`Confusion`] counts what happened.
//! [`ReferenceBand`] says which values of a measure are usual.

mod confusion;
mod estimate;
mod labels;

#[cfg(test)]
mod tests;

pub use confusion::Confusion;
pub use estimate::{Estimate, Prediction, ReferenceBand, estimate, estimate_roc_auc};
pub use labels::{Joined, LabelJoin, LabelJoinOptions, LabelJoinStats};
