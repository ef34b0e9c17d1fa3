use serde_json::Value;
use troupe_runtime::entity::Globals;
use troupe_runtime::{Context, Decide, Entity, Timestamp, wire};

use super::{Define, Event, Experiment, ExperimentSpec, Start, State, Stop, Variation};
use super::{bucket_ranges, choose, hash};

const CASES: &str = include_str!("../../../tests/vectors/growthbook_hash_cases.json");

fn cases(name: &str) -> Vec<Value> {
    let cases: Value = serde_json::from_str(CASES).unwrap();
    cases[name].as_array().unwrap().clone()
}

fn ranges(value: &Value) -> Vec<(f64, f64)> {
    let pairs = value.as_array().unwrap().iter();
    pairs.map(|pair| (pair[0].as_f64().unwrap(), pair[1].as_f64().unwrap())).collect()
}

fn spec() -> ExperimentSpec {
    let arm = |name: &str, version| Variation { name: name.to_owned(), version };
    ExperimentSpec {
        model: "movies".into(),
        variations: vec![arm("champion", None), arm("challenger", Some(2))],
        weights: None,
        coverage: 1.0,
        seed: None,
        hash_version: 2,
    }
}

fn folded(key: &str, events: &[Event]) -> Experiment {
    let mut experiment = Experiment::create(key);
    events.iter().for_each(|event| experiment.apply(event));
    experiment
}

#[test]
fn hashes_agree_with_growthbook_to_the_last_digit() {
    let cases = cases("hash");
    assert!(cases.len() >= 10);
    for case in cases {
        let (seed, value) = (case[0].as_str().unwrap(), case[1].as_str().unwrap());
        let version = u8::try_from(case[2].as_u64().unwrap()).unwrap();
        assert_eq!(hash(seed, value, version), case[3].as_f64(), "{case}");
    }
    assert_eq!(hash("seed", "value", 3), None);
}

#[test]
fn bucket_ranges_agree_with_growthbook() {
    let cases = cases("getBucketRange");
    assert!(cases.len() >= 9);
    for case in cases {
        let variations = usize::try_from(case[1][0].as_u64().unwrap()).unwrap();
        let weights: Option<Vec<f64>> =
            case[1][2].as_array().map(|weights| weights.iter().map(|w| w.as_f64().unwrap()).collect());
        let found = bucket_ranges(variations, case[1][1].as_f64().unwrap(), weights.as_deref());
        let expected = ranges(&case[2]);
        assert_eq!(found.len(), expected.len(), "{case}");
        for (found, expected) in found.iter().zip(&expected) {
            // The vectors are rounded to the digits that people read.
            assert!((found.0 - expected.0).abs() < 1e-9 && (found.1 - expected.1).abs() < 1e-9, "{case}");
        }
    }
}

#[test]
fn chosen_variations_agree_with_growthbook() {
    let cases = cases("chooseVariation");
    assert!(cases.len() >= 9);
    for case in cases {
        let expected = usize::try_from(case[3].as_i64().unwrap()).ok();
        assert_eq!(choose(case[1].as_f64().unwrap(), &ranges(&case[2])), expected, "{case}");
    }
}

#[test]
fn a_running_experiment_splits_members_by_weight_and_coverage() {
    let weighted = ExperimentSpec { weights: Some(vec![0.25, 0.75]), coverage: 0.5, ..spec() };
    let experiment = folded("movies", &[Event::Defined(weighted), Event::Started]);
    let mut counts = [0_u32; 3];
    for member in 0..20_000 {
        let arm = experiment.allocate(&member.to_string()).map(|variation| variation.name.as_str());
        counts[match arm {
            Some("champion") => 0,
            Some(_) => 1,
            None => 2,
        }] += 1;
        let again = experiment.allocate(&member.to_string()).map(|variation| variation.name.as_str());
        assert_eq!(arm, again);
    }
    for (count, share) in counts.into_iter().zip([0.125, 0.375, 0.5]) {
        // Five standard deviations of a binomial count.
        let (expected, spread) = (20_000.0 * share, (20_000.0_f64 * share * (1.0 - share)).sqrt());
        assert!((f64::from(count) - expected).abs() < 5.0 * spread, "{counts:?}");
    }
}

#[test]
fn only_a_running_experiment_allocates() {
    let defined = Event::Defined(spec());
    for (name, events, allocates) in [
        ("undefined", vec![], false),
        ("draft", vec![defined.clone()], false),
        ("running", vec![defined.clone(), Event::Started], true),
        ("stopped", vec![defined.clone(), Event::Started, Event::Stopped], false),
        ("again", vec![defined, Event::Started, Event::Stopped, Event::Started], true),
    ] {
        let experiment = folded("movies", &events);
        assert_eq!(experiment.allocate("42").is_some(), allocates, "{name}");
        assert_eq!(experiment.running().is_some(), allocates, "{name}");
    }
}

