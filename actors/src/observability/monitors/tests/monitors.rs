//! The life of a monitor: learning, windows, alarms, silences and feeds.

use super::scene::*;

#[test]
fn a_shift_of_one_feature_raises_one_signal_and_its_end_resolves_it() {
    let mut scene = Scene::new(spec());
    (0..4).for_each(|_| scene.observe(250, 0.0));
    assert_eq!(scene.view().phase, "watching");
    (0..10).for_each(|_| scene.observe(100, 0.0));
    assert_eq!((scene.raised.len(), scene.view().windows.len()), (0, 10));
    (0..5).for_each(|_| scene.observe(100, 0.4));
    assert_eq!(scene.view().firing, ["a"]);
    assert_eq!(scene.raised.len(), 1, "one drift raises one signal: {:?}", scene.raised);
    assert_eq!((scene.raised[0].from.as_str(), scene.raised[0].params["what"].as_str()), ("monitors/m", "a"));
    (0..4).for_each(|_| scene.observe(100, 0.0));
    let view = scene.view();
    assert!(view.firing.is_empty());
    assert_eq!(view.alarms.iter().map(|alarm| alarm.fired).collect::<Vec<_>>(), [false, true]);
    let drifted = &view.windows[10].features;
    assert!(drifted[0].drifts && drifted[0].psi.unwrap() > drifted[0].threshold && !drifted[1].drifts);
    assert_eq!(view.observed, 2_900);
}

#[test]
fn a_batch_that_ends_the_learning_and_many_windows_equals_single_rows() {
    let (mut whole, mut single) = (Scene::new(spec()), Scene::new(spec()));
    let mut rows = whole.rows(1_300, 0.0);
    rows.extend(whole.rows(500, 0.5));
    whole.tell(&Observe { rows: rows.clone() }).unwrap();
    for row in rows {
        single.tell(&Observe { rows: vec![row] }).unwrap();
    }
    assert_eq!(whole.view(), single.view());
    assert_eq!((whole.raised.len(), single.raised.len()), (1, 1));
}

#[test]
fn a_silence_keeps_an_alarm_back_until_it_ends() {
    let mut scene = Scene::new(MonitorSpec { window_ms: Some(60_000), ..spec() });
    (0..4).for_each(|_| scene.observe(250, 0.0));
    let (from, until) = (Timestamp(scene.now), Timestamp(scene.now + 60_000));
    let silence = Silence { feature: Some("a".into()), from, until, reason: "a release".into() };
    scene.tell(&silence).unwrap();
    assert_eq!(scene.view().silences, std::slice::from_ref(&silence));
    (0..5).for_each(|_| scene.observe(100, 0.4));
    assert!(scene.raised.is_empty());
    scene.now = until.0 + 1;
    scene.tell(&Tick {}).unwrap();
    assert_eq!(scene.raised.len(), 1);
    assert!(scene.view().silences.is_empty());
    let again = Silence { until: Timestamp(scene.now + 9), from: Timestamp(scene.now), ..silence };
    scene.tell(&again).unwrap();
    scene.tell(&Lift { silence: again }).unwrap();
    assert!(scene.view().silences.is_empty());
}

#[test]
fn data_that_stops_is_stale_once_and_fresh_again_with_the_next_row() {
    let mut scene = Scene::new(MonitorSpec { stale_after_ms: Some(5_000), ..spec() });
    (0..4).for_each(|_| scene.observe(250, 0.0));
    for step in 0..10 {
        scene.now += 2_500;
        scene.tell(&Tick {}).unwrap();
        assert_eq!(scene.raised.len(), usize::from(step >= 2), "{step}");
    }
    assert_eq!(scene.view().firing, ["stale"]);
    scene.observe(1, 0.0);
    assert!(scene.view().firing.is_empty());
}

