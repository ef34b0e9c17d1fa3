use super::config::Thresholds;
use super::lifetime::{Lifetime, Verdict};
use super::*;

#[test]
fn a_lifetime_is_cut_into_looks_of_which_the_last_must_pass() {
    let minute = 60_000;
    let growing = Lifetime::of_minutes(0, 60, 10, 0, Some(25)).unwrap();
    let windows: Vec<_> = (0..9).map_while(|look| growing.window(look)).collect();
    let spans: Vec<_> = windows.iter().map(|w| (w.from_ms / minute, w.until_ms / minute, w.last)).collect();
    assert_eq!(spans, [(10, 35, false), (10, 60, false), (10, 70, true)]);
    let sliding = Lifetime::of_minutes(0, 60, 0, 20, Some(30)).unwrap();
    assert_eq!(sliding.window(1).map(|w| (w.from_ms / minute, w.until_ms / minute)), Some((40, 60)));
    let thresholds = Thresholds { pass: 90.0, marginal: 50.0 };
    for (look, score, expected) in [
        (0, 50.0, Verdict::Continues),
        (0, 49.9, Verdict::Failed),
        (2, 89.9, Verdict::Failed),
        (2, 90.0, Verdict::Passed),
    ] {
        assert_eq!(growing.verdict(&windows[look], score, thresholds), expected, "{look} {score}");
    }
    let whole = Lifetime::of_minutes(0, 60, 0, 0, None).unwrap();
    assert_eq!((whole.looks(), whole.window(1)), (1, None));
}

#[test]
fn a_lifetime_that_means_nothing_names_every_field() {
    let problems = Lifetime::of_minutes(0, 0, 99_999, 0, Some(5)).unwrap_err();
    let paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(paths, ["lifetimeDurationMins", "beginAfterMins", "analysisIntervalMins"]);
}

#[test]
fn a_config_names_every_problem_by_its_path() {
    let config: CanaryConfig = serde_json::from_value(serde_json::json!({
        "name": "c", "judge": { "name": "Solomon" },
        "metrics": [
            { "name": "cpu", "groups": ["system"], "analysisConfigurations": { "canary": {
                "effectSize": { "measure": "cles", "allowedIncrease": 2.0 } } } },
            { "name": "cpu", "groups": ["system", "system"] },
        ],
        "classifier": { "groupWeights": { "system": 80, "missing": 40 }, "scoreThresholds": { "pass": 50, "marginal": 75 } },
    }))
    .unwrap();
    let paths: Vec<String> = config.validate().into_iter().map(|problem| problem.path).collect();
    assert_eq!(
        paths,
        [
            "judge.name",
            "metrics[0].analysisConfigurations.canary.effectSize.allowedIncrease",
            "metrics[1].groups[1]",
            "metrics[1].name",
            "classifier.groupWeights.missing",
            "classifier.groupWeights",
            "classifier.scoreThresholds.marginal",
        ]
    );
}

#[test]
fn a_pair_of_a_metric_that_the_config_does_not_know_is_refused() {
    let config = CanaryConfig { name: "c".into(), ..CanaryConfig::default() };
    let pairs = [MetricPair { name: "cpu".into(), ..MetricPair::default() }];
    assert_eq!(
        judge(&config, Thresholds::default(), &pairs, 0).unwrap_err().path,
        "metricSetPairList[0].name"
    );
}
