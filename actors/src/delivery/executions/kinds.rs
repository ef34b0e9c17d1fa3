//! Parses each type of stage from its JSON, and sets its default timeout.

use serde_json::Value;
use troupe_statistics::canary::{CanaryConfig, Problem, Thresholds};

use super::definition::{Analysis, Deploy, Poll, RollbackTo, StageKind, VersionRef, Webhook};
use super::expression;
use super::fields::{Fields, Unit};

/// The types of stage.
pub(super) const NAMES: [&str; 13] = [
    "deploy",
    "kayentaCanary",
    "setWeight",
    "resizeServerGroup",
    "promote",
    "rollback",
    "wait",
    "manualJudgment",
    "checkPreconditions",
    "webhook",
    "pipeline",
    "bake",
    "disableServerGroup",
];

const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;
const WEEK_MS: u64 = 7 * DAY_MS;
const SCOPES_MAX: usize = 16;
const LOOKS_MAX: u64 = 1_000;
const HEADERS_MAX: usize = 32;
const LIST_MAX: usize = 32;

pub(super) fn read(kind: &str, fields: &mut Fields<'_>) -> Option<StageKind> {
    Some(match kind {
        "deploy" => StageKind::Deploy(deploy(fields)),
        "kayentaCanary" => StageKind::Canary(Box::new(analysis(fields))),
        "setWeight" | "resizeServerGroup" => {
            if !fields.has("weight") {
                fields.wrong("weight", "give the canary's share in percent");
            }
            let weight = weight(fields, "weight", 0);
            StageKind::Weigh { weight, baseline: baseline(fields, weight, false) }
        }
        "disableServerGroup" => StageKind::Weigh { weight: 0, baseline: false },
        "promote" => StageKind::Promote(version_ref(fields)),
        "rollback" => StageKind::Rollback(version_ref(fields), rollback_to(fields, "to")),
        "wait" => {
            let seconds = fields.any("waitTime");
            let sound = match &seconds {
                Value::Number(number) => number.as_f64().is_some_and(|s| (0.0..=604_800.0).contains(&s)),
                Value::String(text) => text.contains("${") || text.parse::<u32>().is_ok_and(|s| s <= 604_800),
                _ => false,
            };
            if !sound {
                fields.wrong("waitTime", "give seconds, 604800 at most");
            }
            StageKind::Wait { seconds }
        }
        "manualJudgment" => judgment(fields),
        "checkPreconditions" => conditions(fields),
        "webhook" => StageKind::Webhook(Box::new(webhook(fields))),
        "pipeline" => StageKind::Pipeline {
            name: fields.needed("pipeline", "name the pipeline to run"),
            parameters: fields.object("pipelineParameters").into_iter().collect(),
            wait: fields.flag("waitForCompletion", true),
        },
        "bake" => StageKind::Bake,
        "" => return None,
        other => {
            let why = format!("unknown type of stage {other:?}: give one of {}", NAMES.join(", "));
            fields.wrong("type", why);
            return None;
        }
    })
}

/// The default timeout of a stage, in milliseconds: longer than the longest regular wait.
pub(super) fn timeout_ms(kind: &StageKind) -> u64 {
    match kind {
        StageKind::Deploy(_) | StageKind::Weigh { .. } | StageKind::Promote(_) | StageKind::Rollback(..) => {
            2 * MINUTE_MS
        }
        // A canary without points ends by itself, so this limit is only a safeguard.
        StageKind::Canary(analysis) => analysis.begin_after_ms + analysis.lifetime_ms + 15 * MINUTE_MS,
        StageKind::Wait { .. } => WEEK_MS + MINUTE_MS,
        StageKind::Judgment { .. } => 3 * DAY_MS,
        StageKind::Check { .. } | StageKind::Bake => MINUTE_MS,
        StageKind::Webhook(webhook) if webhook.poll.is_none() => 5 * MINUTE_MS,
        StageKind::Webhook(_) => 30 * MINUTE_MS,
        StageKind::Pipeline { .. } => WEEK_MS,
    }
}

/// A share in percent with two decimals, as hundredths of a percent.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded by the line before")]
fn weight(fields: &mut Fields<'_>, field: &str, absent: u32) -> u32 {
    let percent = fields.number(field, f64::from(absent) / 100.0, (0.0, 100.0));
    let hundredths = percent * 100.0;
    if (hundredths - hundredths.round()).abs() > 1e-6 {
        fields.wrong(field, "give percent in steps of 0.01");
    }
    hundredths.round() as u32
}

fn baseline(fields: &mut Fields<'_>, weight: u32, absent: bool) -> bool {
    let baseline = fields.flag("baseline", absent);
    if baseline && weight > 5_000 {
        fields.wrong("weight", "a canary with a baseline of its size can have 50 percent at most");
    }
    baseline
}

