//! Judges the points of one look.

use troupe_runtime::Refused;
use troupe_statistics::canary::classify::Class;
use troupe_statistics::canary::judge::{AnalysisResult, SideMetadata};
use troupe_statistics::canary::sequential;
use troupe_statistics::canary::{CanaryConfig, JudgeResult, MetricPair, judge};

use super::messages::{MetricView, Pair, StartCanary};
use super::second;

const PAIRS_MAX: usize = 1_000;
/// Maximum number of values of one look, both sides of all metrics together.
const POINTS_MAX: usize = 1_000_000;
/// Points of a side kept for the chart.
const DRAWN_MAX: usize = 120;

/// Judges the pairs, with required but missing metrics as pairs without points. The text is the reason if no metric
/// could be judged.
pub(super) fn judged(
    started: &StartCanary,
    pairs: &[Pair],
    seed: u64,
) -> Result<(JudgeResult, Option<String>), Refused> {
    let config = &started.config.0;
    check_pairs(config, pairs)?;
    let side = |points: &[Option<f64>]| points.iter().map(|point| point.unwrap_or(f64::NAN)).collect();
    let pairs: Vec<MetricPair> = pairs
        .iter()
        .map(|pair| MetricPair {
            name: pair.name.clone(),
            id: pair.id.clone(),
            tags: pair.tags.clone(),
            control: side(&pair.control),
            experiment: side(&pair.experiment),
        })
        .chain(missing(config, pairs))
        .collect();
    let mut result = judge(config, started.thresholds.0, &pairs, seed)
        .map_err(|problem| Refused::field("UNKNOWN_METRIC", problem.path, problem.why))?;
    // A single point per side cannot be judged: Kayenta would classify the noise that it adds to them.
    let single = |side: &SideMetadata| side.stats.count == 1;
    let nothing = |one: &AnalysisResult| {
        matches!(one.classification, Class::Error | Class::Nodata)
            || single(&one.control_metadata)
            || single(&one.experiment_metadata)
    };
    let enough = match config.judge.name.as_str() {
        sequential::NAME => second::judge(started, &pairs, &mut result),
        _ => result.results.iter().any(|one| !one.muted && !nothing(one)),
    };
    let first = result.results.iter().find(|one| !one.muted).filter(|_| !enough);
    let why = first.map(|one| {
        let reason = one.classification_reason.as_deref().unwrap_or_default();
        format!("no metric had points enough to be judged: {}: {reason}", one.name)
    });
    Ok((result, why))
}

/// Checks pairs against a config.
///
/// # Errors
/// `BAD_PAIRS` or `UNKNOWN_METRIC`, with the field.
pub fn check_pairs(config: &CanaryConfig, pairs: &[Pair]) -> Result<(), Refused> {
    let points: usize = pairs.iter().map(|pair| pair.control.len() + pair.experiment.len()).sum();
    if pairs.is_empty() || pairs.len() > PAIRS_MAX || points > POINTS_MAX {
        let why = format!("pairs must be 1 to {PAIRS_MAX}, with {POINTS_MAX} points or less");
        return Err(Refused::field("BAD_PAIRS", "pairs", why));
    }
    pairs.iter().enumerate().try_for_each(|(at, pair)| {
        config
            .named(at, &pair.name)
            .map(|_| ())
            .map_err(|problem| Refused::field("UNKNOWN_METRIC", problem.path, problem.why))
    })
}

/// Pairs without points for the required metrics that are missing.
fn missing(config: &CanaryConfig, pairs: &[Pair]) -> Vec<MetricPair> {
    let needed = config.metrics.iter().filter(|metric| {
        let analysis = metric.analysis();
        (analysis.critical || analysis.must_have_data) && !pairs.iter().any(|pair| pair.name == metric.name)
    });
    needed.map(|metric| MetricPair { name: metric.name.clone(), ..MetricPair::default() }).collect()
}

fn drawn(points: &[Option<f64>]) -> Vec<Option<f32>> {
    let step = points.len().div_ceil(DRAWN_MAX).max(1);
    #[allow(clippy::cast_possible_truncation, reason = "for a picture, single precision is plenty")]
    let mean = |points: &[Option<f64>]| {
        let values: Vec<f64> = points.iter().copied().flatten().collect();
        (!values.is_empty()).then(|| (values.iter().sum::<f64>() / values.len() as f64) as f32)
    };
    points.chunks(step).map(mean).collect()
}

pub(super) fn views(pairs: &[Pair], result: &JudgeResult) -> Vec<MetricView> {
    let view = |(pair, one): (&Pair, &AnalysisResult)| MetricView {
        name: pair.name.clone(),
        classification: format!("{:?}", one.classification),
        reason: one.classification_reason.clone().unwrap_or_default(),
        ratio: one.result_metadata.ratio,
        control: drawn(&pair.control),
        experiment: drawn(&pair.experiment),
    };
    pairs.iter().zip(&result.results).map(view).collect()
}