#[test]
fn a_drift_of_errors_fires_once_when_a_detector_and_the_windows_agree() {
    let errors = vec![DetectorSpec::PageHinkley(PageHinkleyOptions::default())];
    let options =
        MonitorOptions { window: 1_000, alert: AlertPolicy::default(), ..MonitorOptions::default() };
    let mut scene = Scene::new(MonitorSpec { errors, options, reference_rows: Some(1_000), ..spec() });
    scene.observe(1_000, 0.0);
    for step in 0..30 {
        let error = if step < 10 { 0.05 } else { 0.9 };
        let mut rows = scene.rows(100, 0.0);
        rows.iter_mut().for_each(|row| row.error = Some(error));
        scene.tell(&Observe { rows }).unwrap();
        assert!(step >= 10 || scene.raised.is_empty());
    }
    assert_eq!(
        scene.raised.iter().map(|raise| raise.params["what"].as_str()).collect::<Vec<_>>(),
        ["errors"]
    );
}

#[test]
fn a_feed_becomes_rows_of_the_features_that_are_asked_for() {
    let fed = MonitorSpec {
        features: vec![feature("gap_s"), feature("value")],
        feed: Some(Feed { event: "rating".into(), share: 1.0 }),
        reference_rows: Some(2),
        options: MonitorOptions { window: 2, ..MonitorOptions::default() },
        ..spec()
    };
    let mut scene = Scene::new(fed);
    let event = MemberEvent {
        value: Some(4.0),
        hour: 1.5,
        gap_s: Some(3.0),
        history: 1.0,
        repeat: false,
        missed: None,
    };
    (0..4).for_each(|_| scene.tell(&event).unwrap());
    let view = scene.view();
    assert_eq!((view.observed, view.windows.len()), (4, 1));
}

#[test]
fn an_invalid_definition_is_refused_with_its_field() {
    let mut scene = Scene::new(spec());
    let row = |values: &[f64]| Row { values: values.iter().copied().map(Some).collect(), ..Row::default() };
    let odd = Row { error: Some(1.5), ..row(&[1.0, 2.0]) };
    for (rows, expected) in [
        (vec![], "BAD_ROWS rows"),
        (vec![row(&[1.0, 2.0]), row(&[1.0])], "BAD_ROW rows[1].values"),
        (vec![odd], "OUT_OF_RANGE rows[0].error"),
    ] {
        assert_eq!(scene.tell(&Observe { rows }).unwrap_err(), expected);
    }
    let twice = MonitorSpec { features: vec![feature("a"), feature("a")], ..spec() };
    let rate = MonitorOptions { rate: 2.0, ..spec().options };
    let never =
        MonitorOptions { alert: AlertPolicy { enter: 5, of: 3, ..AlertPolicy::default() }, ..spec().options };
    let detector = DetectorSpec::Adwin(AdwinOptions { delta: 2.0, ..AdwinOptions::default() });
    let sure = MonitorOptions { detector: Some(detector), ..spec().options };
    let expectation = Expectation { max_null_rate: Some(2.0), ..Expectation::default() };
    let odd = Feature { expectation, ..feature("b") };
    let typo = json!({ "features": [{ "name": "a", "expectaton": {} }] });
    assert!(serde_json::from_value::<MonitorSpec>(typo).is_err(), "a misspelt check is refused");
    for (spec, expected) in [
        (MonitorSpec { features: vec![], ..spec() }, "BAD_SPEC spec.features"),
        (twice, "BAD_SPEC spec.features[1].name"),
        (MonitorSpec { options: rate, ..spec() }, "BAD_SPEC spec.options.rate"),
        (MonitorSpec { options: never, ..spec() }, "BAD_SPEC spec.options.alert.enter"),
        (MonitorSpec { options: sure, ..spec() }, "BAD_SPEC spec.options.detector.delta"),
        (
            MonitorSpec { features: vec![feature("a"), odd], ..spec() },
            "BAD_SPEC spec.features[1].expectation.max_null_rate",
        ),
        (MonitorSpec { features: vec![feature("stale")], ..spec() }, "BAD_SPEC spec.features[0].name"),
        (MonitorSpec { errors: vec![detector], ..spec() }, "BAD_SPEC spec.errors[0].delta"),
        (MonitorSpec { signal: Some("a\u{1}".into()), ..spec() }, "BAD_SPEC spec.signal"),
        (MonitorSpec { labels: Some(0), ..spec() }, "BAD_SPEC spec.labels"),
        (MonitorSpec { label_horizon_ms: Some(0), ..spec() }, "BAD_SPEC spec.label_horizon_ms"),
        (
            MonitorSpec { feed: Some(Feed { event: "play".into(), share: 1.0 }), ..spec() },
            "BAD_SPEC spec.features[0].name",
        ),
    ] {
        let define = DefineMonitor { spec: NamedFields(spec), reference: None };
        assert_eq!(scene.tell(&define).unwrap_err(), expected);
    }
    // Nine bytes for a value and one for a null: as large as the largest batch of rows.
    let fits = |values: usize| vec![vec![Some(0.5); values], vec![None; 100]];
    let define = |values| DefineMonitor { spec: NamedFields(spec()), reference: Some(fits(values)) };
    assert_eq!(scene.tell(&define(22_800)).unwrap_err(), "TOO_LARGE reference");
    assert_eq!(
        scene.tell(&define(22_700)).unwrap_err(),
        "BAD_REFERENCE reference[1]",
        "a column of nulls is not a reference"
    );
    let nothing = vec![vec![None, None], vec![Some(1.0), Some(2.0)]];
    let define = DefineMonitor { spec: NamedFields(spec()), reference: Some(nothing) };
    assert_eq!(scene.tell(&define).unwrap_err(), "BAD_REFERENCE reference[0]");
    let define =
        DefineMonitor { spec: NamedFields(spec()), reference: Some(vec![vec![Some(1.0), Some(2.0)]]) };
    assert_eq!(scene.tell(&define).unwrap_err(), "BAD_REFERENCE reference");
}

