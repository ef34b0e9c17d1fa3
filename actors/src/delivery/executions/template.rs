//! The default pipeline of a model.

use serde_json::{Value, json};

/// The settings of a default pipeline.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// The pipeline's name.
    pub name: String,
    /// The application that owns it.
    pub application: String,
    /// The model.
    pub model: String,
    /// A signal that starts it, with the version as its parameter `version`.
    pub signal: Option<String>,
    /// The share of members of canary and baseline while they are compared, in percent.
    pub weight: f64,
    /// Duration of the comparison, in seconds.
    pub lifetime_s: u64,
    /// Interval between looks, in seconds.
    pub interval_s: u64,
    /// Delay before the first point counts, in seconds, in which nodes load the version.
    pub begin_after_s: u64,
    /// Shares of members after the comparison, in percent, step by step. The promotion follows the last step.
    pub steps: Vec<f64>,
    /// Duration of each step, in seconds.
    pub step_s: u64,
    /// Whether the canary takes members out of running experiments.
    pub over_experiments: bool,
    /// The judge.
    pub judge: String,
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            name: "deliver".to_owned(),
            application: "troupe".to_owned(),
            model: "recommend".to_owned(),
            signal: Some("model_trained".to_owned()),
            weight: 5.0,
            lifetime_s: 1_800,
            interval_s: 300,
            begin_after_s: 10,
            steps: vec![25.0, 50.0, 100.0],
            step_s: 60,
            over_experiments: false,
            judge: "NetflixACAJudge-v1.0".to_owned(),
        }
    }
}

/// The canary config: it compares errors and latency by the series that gateways write. More errors or a slower median
/// is worse. Failing requests are critical, however fast they fail.
fn config(delivery: &Delivery) -> Value {
    let metric = |name: &str, group: &str, canary: Value| {
        json!({ "name": name, "query": { "type": "troupe", "series": name }, "groups": [group],
            "analysisConfigurations": { "canary": canary } })
    };
    json!({
        "name": format!("{}-{}", delivery.application, delivery.model),
        "applications": [delivery.application],
        "judge": { "name": delivery.judge, "judgeConfigurations": {} },
        "metrics": [
            metric("errors", "errors", json!({ "direction": "increase", "critical": true, "nanStrategy": "replace" })),
            metric("latency_p50_ms", "latency", json!({ "direction": "increase", "critical": true,
                "effectSize": { "allowedIncrease": 1.25, "criticalIncrease": 1.5 } })),
            metric("latency_ms", "latency", json!({ "direction": "increase",
                "effectSize": { "allowedIncrease": 1.25 } })),
            metric("requests", "traffic", json!({ "direction": "decrease", "mustHaveData": true,
                "effectSize": { "allowedDecrease": 0.5 } })),
        ],
        "classifier": { "groupWeights": { "errors": 50, "latency": 40, "traffic": 10 } },
    })
}

/// The pipeline: it compares a canary and a baseline beside production, then gives the canary more members step by
/// step, then promotes it. After any failure, production serves all members and the version is archived.
#[must_use]
pub fn pipeline(delivery: &Delivery) -> Value {
    let mut stages = vec![
        json!({ "refId": "deploy", "requisiteStageRefIds": [], "type": "deploy", "name": "baseline and canary",
            "model": delivery.model, "version": "${parameters.version}", "weight": delivery.weight, "baseline": true,
            "overExperiments": delivery.over_experiments, "onFailure": "archived" }),
        json!({ "refId": "canary", "requisiteStageRefIds": ["deploy"], "type": "kayentaCanary", "name": "canary analysis",
            "canaryConfig": {
                "config": config(delivery),
                "lifetimeDuration": format!("PT{}S", delivery.lifetime_s),
                "intervalMs": delivery.interval_s * 1_000,
                "beginAfterMs": delivery.begin_after_s * 1_000,
                "scoreThresholds": { "pass": 75, "marginal": 50 },
            } }),
    ];
    let mut last = "canary".to_owned();
    for step in &delivery.steps {
        let weigh = format!("weight-{}", step.to_string().replace('.', "_"));
        stages.push(json!({ "refId": weigh, "requisiteStageRefIds": [last], "type": "setWeight",
            "name": format!("{step} % of members"), "weight": step }));
        last = weigh;
        if delivery.step_s > 0 {
            let wait = format!("wait-{}", step.to_string().replace('.', "_"));
            stages.push(json!({ "refId": wait, "requisiteStageRefIds": [last], "type": "wait",
                "name": format!("{} seconds", delivery.step_s), "waitTime": delivery.step_s }));
            last = wait;
        }
    }
    stages.push(
        json!({ "refId": "promote", "requisiteStageRefIds": [last], "type": "promote", "name": "champion" }),
    );
    let triggers: Vec<Value> = delivery
        .signal
        .iter()
        .map(|signal| json!({ "type": "signal", "signal": signal, "enabled": true }))
        .collect();
    json!({
        "application": delivery.application, "name": delivery.name, "stages": stages, "triggers": triggers,
        "parameterConfig": [{ "name": "version", "required": true }],
        "limitConcurrent": true, "keepWaitingPipelines": true,
    })
}
