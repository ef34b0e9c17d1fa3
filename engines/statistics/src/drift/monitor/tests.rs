//! A monitor with invalid inputs, nulls, silences and windows that end early.

use super::*;
use crate::drift::alert::{AlertEvent, AlertPolicy, Silence, Verdict};
use crate::drift::batch::Expectation;

fn feature(name: &str) -> Feature {
    Feature { name: name.to_owned(), expectation: Expectation::default() }
}

/// Two features over 0..1000; windows of 100.
fn monitor() -> Monitor {
    let column: Vec<f64> = (0..1000).map(f64::from).collect();
    let options = MonitorOptions { window: 100, ..MonitorOptions::default() };
    Monitor::new(vec![feature("a"), feature("b")], &[column.clone(), column], options).unwrap()
}

/// A window in which both features run through the reference, except that `change` is made of `b`.
fn window(monitor: &mut Monitor, now_ms: u64, change: impl Fn(f64) -> f64) -> WindowReport {
    let mut last = None;
    for i in 0..100 {
        let x = f64::from(i) * 10.0;
        last = monitor.observe(&[x, change(x)], now_ms).unwrap();
    }
    last.unwrap()
}

#[test]
fn a_shift_in_one_feature_is_reported_once_and_resolved_when_it_is_gone() {
    let mut monitor = monitor();
    let mut events = Vec::new();
    for i in 0..12 {
        let away = if (2..6).contains(&i) { 300.0 } else { 0.0 };
        events.extend(window(&mut monitor, i, |x| x + away).events);
    }
    let event = |event| MonitorEvent { feature: "b".to_owned(), event };
    let want = [AlertEvent::Fired { since_ms: 3 }, AlertEvent::Resolved { since_ms: 8 }].map(event);
    assert_eq!(events, want);
}

#[test]
fn too_many_nulls_are_reported_and_an_empty_window_has_no_data() {
    let mut monitor = monitor();
    let report = window(&mut monitor, 0, |_| f64::NAN);
    assert_eq!(report.features[1].verdict, Verdict::Bad);
    assert_eq!((report.drifting_share, report.dataset_drifts), (0.5, true));
    let report = monitor.close(1).unwrap();
    assert_eq!((report.observations, report.drifting_share), (0, 0.0));
    assert!(report.features.iter().all(|f| f.verdict == Verdict::NoData && f.comparison.is_none()));
    window(&mut monitor, 2, |_| f64::NAN);
    assert_eq!(monitor.firing().collect::<Vec<_>>(), ["b"]);
}

#[test]
fn values_out_of_their_range_make_a_window_bad() {
    let column: Vec<f64> = (0..1000).map(f64::from).collect();
    let expectation = Expectation { most: Some(2000.0), ..Expectation::default() };
    let options = MonitorOptions {
        window: 2,
        alert: AlertPolicy { enter: 1, of: 1, ..AlertPolicy::default() },
        ..MonitorOptions::default()
    };
    let mut monitor =
        Monitor::new(vec![Feature { expectation, ..feature("a") }], &[column], options).unwrap();
    monitor.observe(&[1.0], 0).unwrap();
    let report = monitor.observe(&[f64::INFINITY], 0).unwrap().unwrap();
    assert_eq!(
        (report.features[0].drifts, report.features[0].unmet.len(), report.events.len()),
        (false, 1, 1)
    );
}

#[test]
fn a_silence_keeps_the_message_until_it_ends() {
    let mut monitor = monitor();
    assert!(monitor.silence(Some("b"), Silence { from_ms: 0, until_ms: 100 }));
    assert!(!monitor.silence(Some("c"), Silence { from_ms: 0, until_ms: 100 }));
    for i in 0..5 {
        assert_eq!(window(&mut monitor, i, |x| x * 2.0).events, []);
    }
    assert_eq!(monitor.tick(99), []);
    assert_eq!(monitor.tick(100).len(), 1);
    assert_eq!(monitor.tick(100), []);
}

#[test]
fn a_difference_too_small_to_matter_is_not_a_drift() {
    let mut monitor = monitor();
    monitor.options.least_psi = 100.0;
    let report = window(&mut monitor, 0, |x| x + 300.0);
    assert!(report.features[1].adjusted_p_value.unwrap() < 1e-3 && !report.features[1].drifts);
}

#[test]
fn a_monitor_that_was_stored_and_read_goes_on_as_if_it_had_not() {
    let mut monitor = monitor();
    window(&mut monitor, 0, |x| x + 300.0);
    monitor.observe(&[1.0, 2.0], 1).unwrap();
    let mut copy: Monitor = serde_json::from_str(&serde_json::to_string(&monitor).unwrap()).unwrap();
    for i in 0..99 {
        let values = [f64::from(i) * 10.0, 900.0];
        assert_eq!(
            copy.observe(&values, 2).unwrap().map(|r| r.events),
            monitor.observe(&values, 2).unwrap().map(|r| r.events)
        );
    }
    assert_eq!(copy.firing().count(), 1);
}

#[test]
fn absurd_monitors_and_observations_are_refused() {
    let column = vec![1.0, 2.0];
    let new = |options| Monitor::new(vec![feature("a")], std::slice::from_ref(&column), options).map(|_| ());
    let sane = MonitorOptions::default();
    assert_eq!(new(sane), Ok(()));
    assert!(new(MonitorOptions { window: 0, ..sane }).is_err());
    assert!(new(MonitorOptions { bins: 0, ..sane }).is_err());
    assert!(new(MonitorOptions { rate: 1.0, ..sane }).is_err());
    assert!(new(MonitorOptions { least_psi: f64::NAN, ..sane }).is_err());
    assert!(new(MonitorOptions { dataset_share: 2.0, ..sane }).is_err());
    assert!(new(MonitorOptions { alert: AlertPolicy { leave: 0, ..sane.alert }, ..sane }).is_err());
    assert!(Monitor::new::<Vec<f64>>(vec![], &[], sane).is_err());
    assert!(Monitor::new::<Vec<f64>>(vec![feature("a")], &[], sane).is_err());
    assert!(Monitor::new(vec![feature("a")], &[[f64::NAN]], sane).is_err());
    assert!(Monitor::new(vec![feature("a")], &[[f64::INFINITY]], sane).is_err());
    assert!(monitor().observe(&[1.0], 0).is_err());
}