fn deploy(fields: &mut Fields<'_>) -> Deploy {
    let model = fields.needed("model", "name the model");
    let version = version(fields).unwrap_or_else(|| Value::from("${parameters.version}"));
    let weight = weight(fields, "weight", 500);
    Deploy {
        model,
        version,
        weight,
        baseline: baseline(fields, weight, true),
        over_experiments: fields.flag("overExperiments", false),
        on_failure: rollback_to(fields, "onFailure"),
    }
}

fn version(fields: &mut Fields<'_>) -> Option<Value> {
    let given = fields.any("version");
    match &given {
        Value::Null => None,
        Value::Number(number) if number.as_u64().is_some_and(|version| version > 0) => Some(given),
        Value::String(text) if text.contains("${") || text.parse::<u32>().is_ok() => Some(given),
        _ => {
            fields.wrong("version", "give a version's number, or a text as ${parameters.version}");
            None
        }
    }
}

fn version_ref(fields: &mut Fields<'_>) -> VersionRef {
    let (model, version) = (fields.text("model"), version(fields));
    if model.is_some() != version.is_some() {
        let missing = if model.is_some() { "version" } else { "model" };
        fields.wrong(missing, "give both model and version, or neither for what was deployed");
    }
    VersionRef { model, version }
}

fn rollback_to(fields: &mut Fields<'_>, field: &str) -> RollbackTo {
    match fields.text(field).as_deref() {
        None | Some("archived") => RollbackTo::Archived,
        Some("staging") => RollbackTo::Staging,
        Some(other) => {
            fields.wrong(field, format!("{other:?}: give archived or staging"));
            RollbackTo::Archived
        }
    }
}

fn judgment(fields: &mut Fields<'_>) -> StageKind {
    let mut options = Vec::new();
    let inputs = fields.list("judgmentInputs");
    if inputs.len() > LIST_MAX {
        fields.wrong("judgmentInputs", format!("give at most {LIST_MAX}"));
    }
    for (at, input) in inputs.iter().enumerate() {
        match input.get("value").or(Some(input)).and_then(Value::as_str) {
            Some(text) if !text.is_empty() && text.len() <= 256 => options.push(text.to_owned()),
            _ => fields.wrong(&format!("judgmentInputs[{at}].value"), "give a text of 1 to 256 bytes"),
        }
    }
    StageKind::Judgment { instructions: fields.text("instructions").unwrap_or_default(), options }
}

fn conditions(fields: &mut Fields<'_>) -> StageKind {
    let listed = fields.list("preconditions");
    if listed.is_empty() || listed.len() > LIST_MAX {
        fields.wrong("preconditions", format!("give 1 to {LIST_MAX}"));
    }
    let mut conditions = Vec::new();
    for (at, value) in listed.iter().enumerate() {
        let path = format!("{}.preconditions[{at}]", fields.path);
        let mut fields = Fields { value, path, problems: &mut *fields.problems };
        let kind = fields.text("type").unwrap_or_else(|| "expression".to_owned());
        if kind != "expression" {
            fields.wrong("type", format!("unknown precondition {kind:?}: give expression"));
            continue;
        }
        let within = fields.any("context");
        let held = if within.is_null() { value.clone() } else { within };
        let path =
            if fields.has("context") { format!("{}.context", fields.path) } else { fields.path.clone() };
        let mut inner = Fields { value: &held, path, problems: &mut *fields.problems };
        let condition = inner.needed("expression", "give the condition, as trigger.params.ndcg > 0.3");
        if !condition.is_empty()
            && let Err(why) = expression::check(&condition)
        {
            inner.wrong("expression", why);
        }
        conditions.push(condition);
    }
    StageKind::Check { conditions }
}

fn webhook(fields: &mut Fields<'_>) -> Webhook {
    let url = fields.needed("url", "give the address to call");
    if !url.is_empty() && !["http://", "https://", "${"].iter().any(|start| url.starts_with(start)) {
        fields.wrong("url", "give an address that begins with http:// or https://");
    }
    let method = fields.text("method").unwrap_or_else(|| "POST".to_owned()).to_uppercase();
    if !["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"].contains(&method.as_str()) {
        fields.wrong("method", format!("{method:?}: give GET, POST, PUT, PATCH, DELETE or HEAD"));
    }
    let headers = fields.object("customHeaders");
    if headers.len() > HEADERS_MAX {
        fields.wrong("customHeaders", format!("give at most {HEADERS_MAX}"));
    }
    let poll = fields.flag("waitForCompletion", false).then(|| poll(fields));
    Webhook { url, method, payload: fields.any("payload"), headers: headers.into_iter().collect(), poll }
}

