use serde_json::json;
use troupe_flags::growthbook::{Context as Subject, Dialect, Features};
use troupe_runtime::entity::{Answer, Globals};
use troupe_runtime::{Context, Decide, Entity, Timestamp, wire};

use super::{
    Candidate, Define, Event, Experiment, ExperimentSpec, GetPower, Layer, Plan, Start, State, Stop,
    Stratified, Stratify, Variation,
};
use crate::experimentation::flags::{Door, Event as FlagEvent, Flag};
use crate::stored::NamedFields;

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
fn a_running_experiment_splits_members_by_weight_and_coverage() {
    let weighted = ExperimentSpec { weights: Some(vec![0.25, 0.75]), coverage: 0.5, ..spec() };
    let experiment = folded("movies", &[Event::Defined(weighted), Event::Started]);
    let mut counts = [0_u32; 3];
    for member in 0..20_000 {
        let arm =
            experiment.allocate(&member.to_string(), Timestamp(9)).map(|variation| variation.name.as_str());
        counts[match arm {
            Some("champion") => 0,
            Some(_) => 1,
            None => 2,
        }] += 1;
        let again =
            experiment.allocate(&member.to_string(), Timestamp(9)).map(|variation| variation.name.as_str());
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
        assert_eq!(experiment.allocate("42", Timestamp(9)).is_some(), allocates, "{name}");
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

#[test]
fn clients_of_growthbook_allocate_every_member_as_the_cluster_does() {
    let weighted = ExperimentSpec { weights: Some(vec![0.25, 0.75]), coverage: 0.8, ..spec() };
    let plan = Plan {
        layer: Some(Layer { name: "home".into(), from: 0.1, to: 0.9 }),
        forced: vec![("7".into(), "champion".into()), ("8".into(), "challenger".into())],
        ramp: vec![(Timestamp(1), 0.3), (Timestamp(5), 0.6)],
        ..Plan::default()
    };
    let events = [
        Event::Defined(weighted),
        Event::Planned(plan),
        Event::Began(Timestamp(2)),
        Event::Ramped(Timestamp(5)),
    ];
    let experiment = folded("movies", &events);
    let payload = json!({ "features": { "movies": experiment.feature("movies").unwrap() } });
    let features = Features::compile(&payload.to_string(), Dialect::default()).unwrap();
    let mut inside = 0;
    for member in 0..3_000 {
        let id = member.to_string();
        let attributes = json!({ "id": id });
        let subject = Subject::new(attributes.as_object().unwrap());
        let found = features.evaluate("movies", &subject, &mut ()).value;
        let own = experiment.allocate(&id, Timestamp(6)).map(|variation| variation.name.clone());
        assert_eq!(found.as_str(), own.as_deref(), "{member}");
        inside += u32::from(own.is_some());
    }
    assert!((1_200..1_700).contains(&inside), "{inside} of 3000 in .8 of a layer at .6");
    assert!(experiment.allocate("123", Timestamp(0)).is_none(), "no member is in before the ramp begins");
}

#[test]
fn a_plan_that_means_nothing_is_refused_with_its_field() {
    let experiment = folded("movies", &[Event::Defined(spec())]);
    let globals = Globals::default();
    let layer = |from, to| Some(Layer { name: "home".into(), from, to });
    let before = json!({ "name": "hours", "event": "play", "quantile": 0.5, "cuped": true });
    let before = serde_json::from_value(before).unwrap();
    for (plan, field) in [
        (Plan { layer: layer(0.5, 0.5), ..Plan::default() }, "plan.layer"),
        (Plan { alpha: Some(1.0), ..Plan::default() }, "plan.alpha"),
        (Plan { look_every_ms: Some(10), ..Plan::default() }, "plan.look_every_ms"),
        (Plan { ramp: vec![(Timestamp(5), 0.5), (Timestamp(5), 0.6)], ..Plan::default() }, "plan.ramp"),
        (Plan { condition: Some("{".into()), ..Plan::default() }, "plan.condition"),
        (Plan { condition: Some(r#"{"a": {"$near": 1}}"#.into()), ..Plan::default() }, "plan.condition"),
        (Plan { condition: Some(r#"{"$near": 1}"#.into()), ..Plan::default() }, "plan.condition"),
        (Plan { forced: vec![("1".into(), "unknown".into())], ..Plan::default() }, "plan.forced[0]"),
        (
            Plan {
                forced: vec![("1".into(), "champion".into()), ("1".into(), "challenger".into())],
                ..Plan::default()
            },
            "plan.forced[1]",
        ),
        (Plan { metrics: vec![before], ..Plan::default() }, "plan.metrics[0].cuped"),
    ] {
        let decision =
            experiment.decide(&super::PlanAhead { plan }, &Context::at(Timestamp(1), "movies", &globals));
        assert_eq!(decision.outcome().unwrap_err().field.as_deref(), Some(field));
    }
}

fn published(entities: Vec<(&str, Experiment)>) -> Globals {
    let globals = Globals::default();
    let published = entities.into_iter().map(|(key, experiment)| {
        let state: std::sync::Arc<dyn std::any::Any + Send + Sync> = std::sync::Arc::new(experiment);
        (Experiment::KIND, key.to_owned(), state)
    });
    globals.publish(published.collect());
    globals
}

#[test]
fn a_part_of_a_layer_that_overlaps_another_experiment_is_refused_with_a_free_part() {
    let planned = |key: &str, name: &str, from, to| {
        let layer = Some(Layer { name: name.into(), from, to });
        folded(key, &[Event::Defined(spec()), Event::Planned(Plan { layer, ..Plan::default() })])
    };
    let running = || {
        let mut other = planned("other", "home", 0.0, 0.5);
        other.apply(&Event::Began(Timestamp(1)));
        other
    };
    for (name, from, to, starts) in [
        ("home", 0.4, 0.8, false),
        ("home", 0.5, 1.0, true),
        ("home", 0.0, 1.0, false),
        ("else", 0.0, 1.0, true),
    ] {
        let globals =
            published(vec![("other", running()), ("stopped", planned("stopped", "home", 0.0, 1.0))]);
        let ctx = Context::at(Timestamp(2), "own", &globals);
        let decision = planned("own", name, from, to).decide(&Start {}, &ctx);
        assert_eq!(decision.outcome().is_ok(), starts, "{name} {from} {to}");
        if let Err(refused) = decision.outcome() {
            assert_eq!((refused.code.as_str(), refused.field.as_deref()), ("OVERLAP", Some("plan.layer")));
            assert!(refused.message.contains("other"), "{refused:?}");
        }
    }
}

#[test]
fn a_start_that_would_admit_no_member_is_refused_with_its_field() {
    let flag = |definition| {
        let mut flag = Flag::default();
        flag.apply(&FlagEvent::Defined(Door::Growthbook, NamedFields(definition)));
        flag
    };
    let asks = |id: &str| json!({ "defaultValue": true, "rules": [{ "force": false, "parentConditions": [{ "id": id, "condition": {} }] }] });
    let globals = Globals::default();
    globals.publish(vec![
        (Flag::KIND, "open".into(), std::sync::Arc::new(flag(json!({ "defaultValue": true })))),
        (Flag::KIND, "round".into(), std::sync::Arc::new(flag(asks("further")))),
        (Flag::KIND, "further".into(), std::sync::Arc::new(flag(asks("movies")))),
        (Flag::KIND, "taken".into(), std::sync::Arc::new(flag(json!({})))),
    ]);
    let requires = |name: &str| Plan { requires: Some(name.into()), ..Plan::default() };
    let forced = Plan { forced: vec![("1".into(), "unknown".into())], ..Plan::default() };
    for (key, plan, expected) in [
        ("movies", requires("open"), None),
        ("movies", requires("shut"), Some(("UNKNOWN_FLAG", "plan.requires"))),
        ("movies", requires("movies"), Some(("UNKNOWN_FLAG", "plan.requires"))),
        ("movies", requires("round"), Some(("CIRCLE", "plan.requires"))),
        ("movies", forced, Some(("BAD_PLAN", "plan.forced[0]"))),
        ("taken", Plan::default(), Some(("BAD_NAME", "key"))),
    ] {
        let experiment = folded(key, &[Event::Defined(spec()), Event::Planned(plan.clone())]);
        let decision = experiment.decide(&Start {}, &Context::at(Timestamp(1), key, &globals));
        let said = decision
            .outcome()
            .err()
            .map(|refused| (refused.code.as_str(), refused.field.as_deref().unwrap()));
        assert_eq!(said, expected, "{key} {plan:?}");
    }
}

#[test]
fn members_assigned_in_advance_are_balanced_and_clients_agree_on_them() {
    let candidate =
        |at: u32| Candidate { id: format!("m{at}"), strata: vec![["tv", "phone"][at as usize % 2].into()] };
    let deal = Stratify { members: (0..100).map(candidate).collect() };
    let globals = Globals::default();
    let ctx = Context::at(Timestamp(1), "movies", &globals);
    let mut experiment = folded("movies", &[Event::Defined(spec())]);
    let decision = experiment.decide(&deal, &ctx);
    let dealt = Stratified { members: vec![("champion".into(), 50), ("challenger".into(), 50)] };
    assert_eq!(decision.outcome(), Ok(Some(&dealt)));
    decision.events().iter().for_each(|event| experiment.apply(event));
    assert!(experiment.decide(&deal, &ctx).events().is_empty(), "a repeat changes nothing");
    experiment.apply(&Event::Began(Timestamp(1)));
    let payload = json!({ "features": { "movies": experiment.feature("movies").unwrap() } });
    let features = Features::compile(&payload.to_string(), Dialect::default()).unwrap();
    let mut on_tv = 0;
    for at in 0..200 {
        let id = format!("m{at}");
        let own = experiment.allocate(&id, Timestamp(2)).map(|variation| variation.name.clone());
        assert_eq!(own.is_some(), at < 100, "{id}");
        on_tv += u32::from(at % 2 == 0 && own.as_deref() == Some("champion"));
        let attributes = json!({ "id": id });
        let found = features.evaluate("movies", &Subject::new(attributes.as_object().unwrap()), &mut ());
        assert_eq!(found.value.as_str(), own.as_deref(), "{id}");
        assert_eq!(found.assigned.is_some_and(|assigned| assigned.in_experiment), at < 100, "{id}");
    }
    assert_eq!(on_tv, 25);
    assert_eq!(experiment.decide(&deal, &ctx).outcome().unwrap_err().code, "RUNNING");
    let twice = Stratify { members: vec![candidate(1), candidate(1)] };
    let draft = folded("movies", &[Event::Defined(spec())]);
    assert_eq!(draft.decide(&twice, &ctx).outcome().unwrap_err().field.as_deref(), Some("members"));
    let state: Experiment = wire::decode(&wire::encode(&experiment)).unwrap();
    assert_eq!(state.allocate("m7", Timestamp(2)), experiment.allocate("m7", Timestamp(2)));
}

#[test]
fn a_held_out_or_untargeted_member_is_admitted_neither_by_the_cluster_nor_by_clients() {
    let plan = Plan {
        requires: Some("open".into()),
        condition: Some(r#"{"id": {"$ne": "7"}}"#.into()),
        ..Plan::default()
    };
    let experiment =
        folded("movies", &[Event::Defined(spec()), Event::Planned(plan), Event::Began(Timestamp(1))]);
    let held = json!({ "defaultValue": true, "rules": [{ "force": false, "coverage": 0.2, "hashAttribute": "id", "seed": "holdout" }] });
    let mut flag = Flag::create("open");
    flag.apply(&FlagEvent::Defined(Door::Growthbook, NamedFields(held)));
    let globals = Globals::default();
    assert!(!experiment.admits(&globals, "1"), "a missing flag holds every member out");
    globals.publish(vec![(Flag::KIND, "open".into(), std::sync::Arc::new(flag))]);
    let payload = json!({ "features": {
        "movies": experiment.feature("movies").unwrap(),
        "open": globals.get::<Flag>("open").unwrap().served(Door::Growthbook).unwrap(),
    } });
    let features = Features::compile(&payload.to_string(), Dialect::default()).unwrap();
    let mut admitted = 0;
    for member in 0..1_000 {
        let id = member.to_string();
        let attributes = json!({ "id": id });
        let found = features.evaluate("movies", &Subject::new(attributes.as_object().unwrap()), &mut ());
        assert_eq!(experiment.admits(&globals, &id), found.value.is_string(), "{id}");
        admitted += u32::from(found.value.is_string());
    }
    assert!((750..850).contains(&admitted), "{admitted}");
    assert!(!experiment.admits(&globals, "7"));
}

#[test]
fn power_is_known_before_members_are_allocated() {
    let experiment = folded("movies", &[Event::Defined(spec())]);
    let globals = Globals::default();
    let ctx = Context::at(Timestamp(1), "movies", &globals);
    let ask = GetPower { deviation: 1.0, effect: Some(0.1), members: Some(1_570.0), power: None };
    let said = experiment.answer(&ask, &ctx).unwrap();
    // Two-sided at alpha 0.05 and power 0.8: 2 (1.96 + .8416)^2 / .1^2.
    assert_eq!(said.members_needed, Some(1_570.0));
    assert!((said.least_effect.unwrap() - 0.1).abs() < 1e-3 && (said.chance.unwrap() - 0.8).abs() < 1e-3);
    let nothing = GetPower { deviation: 0.0, ..ask.clone() };
    assert_eq!(experiment.answer(&nothing, &ctx).unwrap_err().field.as_deref(), Some("deviation"));
    let neither = GetPower { effect: None, members: None, ..ask };
    assert_eq!(experiment.answer(&neither, &ctx).unwrap_err().field.as_deref(), Some("effect"));
}
