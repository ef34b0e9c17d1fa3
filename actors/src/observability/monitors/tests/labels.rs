//! Late labels: their join with predictions, and the time of their judgment.

use super::scene::*;

#[test]
fn labels_find_their_predictions_and_give_an_accuracy() {
    let mut scene = Scene::new(MonitorSpec { labels: Some(1_000), ..spec() });
    (0..4).for_each(|_| scene.observe(250, 0.0));
    let mut rows = scene.rows(99, 0.0);
    for (at, row) in rows.iter_mut().enumerate() {
        row.predicted = Some(Predicted { key: at.to_string(), probability: 0.9, positive: None });
    }
    scene.tell(&Observe { rows }).unwrap();
    for at in 0..80 {
        assert!(scene.tell(&Label { key: at.to_string(), positive: at < 60 }).unwrap());
    }
    assert!(!scene.tell(&Label { key: "0".into(), positive: true }).unwrap(), "a label counts once");
    scene.observe(1, 0.0);
    let window = scene.view().windows.pop().unwrap();
    assert_eq!((window.accuracy, scene.view().waiting), (Some(0.75), 19));
    assert!((window.estimated_accuracy.unwrap() - 0.9).abs() < 1e-6);
}

#[test]
fn labels_that_show_a_fall_raise_an_alarm_and_a_rise_raises_none() {
    let mut scene = Scene::new(MonitorSpec { labels: Some(1_000), ..spec() });
    scene.observe(1_000, 0.0);
    let mut key = 0;
    let mut window = |scene: &mut Scene, right: usize| {
        let mut rows = scene.rows(99, 0.0);
        let first = key;
        for row in &mut rows {
            row.predicted = Some(Predicted { key: key.to_string(), probability: 0.9, positive: None });
            key += 1;
        }
        scene.tell(&Observe { rows }).unwrap();
        for at in 0..90 {
            scene.tell(&Label { key: (first + at).to_string(), positive: at < right }).unwrap();
        }
        scene.observe(1, 0.0);
    };
    for step in 0..12 {
        window(&mut scene, 68 + step % 5);
    }
    window(&mut scene, 88);
    window(&mut scene, 90);
    window(&mut scene, 45);
    assert_eq!(scene.raised, [], "one bad window is not yet an alarm");
    window(&mut scene, 45);
    assert_eq!(scene.raised.len(), 1);
    assert_eq!(
        (scene.raised[0].params["what"].as_str(), scene.view().firing),
        ("accuracy", vec!["accuracy".to_owned()])
    );
    (0..3).for_each(|_| window(&mut scene, 70));
    assert!(scene.view().firing.is_empty());
}

/// Sends a window of rows, each with a waiting prediction, and returns their keys.
fn predict(scene: &mut Scene, rows: usize, first: usize) -> Vec<String> {
    let mut batch = scene.rows(rows, 0.0);
    let keys: Vec<String> = (first..first + rows).map(|key| key.to_string()).collect();
    for (row, key) in batch.iter_mut().zip(&keys) {
        row.predicted = Some(Predicted { key: key.clone(), probability: 0.9, positive: None });
    }
    scene.tell(&Observe { rows: batch }).unwrap();
    keys
}

fn label(scene: &mut Scene, keys: &[String], right: impl Fn(usize) -> bool) {
    for (at, key) in keys.iter().enumerate() {
        assert!(scene.tell(&Label { key: key.clone(), positive: right(at) }).unwrap());
    }
}

/// A monitor with a known accuracy, and predictions that all have their rows.
fn late() -> (Scene, Vec<String>) {
    let mut scene = Scene::new(MonitorSpec { labels: Some(5_000), ..spec() });
    scene.observe(1_000, 0.0);
    for step in 0..10 {
        let keys = predict(&mut scene, 100, step * 100);
        label(&mut scene, &keys, |at| at % 10 != step % 3);
    }
    let keys = predict(&mut scene, 400, 10_000);
    assert!(scene.raised.is_empty());
    (scene, keys)
}

#[test]
fn labels_that_are_a_window_are_judged_though_no_row_comes() {
    let (mut scene, keys) = late();
    let windows = scene.view().windows.len();
    label(&mut scene, &keys[..299], |at| at % 2 == 0);
    assert_eq!(
        scene.raised.iter().map(|raise| raise.params["what"].as_str()).collect::<Vec<_>>(),
        ["accuracy"]
    );
    let view = scene.view();
    assert_eq!((view.windows.len() - windows, view.firing), (2, vec!["accuracy".to_owned()]));
    let newest = view.windows.last().unwrap();
    assert_eq!((newest.observations, newest.accuracy, newest.features.len()), (0, Some(0.5), 2));
    assert!(newest.features.iter().all(|feature| feature.psi.is_none() && !feature.drifts));
    scene.tell(&Label { key: keys[299].clone(), positive: true }).unwrap();
    assert_eq!(scene.view().windows.len() - windows, 3);
}

#[test]
fn labels_that_are_enough_wait_a_minute_for_rows_and_are_judged_without_them() {
    let (mut scene, keys) = late();
    let windows = scene.view().windows.len();
    scene.timers.clear();
    label(&mut scene, &keys[..29], |_| false);
    assert_eq!(scene.timers.get("labels"), None, "so few say nothing, however long they wait");
    label(&mut scene, &keys[29..60], |_| false);
    let due = scene.timers["labels"];
    assert_eq!(due, Timestamp(scene.now + 60_000));
    scene.now = due.0 - 1;
    scene.tell(&Tick {}).unwrap();
    assert_eq!(scene.view().windows.len(), windows);
    // A row postpones it, because rows may end the window.
    scene.observe(1, 0.0);
    scene.now = due.0;
    scene.tell(&Tick {}).unwrap();
    let later = scene.timers["labels"];
    assert!(scene.view().windows.len() == windows && later > due);
    scene.now = later.0;
    scene.tell(&Tick {}).unwrap();
    let view = scene.view();
    assert_eq!((view.windows.len() - windows, view.windows.last().unwrap().accuracy), (1, Some(0.0)));
    assert!(scene.raised.is_empty(), "one bad window is not yet an alarm");
    label(&mut scene, &keys[60..100], |_| false);
    scene.now = scene.timers["labels"].0;
    scene.tell(&Tick {}).unwrap();
    assert_eq!((scene.raised.len(), scene.view().firing), (1, vec!["accuracy".to_owned()]));
    scene.tell(&Tick {}).unwrap();
    assert_eq!(scene.view().windows.len() - windows, 2, "what is judged is judged once");
}

#[test]
fn a_monitor_that_wakes_by_itself_judges_labels_when_it_does() {
    let spec = MonitorSpec { labels: Some(5_000), window_ms: Some(10_000), ..spec() };
    let mut scene = Scene::new(spec);
    scene.observe(1_000, 0.0);
    let keys = predict(&mut scene, 100, 0);
    label(&mut scene, &keys[..40], |_| true);
    assert_eq!(scene.timers.get("labels"), None);
    let windows = scene.view().windows.len();
    scene.now += 11_000;
    scene.tell(&Tick {}).unwrap();
    let view = scene.view();
    assert_eq!((view.windows.len() - windows, view.windows.last().unwrap().accuracy), (1, Some(1.0)));
}
