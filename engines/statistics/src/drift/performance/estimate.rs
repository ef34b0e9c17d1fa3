//! Performance without labels.
//!
//! Source: NannyML 0.13's CBPE. Formulas: `E[TP]` is the sum of `p` over positive predictions, `E[FP]` of `1 - p`;
//! `E[FN]` is the sum of `p` over negative ones, `E[TN]` of `1 - p`.

use serde::{Deserialize, Serialize};

use super::Confusion;
use crate::drift::error::{DriftError, ensure, ensure_finite};

/// One prediction of a binary classifier.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// The model's score, by which it ranks; any finite number.
    pub score: f64,
    /// The calibrated probability of the positive class, in `0..=1`.
    pub probability: f64,
    /// The class that was predicted.
    pub positive: bool,
}

/// What is expected of a batch of predictions. A measure is `None` where it would divide by 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The expected confusion matrix.
    pub confusion: Confusion,
    /// Share of right predictions.
    pub accuracy: Option<f64>,
    /// Share of positive predictions that are right.
    pub precision: Option<f64>,
    /// Share of positives that are found.
    pub recall: Option<f64>,
    /// Share of negatives that are found.
    pub specificity: Option<f64>,
    /// The harmonic mean of precision and recall.
    pub f1: Option<f64>,
    /// The area under the ROC curve.
    pub roc_auc: Option<f64>,
}

/// Estimates all measures of a batch.
///
/// # Errors
///
/// [`DriftError::TooFew`] for an empty batch; [`DriftError::Value`] for a probability outside `0..=1` or a score that
/// is not finite.
pub fn estimate(predictions: &[Prediction]) -> Result<Estimate, DriftError> {
    let roc_auc = estimate_roc_auc(predictions)?;
    let mut confusion = Confusion::default();
    predictions.iter().for_each(|prediction| confusion.expect(prediction));
    Ok(Estimate {
        confusion,
        accuracy: confusion.accuracy(),
        precision: confusion.precision(),
        recall: confusion.recall(),
        specificity: confusion.specificity(),
        f1: confusion.f1(),
        roc_auc,
    })
}

/// The expected area under the ROC curve: the chance that a positive scores above a negative; `None` if only one
/// class is expected.
///
/// NannyML processes predictions of equal score one by one, in the arbitrary order of its sort, and rounds its curve to
/// five digits. Here equal scores are one step of the curve, without rounding, so the result does not depend on the order
/// of the batch.
///
/// # Errors
///
/// As [`estimate()`].
pub fn estimate_roc_auc(predictions: &[Prediction]) -> Result<Option<f64>, DriftError> {
    if predictions.is_empty() {
        return Err(DriftError::TooFew { field: "predictions", least: 1 });
    }
    for Prediction { score, probability, .. } in predictions {
        ensure(
            (0.0..=1.0).contains(probability),
            "probability",
            *probability,
            "give a calibrated one of 0 to 1",
        )?;
        ensure(score.is_finite(), "score", *score, "give a finite score")?;
    }
    let mut ranked: Vec<(f64, f64)> = predictions.iter().map(|p| (p.score, p.probability)).collect();
    ranked.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1)));
    let (mut positives, mut negatives, mut area) = (0.0, 0.0, 0.0);
    for step in ranked.chunk_by(|a, b| a.0 == b.0) {
        let up: f64 = step.iter().map(|(_, p)| p).sum();
        let along = step.len() as f64 - up;
        area += along * (positives + up / 2.0);
        positives += up;
        negatives += along;
    }
    Ok((positives > 0.0 && negatives > 0.0).then(|| area / positives / negatives))
}

/// Which values of a measure are usual: three standard deviations around the mean of the reference chunks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ReferenceBand {
    /// The least usual value.
    pub lower: f64,
    /// The greatest usual value.
    pub upper: f64,
}

impl ReferenceBand {
    /// How many standard deviations NannyML takes.
    pub const DEVIATIONS: f64 = 3.0;

    /// The band around the values that a measure had in chunks of a reference period, with the standard deviation
    /// divided by `n` and clipped to `0..=1` as NannyML does for these measures.
    ///
    /// # Errors
    ///
    /// [`DriftError::TooFew`] for less than two chunks, [`DriftError::NotFinite`], or [`DriftError::Value`] unless
    /// `deviations` is a number of at least 0.
    pub fn of(chunks: &[f64], deviations: f64) -> Result<Self, DriftError> {
        ensure_finite(chunks, "chunks", 2)?;
        let fix = "give a number of at least 0";
        ensure(deviations.is_finite() && deviations >= 0.0, "deviations", deviations, fix)?;
        let n = chunks.len() as f64;
        let mean = chunks.iter().sum::<f64>() / n;
        let spread = (chunks.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n).sqrt();
        let (lower, upper) = (mean - deviations * spread, mean + deviations * spread);
        Ok(Self { lower: lower.max(0.0), upper: upper.min(1.0) })
    }

    /// Whether a value is unusual; a measure without a value is not unusual.
    #[must_use]
    pub fn is_unusual(&self, value: Option<f64>) -> bool {
        value.is_some_and(|x| x < self.lower || x > self.upper)
    }
}