#[test]
fn first_rows_without_a_value_fail_the_monitor_with_words_rather_than_sticking() {
    let mut scene = Scene::new(MonitorSpec { reference_rows: Some(10), ..spec() });
    let rows = vec![Row { values: vec![None, Some(1.0)], ..Row::default() }; 10];
    scene.tell(&Observe { rows: rows.clone() }).unwrap();
    assert_eq!(scene.view().phase, "failed");
    let words = scene.view().words;
    assert!(words.contains("cannot be a reference") && words.contains("has no value"), "{words}");
    assert_eq!(scene.tell(&Observe { rows }).unwrap_err(), "FAILED ");
    scene.tell(&DefineMonitor { spec: scene.monitor.spec.clone(), reference: None }).unwrap();
    assert_eq!(scene.view().phase, "learning");
}

#[test]
fn two_samples_are_compared_by_every_measure() {
    let globals = Globals::default();
    let ctx = Context::at(Timestamp(1), "m", &globals);
    let reference: Vec<f64> = (0..200).map(f64::from).collect();
    let current: Vec<f64> = (100..300).map(f64::from).collect();
    let compare = Compare { reference: reference.clone(), current, bins: 10 };
    let found = Monitor::default().answer(&compare, &ctx).unwrap();
    assert!((found.ks.0 - 0.5).abs() < 1e-12 && (found.wasserstein - 100.0).abs() < 1e-9);
    assert!(found.psi.0 > found.psi.1 && found.chi_square_p < 1e-9);
    let empty = Compare { reference, current: vec![], bins: 10 };
    assert_eq!(Monitor::default().answer(&empty, &ctx).unwrap_err().code, "NOT_COMPARABLE");
}

#[test]
fn data_that_never_comes_is_stale_while_the_reference_is_learned() {
    let mut scene = Scene::new(MonitorSpec { stale_after_ms: Some(5_000), ..spec() });
    for step in 0..6 {
        scene.now += 2_500;
        scene.tell(&Tick {}).unwrap();
        assert_eq!(scene.raised.len(), usize::from(step >= 2), "{step}");
    }
    assert_eq!((scene.view().phase.as_str(), scene.view().firing), ("learning", vec!["stale".to_owned()]));
    scene.observe(10, 0.0);
    assert!(scene.view().firing.is_empty() && scene.view().phase == "learning");
    assert_eq!(scene.view().alarms.iter().map(|alarm| alarm.fired).collect::<Vec<_>>(), [false, true]);
    scene.now += 6_000;
    let (from, until) = (Timestamp(scene.now), Timestamp(scene.now + 10_000));
    scene.tell(&Silence { feature: Some("stale".into()), from, until, reason: String::new() }).unwrap();
    scene.tell(&Tick {}).unwrap();
    assert_eq!(scene.raised.len(), 1, "a silence keeps it back");
    scene.now = until.0;
    scene.tell(&Tick {}).unwrap();
    assert_eq!(scene.raised.len(), 2);
    // Rows that end the learning phase resolve the alarm as well.
    scene.observe(1_500, 0.0);
    assert!(scene.view().firing.is_empty() && scene.view().phase == "watching");
}

