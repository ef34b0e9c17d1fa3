//! Folding of client reports.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its posts is to fail")]

use serde_json::json;
use troupe_flags::unleash::metrics::{Hour, MetricsPost, Registration, Usage, UsageLimits};

/// 2026-11-24T14:57:20Z.
const NOW_MS: u64 = 1_795_532_240_000;
const HOUR_MS: u64 = 3_600_000;

/// The body that UnleashClient 6.9.0 sends.
fn real_post() -> serde_json::Value {
    json!({
        "appName": "app", "instanceId": "i1", "connectionId": "1e43022f-3aef-41ab-9cb6-8a571d2c57c3",
        "platformName": "CPython", "platformVersion": "3.11.7", "yggdrasilVersion": "0.20.8", "specVersion": "6.1.0",
        "bucket": {"start": "2026-11-24T14:57:15.262127158Z", "stop": "2026-11-24T14:57:18.270985970Z", "toggles": {
            "half": {"no": 240, "yes": 2160, "variants": {"disabled": 120, "b": 521, "control": 559}},
            "killed": {"no": 2400, "yes": 0, "variants": {"disabled": 1200}},
        }},
    })
}

fn post(app: &str, stop: &str, toggles: &serde_json::Value) -> MetricsPost {
    let bucket = json!({"start": "2020-01-01T00:00:00Z", "stop": stop, "toggles": toggles});
    serde_json::from_value(json!({"appName": app, "instanceId": "i", "bucket": bucket})).unwrap()
}

fn fold(usage: &mut Usage, post: &MetricsPost, now_ms: u64) {
    let counted = usage.counted(post, now_ms).unwrap().expect("the post counts something");
    usage.count(&counted);
}

#[test]
fn the_posts_of_a_real_client_are_counted() {
    let mut usage = Usage::default();
    let registration: Registration = serde_json::from_value(json!({
        "appName": "app", "instanceId": "i1", "connectionId": "1e43022f-3aef-41ab-9cb6-8a571d2c57c3",
        "platformName": "CPython", "platformVersion": "3.11.7", "yggdrasilVersion": "0.20.8", "specVersion": "6.1.0",
        "sdkVersion": "unleash-python-sdk:6.9.0", "strategies": ["mine"],
        "started": "2026-11-24T14:57:15.265478+00:00", "interval": 60,
    }))
    .unwrap();
    let joined = usage.joined(&registration, NOW_MS).unwrap();
    usage.join(&joined);
    let real: MetricsPost = serde_json::from_value(real_post()).unwrap();
    for _ in 0..2 {
        fold(&mut usage, &real, NOW_MS + 5);
    }
    let app = &usage.applications()["app"];
    assert_eq!((app.sdk.as_str(), app.interval), ("unleash-python-sdk:6.9.0", 60));
    assert_eq!((app.first_seen_ms, app.last_seen_ms, app.instances["i1"]), (NOW_MS, NOW_MS + 5, NOW_MS + 5));
    assert_eq!(app.strategies, ["mine"]);
    let half = &usage.features()["half"];
    assert_eq!((half.total.yes, half.total.no, half.total.variants["control"]), (4_320, 480, 1_118));
    assert_eq!(half.hours, [Hour { hour: NOW_MS / HOUR_MS, yes: 4_320, no: 480 }]);
}

#[test]
fn a_post_without_a_bucket_or_without_features_is_taken_and_counts_nothing() {
    let usage = Usage::default();
    for body in [
        json!({"appName": "app", "bucket": null, "impactMetrics": [{"name": "m"}]}),
        json!({"appName": "app", "instanceId": null,
               "bucket": {"start": "2026-11-24T14:00:00Z", "stop": "2026-11-24T14:01:00Z", "toggles": {}}}),
    ] {
        let post: MetricsPost = serde_json::from_value(body).unwrap();
        assert_eq!(usage.counted(&post, NOW_MS), Ok(None));
    }
}

#[test]
fn posts_that_cannot_be_counted_are_refused_with_their_path() {
    let limits = UsageLimits { toggles_per_post: 2, variants: 1, applications: 1, ..UsageLimits::default() };
    let mut usage = Usage::new(limits);
    let stop = "2026-11-24T14:01:00Z";
    fold(&mut usage, &post("app", stop, &json!({"f": {"yes": 1, "no": 0}})), NOW_MS);
    for (path, post) in [
        ("appName", post("", stop, &json!({}))),
        ("appName", post("another", stop, &json!({}))),
        ("appName", post(&"a".repeat(5_000), stop, &json!({}))),
        ("bucket.stop", post("app", "yesterday", &json!({}))),
        ("bucket.stop", post("app", "2019-01-01T00:00:00Z", &json!({}))),
        ("bucket.toggles", post("app", stop, &json!({"a": {}, "b": {}, "c": {}}))),
        ("bucket.toggles.a.variants", post("app", stop, &json!({"a": {"variants": {"x": 1, "y": 1}}}))),
    ] {
        let refused = usage.counted(&post, NOW_MS).err().unwrap_or_else(|| panic!("{path} was taken"));
        assert_eq!(refused.path, path, "{refused}");
    }
    let many = Registration {
        app_name: "app".into(),
        strategies: vec![String::new(); 101],
        ..Registration::default()
    };
    assert_eq!(usage.joined(&many, NOW_MS).unwrap_err().path, "strategies");
}

