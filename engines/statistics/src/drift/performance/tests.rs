//! Estimates against NannyML, and labels that come late, twice or never.

use serde_json::Value;

use super::*;
use crate::drift::DriftError;

const VECTORS: &str = include_str!("../../../../../tests/vectors/drift_more_scipy.json");

fn vectors() -> Value {
    serde_json::from_str(VECTORS).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

#[test]
fn estimates_without_labels_are_those_of_nannyml() {
    let v = vectors();
    let cases = v["cbpe"].as_array().unwrap();
    assert_eq!(cases.len(), 3);
    for case in cases {
        let threshold = case["threshold"].as_f64().unwrap();
        let predictions: Vec<Prediction> =
            (numbers(&case["score"]).into_iter().zip(numbers(&case["probability"])))
                .map(|(score, probability)| Prediction { score, probability, positive: score >= threshold })
                .collect();
        let got = estimate(&predictions).unwrap();
        for (name, value, tolerance) in [
            ("accuracy", got.accuracy, 1e-12),
            ("precision", got.precision, 1e-12),
            ("recall", got.recall, 1e-12),
            ("specificity", got.specificity, 1e-12),
            ("f1", got.f1, 1e-12),
            // NannyML rounds its curve to five digits.
            ("roc_auc", got.roc_auc, 1e-5),
        ] {
            let want = case[name].as_f64().unwrap();
            assert!((value.unwrap() - want).abs() <= tolerance, "{name}: {value:?} is not {want}");
        }
        assert!((got.confusion.total() - predictions.len() as f64).abs() < 1e-9);
    }
}

#[test]
fn the_usual_band_is_that_of_nannyml() {
    let band = &vectors()["band"];
    let got = ReferenceBand::of(&numbers(&band["values"]), ReferenceBand::DEVIATIONS).unwrap();
    assert!((got.lower - band["lower"].as_f64().unwrap()).abs() < 1e-12);
    assert!((got.upper - band["upper"].as_f64().unwrap()).abs() < 1e-12);
    assert!(got.is_unusual(Some(0.5)) && !got.is_unusual(Some(0.92)) && !got.is_unusual(None));
    assert_eq!(ReferenceBand::of(&[0.9, 1.0], 3.0).unwrap().upper, 1.0);
    assert!(ReferenceBand::of(&[0.9], 3.0).is_err());
    assert!(ReferenceBand::of(&[0.9, f64::NAN], 3.0).is_err());
    assert!(ReferenceBand::of(&[0.9, 0.8], f64::NAN).is_err());
}

#[test]
fn invalid_predictions_are_refused_and_measures_without_cases_have_no_value() {
    let sure = Prediction { score: 0.0, probability: 0.0, positive: false };
    assert_eq!(estimate(&[]), Err(DriftError::TooFew { field: "predictions", least: 1 }));
    assert!(estimate(&[Prediction { probability: 1.5, ..sure }]).is_err());
    assert!(estimate(&[Prediction { probability: f64::NAN, ..sure }]).is_err());
    assert!(estimate(&[Prediction { score: f64::INFINITY, ..sure }]).is_err());
    let got = estimate(&[sure]).unwrap();
    assert_eq!((got.accuracy, got.precision, got.recall), (Some(1.0), None, None));
    assert_eq!((got.f1, got.roc_auc, got.specificity), (None, None, Some(1.0)));
}

#[test]
fn equal_scores_make_half_an_area_in_any_order() {
    let predictions =
        [0.0, 1.0, 0.5].map(|probability| Prediction { score: 7.0, probability, positive: true });
    assert_eq!(estimate_roc_auc(&predictions).unwrap(), Some(0.5));
}

#[test]
fn labels_meet_their_predictions_once() {
    let mut join = LabelJoin::new(LabelJoinOptions { capacity: 10, horizon_ms: 100 }).unwrap();
    join.predicted("a", true, 0);
    join.predicted("b", false, 5);
    assert_eq!(join.labelled("b", true, 20), Some(Joined { positive: false, truth: true, delay_ms: 15 }));
    assert_eq!(join.labelled("b", true, 21), None);
    assert_eq!(join.labelled("never", true, 22), None);
    assert_eq!(join.labelled("a", true, 100), Some(Joined { positive: true, truth: true, delay_ms: 100 }));
    let confusion = join.take_confusion();
    assert_eq!(
        (confusion.true_positive, confusion.false_negative, confusion.accuracy()),
        (1.0, 1.0, Some(0.5))
    );
    assert_eq!(join.take_confusion(), Confusion::default());
    let stats = LabelJoinStats { predicted: 2, joined: 2, unmatched: 2, ..LabelJoinStats::default() };
    assert_eq!(join.stats(), stats);
}

#[test]
fn what_waits_is_bounded_by_age_and_number() {
    let mut join = LabelJoin::new(LabelJoinOptions { capacity: 2, horizon_ms: 100 }).unwrap();
    join.predicted("a", true, 0);
    join.predicted("a", false, 1);
    join.predicted("b", true, 2);
    join.predicted("c", true, 3);
    assert_eq!(join.waiting(), 2);
    assert_eq!(join.labelled("a", true, 4), None);
    assert_eq!(join.expire(102), 0);
    assert_eq!(join.expire(103), 1);
    assert_eq!(join.labelled("c", false, 0).map(|joined| joined.delay_ms), Some(100));
    let stats = join.stats();
    assert_eq!((stats.replaced, stats.evicted, stats.expired, stats.joined), (1, 1, 1, 1));
    for i in 0..10_000u64 {
        join.predicted(&i.to_string(), true, 200);
        if i > 0 {
            join.labelled(&i.to_string(), true, 200);
        }
    }
    assert_eq!((join.waiting(), join.turns_kept()), (1, 1));
    assert!(LabelJoin::new(LabelJoinOptions { capacity: 0, horizon_ms: 1 }).is_err());
}