#[test]
fn the_learned_rows_of_an_older_build_are_taken_over() {
    let mut scene = Scene::new(MonitorSpec { stale_after_ms: Some(5_000), ..spec() });
    scene.observe(600, 0.0);
    let Phase::Learning(learning) = &scene.monitor.phase else { panic!("it learns") };
    scene.monitor.phase = Phase::LegacyLearning(learning.columns.clone());
    scene.now += 6_000;
    (0..2).for_each(|_| scene.tell(&Tick {}).unwrap());
    assert_eq!(scene.raised.len(), 1);
    scene.observe(400, 0.0);
    assert_eq!(scene.view().phase, "watching");
}

#[test]
fn a_detector_that_signals_without_a_change_of_errors_fires_no_alarm() {
    // A detector that signals at almost every row.
    let errors = vec![DetectorSpec::PageHinkley(PageHinkleyOptions {
        threshold: 1.0,
        ..PageHinkleyOptions::default()
    })];
    let mut scene = Scene::new(MonitorSpec { errors, ..spec() });
    scene.observe(1_000, 0.0);
    for _ in 0..50 {
        let mut rows = scene.rows(100, 0.0);
        for row in &mut rows {
            row.error = Some(f64::from(u8::from(scene.random.random::<f64>() < 0.3)));
        }
        scene.tell(&Observe { rows }).unwrap();
    }
    assert_eq!(scene.view().alarms, []);
}

#[test]
fn a_batch_is_bounded_by_its_bytes_and_the_most_that_is_taken_fits_into_an_entry() {
    let features = (0..25).map(|at| feature(&at.to_string())).collect();
    let mut scene = Scene::new(MonitorSpec { features, labels: Some(10), ..spec() });
    let row = || Row {
        values: vec![Some(0.1); 25],
        error: Some(0.5),
        predicted: Some(Predicted { key: "k".repeat(128), probability: 0.5, positive: Some(true) }),
    };
    assert_eq!(scene.tell(&Observe { rows: vec![row(); 2_000] }).unwrap_err(), "TOO_LARGE rows");
    assert_eq!(scene.view().observed, 0, "nothing of it was taken");
    let most =
        (1..2_000).rev().find(|count| scene.tell(&Observe { rows: vec![row(); *count] }).is_ok()).unwrap();
    let bytes = wire::encode(&Event::Observed(vec![row(); most], Timestamp(u64::MAX))).len();
    assert!(most > 400 && bytes <= 200 << 10 && bytes > 190 << 10, "{most} rows are {bytes} bytes");
}

#[test]
fn a_prepared_fold_equals_the_fold_of_the_event() {
    let errors = vec![DetectorSpec::PageHinkley(PageHinkleyOptions::default())];
    let mut scene = Scene::new(MonitorSpec { errors, labels: Some(50), ..spec() });
    let globals = Globals::default();
    let mut leader: Monitor = wire::decode(&wire::encode(&scene.monitor)).unwrap();
    for step in 0..40_u64 {
        let mut rows = scene.rows(130, if step > 20 { 0.3 } else { 0.0 });
        for (at, row) in rows.iter_mut().enumerate() {
            row.error = Some(if at % 7 == 0 { 1.0 } else { 0.0 });
            row.predicted = Some(Predicted { key: at.to_string(), probability: 0.7, positive: None });
        }
        let ask = Observe { rows };
        let decision = leader.decide(&ask, &Context::at(Timestamp(scene.now), "m", &globals));
        // Another event may come between, or the decision may be dropped.
        if step % 5 == 0 {
            let other = Observe { rows: scene.rows(130, 0.1) };
            leader.decide(&other, &Context::at(Timestamp(scene.now), "m", &globals)).outcome().unwrap();
        }
        decision.events().iter().for_each(|event| leader.apply(event));
        // The follower is decoded before each fold, so that it never has a prepared fold.
        scene.tell(&ask).unwrap();
        assert_eq!(wire::encode(&leader), wire::encode(&scene.monitor), "{step}");
        scene.now += 500;
    }
    assert_eq!(scene.view().firing, ["a"]);
}
