//! Experiments as features, as UnleashClient 6.9 allocates them.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its cases is to fail")]

use serde_json::{Value, json};
use troupe_flags::unleash::{
    Arm, Context, Experiment, Features, Operator, Payload, Target, Toggles, from_experiment,
};

const ANSWERS: &str = include_str!("../../../tests/vectors/unleash_experiment_answers.json");

fn arm(name: &str, share: f64, forced: &[&str]) -> Arm {
    let payload = (name != "control").then(|| Payload { kind: "string".into(), value: format!("is {name}") });
    Arm { name: name.into(), share, payload, forced: forced.iter().map(|id| (*id).to_owned()).collect() }
}

fn target(attribute: &str, operator: Operator, values: &[&str], inverted: bool) -> Target {
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    Target { attribute: attribute.into(), operator, values, inverted, case_insensitive: false }
}

fn experiment(name: &str, coverage: f64, arms: Vec<Arm>, targeting: Vec<Target>) -> Experiment {
    Experiment {
        name: name.into(),
        description: String::new(),
        enabled: true,
        seed: String::new(),
        stickiness: "userId".into(),
        coverage,
        arms,
        targeting,
    }
}

fn experiments() -> Vec<Experiment> {
    let halves = || vec![arm("control", 0.5, &[]), arm("b", 0.5, &[])];
    let third = 1.0 / 3.0;
    vec![
        experiment("half", 1.0, halves(), vec![]),
        experiment(
            "thirds",
            0.55,
            vec![arm("control", third, &[]), arm("b", third, &["3", "4", "x\"y"]), arm("c", third, &["5"])],
            vec![
                target("country", Operator::In, &["no", "se"], false),
                target("version", Operator::SemverGte, &["1.4.0"], false),
                target("email", Operator::StrEndsWith, &["@example.org"], true),
            ],
        ),
        Experiment {
            seed: "shared é".into(),
            stickiness: "device".into(),
            ..experiment("device", 0.29, vec![arm("control", 0.999, &[]), arm("b", 0.001, &["d7"])], vec![])
        },
        Experiment { stickiness: "default".into(), ..experiment("fallback", 0.7, halves(), vec![]) },
        Experiment { enabled: false, ..experiment("killed", 1.0, halves(), vec![]) },
    ]
}

/// The contexts of the recorded results.
fn context(i: usize) -> Context {
    let properties = [
        ("country", ["no", "se", "dk"][i % 3].to_owned()),
        ("version", format!("1.{}.0", i % 7)),
        ("device", format!("d{i}")),
        ("email", format!("u{i}@{}", ["example.org", "example.net"][usize::from(!i.is_multiple_of(5))])),
    ];
    Context {
        user_id: (!i.is_multiple_of(10)).then(|| i.to_string()),
        session_id: Some(format!("s{i}")),
        properties: properties.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        draw: i as u64,
        ..Context::default()
    }
}

fn served() -> Features {
    let features = experiments().iter().map(|experiment| from_experiment(experiment).unwrap()).collect();
    Features { features, ..Features::default() }
}

fn alone(experiment: &Experiment) -> Toggles {
    let features = Features { features: vec![from_experiment(experiment).unwrap()], ..Features::default() };
    Toggles::compile(&features).unwrap()
}

/// One letter for each context: the index of the arm, or a dash.
fn letters(toggles: &Toggles, experiment: &Experiment, contexts: usize) -> String {
    let letter = |i| {
        let shown = toggles.variant(&experiment.name, &context(i));
        let place = experiment.arms.iter().position(|arm| arm.name == shown.name);
        assert_eq!(shown.payload, place.and_then(|place| experiment.arms[place].payload.clone()));
        place.map_or('-', |place| char::from(b'0' + u8::try_from(place).unwrap()))
    };
    (0..contexts).map(letter).collect()
}

#[test]
fn a_real_client_that_is_served_by_us_sees_the_arms_that_we_say() {
    let answers: Value = serde_json::from_str(ANSWERS).unwrap();
    let served = served();
    assert_eq!(json!(served.features), answers["features"], "the answers are for other features than these");
    let toggles = Toggles::compile(&served).unwrap();
    for experiment in experiments() {
        let want = answers["shown"][&experiment.name].as_str().unwrap();
        assert_eq!(want.len(), 1_200);
        assert_eq!(letters(&toggles, &experiment, want.len()), want, "{}", experiment.name);
    }
}

