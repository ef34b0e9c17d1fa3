//! The detectors against river: the same streams, the same indices.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its numbers is to fail")]

use std::collections::BTreeMap;

use serde_json::{Value, json};
use troupe_reference::try_all;
use troupe_statistics::drift::stream::{AnyDetector, Detector, DetectorSpec, Signal};

const RIVER: &str = include_str!("../../../tests/vectors/drift_stream_detectors_river.json");
const MORE: &str = include_str!("../../../tests/vectors/drift_stream_more_river.json");

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn streams() -> BTreeMap<String, Vec<f64>> {
    serde_json::from_value(json_of(RIVER)["streams"].clone()).unwrap()
}

fn run(mut detector: AnyDetector, stream: &[f64]) -> (Vec<usize>, Vec<usize>) {
    run_on(&mut detector, stream)
}

/// Where the detector drifted, and where it warned without.
fn run_on(detector: &mut AnyDetector, stream: &[f64]) -> (Vec<usize>, Vec<usize>) {
    let (mut drifts, mut warnings) = (vec![], vec![]);
    for (i, &x) in stream.iter().enumerate() {
        match detector.observe(x) {
            Signal::Drift => drifts.push(i),
            Signal::Warning => warnings.push(i),
            Signal::Steady => {}
        }
    }
    (drifts, warnings)
}

#[test]
fn detectors_with_other_options_alarm_where_river_alarms() {
    // The cases are of the same streams.
    let mut cases = json_of(MORE);
    cases["streams"] = json_of(RIVER)["streams"].clone();
    let tally = try_all("drift_stream_detectors_river", &cases.to_string());
    assert!(tally.failed.is_empty() && tally.cases == 16, "{tally:#?}");
}

const KINDS: [&str; 8] = ["adwin", "page_hinkley", "ddm", "eddm", "fhddm", "hddm_a", "hddm_w", "kswin"];

#[test]
fn values_outside_the_domain_leave_every_detector_as_it_was() {
    for kind in KINDS {
        let mut detector: AnyDetector =
            serde_json::from_value::<DetectorSpec>(json!({ "kind": kind })).unwrap().build().unwrap();
        run_on(&mut detector, &[0.0, 1.0].repeat(25));
        let before = detector.clone();
        for x in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(detector.observe(x), Signal::Steady, "{kind}");
        }
        assert_eq!(detector, before, "{kind}");
    }
}

#[test]
fn enormous_values_do_not_panic() {
    for kind in KINDS {
        let mut detector: AnyDetector =
            serde_json::from_value::<DetectorSpec>(json!({ "kind": kind })).unwrap().build().unwrap();
        for i in 0..2000 {
            detector.observe(if i % 3 == 0 { f64::MAX } else { f64::MIN });
        }
    }
}

#[test]
fn a_detector_that_was_stored_and_read_goes_on_as_if_it_had_not() {
    let streams = streams();
    for kind in KINDS {
        let mut detector: AnyDetector =
            serde_json::from_value::<DetectorSpec>(json!({ "kind": kind })).unwrap().build().unwrap();
        let fresh: AnyDetector = serde_json::from_str(&serde_json::to_string(&detector).unwrap()).unwrap();
        assert_eq!(fresh, detector, "{kind}");
        let (first, rest) = streams["s2"].split_at(700);
        run_on(&mut detector, first);
        let copy: AnyDetector = serde_json::from_str(&serde_json::to_string(&detector).unwrap()).unwrap();
        assert_eq!(run(copy, rest), run(detector, rest), "{kind}");
    }
}

#[test]
fn absurd_options_are_refused_by_name() {
    for (spec, field) in [
        (json!({"kind": "adwin", "delta": 0.0}), "delta"),
        (json!({"kind": "adwin", "clock": 0}), "clock"),
        (json!({"kind": "adwin", "max_buckets": 1}), "max_buckets"),
        (json!({"kind": "page_hinkley", "threshold": -1.0}), "threshold"),
        (json!({"kind": "ddm", "drift_threshold": 0.0}), "drift_threshold"),
        (json!({"kind": "eddm", "alpha": 0.5}), "beta"),
        (json!({"kind": "fhddm", "short_window_size": 101}), "short_window_size"),
        (json!({"kind": "hddm_a", "drift_confidence": 1.0}), "drift_confidence"),
        (json!({"kind": "hddm_w", "lambda_val": 1.5}), "lambda_val"),
        (json!({"kind": "kswin", "window_size": 59}), "window_size"),
    ] {
        let error = serde_json::from_value::<DetectorSpec>(spec).unwrap().build().unwrap_err();
        assert!(error.to_string().starts_with(field), "{error}");
    }
    assert!(serde_json::from_value::<DetectorSpec>(json!({"kind": "adwin", "detla": 0.1})).is_err());
}
