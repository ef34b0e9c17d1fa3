//! Preparation of points: missing values and outliers.

use super::config::{Analysis, NanStrategy, OutlierStrategy};

/// The percentile by linear interpolation, R's type 7, of sorted values; NaN for an empty sample. `p` is 0 to 100.
#[must_use]
pub fn percentile(sorted: &[f64], p: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let at = (p / 100.0).clamp(0.0, 1.0) * last as f64;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to the length")]
    let below = at.floor() as usize;
    let above = (below + 1).min(last);
    sorted[below] + (at - at.floor()) * (sorted[above] - sorted[below])
}

/// Which values lie more than `factor` interquartile ranges away from the quartiles. With `reduce_sensitivity` nothing
/// between the first and the last percentile is an outlier.
#[must_use]
pub fn iqr_outliers(values: &[f64], factor: f64, reduce_sensitivity: bool) -> Vec<bool> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let (first, third) = (percentile(&sorted, 25.0), percentile(&sorted, 75.0));
    let reach = factor * (third - first);
    let (mut low, mut high) = (first - reach, third + reach);
    if reduce_sensitivity {
        (low, high) = (low.min(percentile(&sorted, 1.0)), high.max(percentile(&sorted, 99.0)));
    }
    values.iter().map(|x| *x > high || *x < low).collect()
}

/// Which values lie more than `k` standard deviations of the population away from its mean.
#[must_use]
pub fn ksigma_outliers(values: &[f64], k: f64) -> Vec<bool> {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let deviation = (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
    values.iter().map(|x| (x - mean).abs() > k * deviation).collect()
}

/// The prepared points: missing values are handled first, then outliers.
pub(super) fn transformed(points: &[f64], analysis: &Analysis) -> Vec<f64> {
    let mut values: Vec<f64> = match analysis.nan_strategy {
        NanStrategy::Remove => points.iter().copied().filter(|x| !x.is_nan()).collect(),
        NanStrategy::Replace => points.iter().map(|x| if x.is_nan() { 0.0 } else { *x }).collect(),
    };
    if analysis.outliers.strategy == OutlierStrategy::Remove && !values.is_empty() {
        let mut outliers = iqr_outliers(&values, analysis.outliers.outlier_factor, true).into_iter();
        values.retain(|_| !outliers.next().unwrap_or(false));
    }
    values
}