#[test]
fn a_definition_that_cannot_work_is_refused_with_its_field() {
    let arm = |name: &str| Variation { name: name.to_owned(), version: None };
    let arms = |names: &[&str]| ExperimentSpec {
        variations: names.iter().map(|name| arm(name)).collect(),
        ..spec()
    };
    let globals = Globals::default();
    for (spec, code, field) in [
        (arms(&["one"]), "BAD_VARIATIONS", "spec.variations"),
        (arms(&["a"; 17]), "BAD_VARIATIONS", "spec.variations"),
        (arms(&["a", ""]), "BAD_NAME", "spec.variations[1].name"),
        (arms(&["a", "b:c"]), "BAD_NAME", "spec.variations[1].name"),
        (arms(&["a", "b", "a"]), "BAD_NAME", "spec.variations[2].name"),
        (ExperimentSpec { model: String::new(), ..spec() }, "BAD_NAME", "spec.model"),
        (ExperimentSpec { coverage: 1.1, ..spec() }, "BAD_COVERAGE", "spec.coverage"),
        (ExperimentSpec { coverage: f64::NAN, ..spec() }, "BAD_COVERAGE", "spec.coverage"),
        (ExperimentSpec { weights: Some(vec![1.0]), ..spec() }, "BAD_WEIGHTS", "spec.weights"),
        (ExperimentSpec { weights: Some(vec![0.5, f64::NAN]), ..spec() }, "BAD_WEIGHTS", "spec.weights"),
        (ExperimentSpec { weights: Some(vec![0.4, 0.4]), ..spec() }, "BAD_WEIGHTS", "spec.weights"),
        (ExperimentSpec { hash_version: 3, ..spec() }, "BAD_HASH_VERSION", "spec.hash_version"),
        (ExperimentSpec { seed: Some("s".repeat(65)), ..spec() }, "TOO_LONG", "spec.seed"),
    ] {
        let ctx = Context::at(Timestamp(1), "movies", &globals);
        let decision = Experiment::create("movies").decide(&Define { spec }, &ctx);
        let refused = decision.outcome().unwrap_err();
        assert_eq!((refused.code.as_str(), refused.field.as_deref()), (code, Some(field)), "{refused:?}");
    }
    let ctx = Context::at(Timestamp(1), "a:b", &globals);
    let decision = Experiment::create("a:b").decide(&Define { spec: spec() }, &ctx);
    assert_eq!(decision.outcome().unwrap_err().code, "BAD_NAME");
}

#[test]
fn a_running_experiment_is_not_redefined_and_repeats_change_nothing() {
    let globals = Globals::default();
    let ctx = Context::at(Timestamp(1), "movies", &globals);
    let running = folded("movies", &[Event::Defined(spec()), Event::Started]);
    let other = ExperimentSpec { coverage: 0.5, ..spec() };

    let decision = running.decide(&Define { spec: other.clone() }, &ctx);
    assert_eq!(decision.outcome().unwrap_err().code, "RUNNING");
    assert!(running.decide(&Define { spec: spec() }, &ctx).events().is_empty());
    assert!(running.decide(&Start {}, &ctx).events().is_empty());
    assert_eq!(running.decide(&Stop {}, &ctx).events(), [Event::Stopped]);

    let stopped = folded("movies", &[Event::Defined(spec()), Event::Started, Event::Stopped]);
    assert_eq!(stopped.decide(&Define { spec: other.clone() }, &ctx).events(), [Event::Defined(other)]);
    let undefined = Experiment::create("movies").decide(&Start {}, &ctx);
    assert_eq!(undefined.outcome().unwrap_err().code, "UNDEFINED");
    assert_eq!(State::default(), State::Undefined);
}

#[test]
fn stored_events_keep_their_bytes() {
    let defined =
        Event::Defined(ExperimentSpec { weights: Some(vec![0.5, 0.5]), seed: Some("s".into()), ..spec() });
    let mut golden = vec![0, 6];
    golden.extend(b"movies");
    golden.extend([2, 8]);
    golden.extend(b"champion");
    golden.extend([0, 10]);
    golden.extend(b"challenger");
    golden.extend([1, 2]);
    golden.extend([1, 2, 0, 0, 0, 0, 0, 0, 0xe0, 0x3f, 0, 0, 0, 0, 0, 0, 0xe0, 0x3f]);
    golden.extend([0, 0, 0, 0, 0, 0, 0xf0, 0x3f]);
    golden.extend([1, 1, b's', 2]);
    assert_eq!(wire::encode(&defined), golden);
    assert_eq!(wire::encode(&Event::Started), [1]);
    assert_eq!(wire::encode(&Event::Stopped), [2]);
}