#[test]
fn a_clock_that_is_out_counts_in_the_hour_of_arrival() {
    let mut usage = Usage::default();
    for stop in ["2026-11-24T13:59:59Z", "2021-01-01T00:00:00Z", "2031-01-01T00:00:00Z"] {
        fold(&mut usage, &post("app", stop, &json!({"f": {"yes": 1, "no": 2}})), NOW_MS);
    }
    let now = NOW_MS / HOUR_MS;
    let want = [Hour { hour: now - 1, yes: 1, no: 2 }, Hour { hour: now, yes: 2, no: 4 }];
    assert_eq!(usage.features()["f"].hours, want);
}

#[test]
fn nothing_grows_past_its_limit_and_nothing_is_lost_from_the_sums() {
    let limits = UsageLimits {
        features: 3,
        variants: 2,
        hours: 4,
        applications: 2,
        instances: 2,
        ..UsageLimits::default()
    };
    let mut usage = Usage::new(limits);
    for i in 0..50_u64 {
        let (now, names) = (NOW_MS + i * HOUR_MS, [i % 2, 2 + i % 5]);
        let toggles = names.map(|name| {
            let counts = json!({"yes": 1, "no": 1, "variants": {format!("v{}", i % 3): 1}});
            (format!("f{name}"), counts)
        });
        let toggles = toggles.into_iter().collect::<serde_json::Map<_, _>>();
        let mut post = post(["a", "b"][(i % 2) as usize], "2020-01-01T00:00:01Z", &toggles.into());
        post.instance_id = format!("i{i}");
        fold(&mut usage, &post, now);
    }
    assert_eq!(usage.features().len(), 3);
    let kept: u64 = usage.features().values().map(|feature| feature.total.yes + feature.total.no).sum();
    assert_eq!(kept + usage.overflow(), 50 * 2 * 2);
    for feature in usage.features().values() {
        assert!(feature.total.variants.len() == 2 && feature.other_variants > 0, "{feature:?}");
        let variants: u64 = feature.total.variants.values().sum();
        assert_eq!(variants + feature.other_variants, feature.total.yes);
        assert_eq!(feature.hours.len(), 4);
        assert!(feature.hours.iter().zip(feature.hours.iter().skip(1)).all(|(a, b)| a.hour < b.hour));
    }
    let instances: Vec<_> = usage.applications()["b"].instances.keys().map(String::as_str).collect();
    assert_eq!(instances, ["i47", "i49"], "the latest are kept");
}

#[test]
fn an_application_that_fell_silent_makes_room() {
    let limits = UsageLimits { applications: 2, forget_ms: 10 * HOUR_MS, ..UsageLimits::default() };
    let mut usage = Usage::new(limits);
    let toggles = json!({"f": {"yes": 1, "no": 0}});
    let ask = |app| post(app, "2026-11-24T14:57:18Z", &toggles);
    fold(&mut usage, &ask("old"), NOW_MS);
    fold(&mut usage, &ask("young"), NOW_MS + HOUR_MS);
    assert_eq!(usage.counted(&ask("new"), NOW_MS + 9 * HOUR_MS).unwrap_err().path, "appName");
    fold(&mut usage, &ask("new"), NOW_MS + 10 * HOUR_MS);
    assert_eq!(usage.applications().keys().collect::<Vec<_>>(), ["new", "young"]);
    assert_eq!(usage.features()["f"].total.yes, 3);
}

#[test]
fn counts_that_would_overflow_stay_at_the_largest() {
    let mut usage = Usage::default();
    let most =
        post("app", "2026-11-24T14:57:18Z", &json!({"f": {"yes": u64::MAX, "variants": {"v": u64::MAX}}}));
    for _ in 0..2 {
        fold(&mut usage, &most, NOW_MS);
    }
    let total = &usage.features()["f"].total;
    assert_eq!((total.yes, total.no, total.variants["v"]), (u64::MAX, 0, u64::MAX));
}

#[test]
fn the_state_and_what_is_logged_go_through_a_log_unchanged() {
    let mut usage = Usage::default();
    let counted = usage.counted(&serde_json::from_value(real_post()).unwrap(), NOW_MS).unwrap().unwrap();
    usage.count(&counted);
    let logged = serde_json::from_str(&serde_json::to_string(&counted).unwrap()).unwrap();
    let mut again: Usage = serde_json::from_str(&serde_json::to_string(&Usage::default()).unwrap()).unwrap();
    again.count(&logged);
    assert_eq!(again, usage);
}