/// Spinnaker's fields: <https://spinnaker.io/docs/guides/operator/custom-webhook-stages/>.
fn poll(fields: &mut Fields<'_>) -> Poll {
    let mut words = |field: &str, absent: &str| -> Vec<String> {
        let given = fields.text(field).unwrap_or_else(|| absent.to_owned());
        given.split(',').map(|word| word.trim().to_uppercase()).filter(|word| !word.is_empty()).collect()
    };
    let success = words("successStatuses", "SUCCEEDED,SUCCESS,COMPLETED,DONE,OK");
    let failure = words("terminalStatuses", "TERMINAL,FAILED,FAILURE,ERROR");
    let canceled = words("canceledStatuses", "CANCELED,CANCELLED");
    Poll {
        url: fields.text("statusUrl").unwrap_or_default(),
        status: fields.text("statusJsonPath").unwrap_or_else(|| "$.status".to_owned()),
        success,
        failure: failure.into_iter().chain(canceled).collect(),
        every_ms: fields.time(&[("retryDelayMs", Unit::Ms)], (100, 10 * MINUTE_MS)).unwrap_or(5_000),
    }
}

fn analysis(fields: &mut Fields<'_>) -> Analysis {
    let given = fields.any("canaryConfig");
    let path = format!("{}.canaryConfig", fields.path);
    if !given.is_object() {
        fields.wrong("canaryConfig", "give canaryConfigId or config, lifetimeDuration and scoreThresholds");
        return Analysis::default();
    }
    let mut inner = Fields { value: &given, path, problems: &mut *fields.problems };
    let config_id = inner.text("canaryConfigId");
    let config = inner.has("config").then(|| inner.any("config"));
    match &config {
        None if config_id.is_none() => {
            inner.wrong("canaryConfigId", "name a stored config, or give one as config")
        }
        None => {}
        Some(config) => check_config(config, &mut inner),
    }
    let lifetime =
        [("lifetimeDuration", Unit::Iso), ("lifetimeMs", Unit::Ms), ("lifetimeDurationMins", Unit::Minutes)];
    let lifetime_ms = inner.time(&lifetime, (1_000, WEEK_MS));
    if lifetime_ms.is_none() && !lifetime.iter().any(|(field, _)| inner.has(field)) {
        inner.wrong("lifetimeDuration", "give how long points count, as PT30M");
    }
    let lifetime_ms = lifetime_ms.unwrap_or(MINUTE_MS);
    let interval = [("canaryAnalysisIntervalMins", Unit::Minutes), ("intervalMs", Unit::Ms)];
    let interval_ms = inner.time(&interval, (1_000, WEEK_MS)).unwrap_or(lifetime_ms).min(lifetime_ms);
    if lifetime_ms.div_ceil(interval_ms.max(1)) > LOOKS_MAX {
        inner.wrong("canaryAnalysisIntervalMins", format!("more than {LOOKS_MAX} looks: look less often"));
    }
    let after = [("beginCanaryAnalysisAfterMins", Unit::Minutes), ("beginAfterMs", Unit::Ms)];
    let begin_after_ms = inner.time(&after, (0, WEEK_MS)).unwrap_or(0);
    let back = [("lookbackMins", Unit::Minutes), ("lookbackMs", Unit::Ms)];
    let lookback_ms = inner.time(&back, (0, WEEK_MS)).unwrap_or(0);
    let scopes = inner.list("scopes");
    if scopes.len() > SCOPES_MAX || scopes.iter().any(|scope| !scope.is_object()) {
        inner.wrong("scopes", format!("give at most {SCOPES_MAX} objects"));
    }
    let thresholds = inner.any("scoreThresholds");
    let path = format!("{}.scoreThresholds", inner.path);
    let mut scores = Fields { value: &thresholds, path: path.clone(), problems: &mut *inner.problems };
    let (pass, marginal) =
        (scores.number("pass", 75.0, (0.0, 100.0)), scores.number("marginal", 50.0, (0.0, 100.0)));
    let mut say = |path: String, why: String| scores.problems.push(Problem { path, why });
    Thresholds { pass, marginal }.validate(&path, &mut say);
    Analysis {
        config_id,
        config,
        scopes,
        lifetime_ms,
        interval_ms,
        begin_after_ms,
        lookback_ms,
        pass,
        marginal,
    }
}

fn check_config(config: &Value, fields: &mut Fields<'_>) {
    match serde_json::from_value::<CanaryConfig>(config.clone()) {
        Err(error) => fields.wrong("config", error.to_string()),
        Ok(config) => {
            for problem in config.validate() {
                fields.wrong(&format!("config.{}", problem.path), problem.why);
            }
        }
    }
}