#[test]
fn shares_become_parts_of_a_thousand_by_largest_remainder() {
    let weights = |shares: &[f64]| {
        let arms = shares.iter().enumerate().map(|(i, share)| arm(&i.to_string(), *share, &[])).collect();
        experiment("e", 1.0, arms, vec![]).weights().map_err(|refused| refused.path)
    };
    for (shares, want) in [
        (vec![1.0], Ok(vec![1_000])),
        (vec![0.333, 0.333, 0.333], Ok(vec![334, 333, 333])),
        (vec![0.0005, 0.9995], Ok(vec![1, 999])),
        (vec![0.0, 0.25, 0.75], Ok(vec![0, 250, 750])),
        (vec![0.12345, 0.87655], Ok(vec![123, 877])),
        (vec![0.0004, 0.9996], Err("experiment.arms[0].share")),
        (vec![-0.1, 1.1], Err("experiment.arms[0].share")),
        (vec![f64::NAN, 1.0], Err("experiment.arms[0].share")),
        (vec![0.5, 0.4], Err("experiment.arms")),
        (vec![], Err("experiment.arms")),
    ] {
        assert_eq!(weights(&shares), want.map_err(str::to_owned), "{shares:?}");
    }
}

#[test]
fn raising_the_coverage_moves_no_subject() {
    let with = |coverage| Experiment { coverage, ..experiments().swap_remove(1) };
    let (small, large) = (with(0.10), with(0.60));
    let pairs: Vec<(char, char)> = letters(&alone(&small), &small, 3_000)
        .chars()
        .zip(letters(&alone(&large), &large, 3_000).chars())
        .collect();
    assert!(pairs.iter().all(|(before, after)| *before == '-' || before == after));
    let of = |place: fn(&(char, char)) -> char| pairs.iter().filter(|pair| place(pair) != '-').count();
    assert!(of(|pair| pair.1) > 3 * of(|pair| pair.0), "{} and {}", of(|pair| pair.0), of(|pair| pair.1));
}

#[test]
fn forced_subjects_see_their_arm_regardless_of_targeting() {
    let mut experiment = experiments().swap_remove(1);
    experiment.coverage = 0.0;
    let toggles = alone(&experiment);
    for (user, want) in [("3", "b"), ("x\"y", "b"), ("5", "c"), ("6", "disabled")] {
        let context = Context { user_id: Some(user.into()), ..Context::default() };
        assert_eq!(toggles.variant("thirds", &context).name, want, "{user}");
    }
    experiment.enabled = false;
    let context = Context { user_id: Some("3".into()), ..Context::default() };
    assert!(!alone(&experiment).is_enabled("thirds", &context), "a stopped experiment is off for all");
}

#[test]
fn what_cannot_be_served_is_refused_with_its_path() {
    type Change = fn(&mut Experiment);
    let changes: [(&str, Change); 15] = [
        ("experiment.description", |e| e.description = "long".repeat(2_000)),
        ("experiment.name", |e| e.name.clear()),
        ("experiment.seed", |e| e.seed = "a\"b".into()),
        ("experiment.stickiness", |e| e.stickiness.clear()),
        ("experiment.stickiness", |e| e.stickiness = "random".into()),
        ("experiment.coverage", |e| e.coverage = 0.125),
        ("experiment.coverage", |e| e.coverage = 1.01),
        ("experiment.coverage", |e| e.coverage = f64::NAN),
        ("experiment.arms", |e| e.arms = vec![arm("a", 0.5, &[])]),
        ("experiment.arms[2].forced", |e| e.arms[2].forced = vec!["3".into()]),
        ("experiment.targeting[0].attribute", |e| e.targeting[0].attribute = "a\"".into()),
        ("experiment.targeting[1].values", |e| e.targeting[1].values = vec!["1.4".into()]),
        ("experiment.targeting[1].values", |e| e.targeting[1].values.clear()),
        ("experiment.targeting[2].values", |e| e.targeting[2].values.clear()),
        ("features[0].strategies[2].variants[1].name", |e| e.arms[1].name = "control".into()),
    ];
    for (path, change) in changes {
        let mut experiment = experiments().swap_remove(1);
        change(&mut experiment);
        let refused = from_experiment(&experiment).err().unwrap_or_else(|| panic!("{path} was taken"));
        assert_eq!(refused.path, path, "{refused}");
    }
}

#[test]
fn an_experiment_goes_through_a_log_unchanged() {
    for experiment in experiments() {
        let json = serde_json::to_string(&experiment).unwrap();
        assert_eq!(serde_json::from_str::<Experiment>(&json).unwrap(), experiment);
    }
}
