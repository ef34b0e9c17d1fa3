//! Parses a pipeline from Spinnaker's JSON, and reports every problem with its path.

use std::collections::BTreeSet;

use serde_json::Value;
use troupe_statistics::canary::Problem;

use super::definition::{Definition, OnFailure, Parameter, Stage, Trigger};
use super::expression;
use super::fields::{Fields, Unit};
use super::kinds;

/// Maximum number of stages of a pipeline.
const STAGES_MAX: usize = 100;
const TRIGGERS_MAX: usize = 16;
const PARAMETERS_MAX: usize = 64;
/// Largest definition, in bytes of JSON.
const BYTES_MAX: usize = 64 << 10;
/// Longest name of a pipeline, in bytes.
const NAME_BYTES_MAX: usize = 64;
const REF_BYTES_MAX: usize = 32;
const DAY_MS: u64 = 24 * 3_600_000;
/// Longest timeout of an execution, in milliseconds.
const EXECUTION_MS_MAX: u64 = 30 * DAY_MS;
const EXECUTION_MS: u64 = 7 * DAY_MS;

/// Parses a definition.
///
/// # Errors
/// Every problem with its path.
pub fn read(json: &Value) -> Result<Definition, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut fields = Fields { value: json, path: String::new(), problems: &mut problems };
    if !json.is_object() {
        fields.wrong("", "give an object with name, application and stages");
        return Err(problems);
    }
    if json.to_string().len() > BYTES_MAX {
        fields.wrong("", format!("a definition has {BYTES_MAX} bytes at most"));
        return Err(problems);
    }
    let name = fields.needed("name", "name the pipeline");
    if !name.is_empty() && !is_name(&name) {
        let why = format!("give 1 to {NAME_BYTES_MAX} bytes of letters, digits, spaces, _, - and .");
        fields.wrong("name", why);
    }
    let application = fields.needed("application", "name the application that it belongs to");
    if application.len() > NAME_BYTES_MAX {
        fields.wrong("application", format!("give at most {NAME_BYTES_MAX} bytes"));
    }
    let limit_concurrent = fields.flag("limitConcurrent", true);
    let keep_waiting = fields.flag("keepWaitingPipelines", false);
    let timeout = fields.time(&[("timeoutMs", Unit::Ms)], (1_000, EXECUTION_MS_MAX));
    let (triggers, parameters) = (triggers(&mut fields), parameters(&mut fields));
    let listed = fields.list("stages");
    if listed.is_empty() {
        fields.wrong("stages", "give at least one");
    }
    if listed.len() > STAGES_MAX {
        fields.wrong("stages", format!("a pipeline has {STAGES_MAX} stages at most"));
    }
    let mut stages = Vec::new();
    for (at, value) in listed.iter().take(STAGES_MAX).enumerate() {
        stages.push(stage(value, at, &mut problems));
    }
    graph(&stages, &mut problems);
    let definition = Definition {
        application,
        name,
        stages: stages.into_iter().flatten().collect(),
        triggers,
        parameters,
        limit_concurrent,
        keep_waiting,
        timeout_ms: timeout.unwrap_or(EXECUTION_MS),
    };
    if problems.is_empty() { Ok(definition) } else { Err(problems) }
}

/// Whether a text can be a name. Keys of deployments are `NAME:N`, so a name has no colon.
fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ');
    name.len() <= NAME_BYTES_MAX && name.chars().all(plain)
}

fn triggers(fields: &mut Fields<'_>) -> Vec<Trigger> {
    let listed = fields.list("triggers");
    if listed.len() > TRIGGERS_MAX {
        fields.wrong("triggers", format!("a pipeline has {TRIGGERS_MAX} triggers at most"));
    }
    let mut triggers: Vec<Trigger> = Vec::new();
    for (at, value) in listed.iter().enumerate().take(TRIGGERS_MAX) {
        let path = format!("triggers[{at}]");
        let mut fields = Fields { value, path, problems: &mut *fields.problems };
        if !fields.flag("enabled", true) {
            continue;
        }
        let type_name = fields.needed("type", "name its type: signal");
        if type_name != "signal" {
            if !type_name.is_empty() {
                fields.wrong("type", format!("unknown trigger {type_name:?}: give signal"));
            }
            continue;
        }
        let signal = fields.needed("signal", "name the signal");
        if signal.len() > 128 {
            fields.wrong("signal", "give at most 128 bytes");
        }
        if triggers.iter().any(|other| other.signal == signal) {
            fields.wrong("signal", format!("{signal:?} starts it already"));
        }
        let when = fields.text("condition");
        if let Some(Err(why)) = when.as_deref().map(expression::check) {
            fields.wrong("condition", why);
        }
        triggers.push(Trigger { signal, when });
    }
    triggers
}

fn parameters(fields: &mut Fields<'_>) -> Vec<Parameter> {
    let listed = fields.list("parameterConfig");
    if listed.len() > PARAMETERS_MAX {
        fields.wrong("parameterConfig", format!("a pipeline has {PARAMETERS_MAX} parameters at most"));
    }
    let mut parameters = Vec::new();
    for (at, value) in listed.iter().enumerate().take(PARAMETERS_MAX) {
        let path = format!("parameterConfig[{at}]");
        let mut fields = Fields { value, path, problems: &mut *fields.problems };
        let name = fields.needed("name", "name the parameter");
        let required = fields.flag("required", false);
        let default = fields.has("default").then(|| fields.any("default"));
        parameters.push(Parameter { name, required, default });
    }
    parameters
}

fn stage(value: &Value, at: usize, problems: &mut Vec<Problem>) -> Option<Stage> {
    let before = problems.len();
    let mut fields = Fields { value, path: format!("stages[{at}]"), problems };
    if !value.is_object() {
        fields.wrong("", "give an object");
        return None;
    }
    let ref_id = fields.needed("refId", "give the stage an id of its own, as \"1\"");
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !ref_id.is_empty() && (ref_id.len() > REF_BYTES_MAX || !ref_id.chars().all(plain)) {
        fields.wrong("refId", format!("give 1 to {REF_BYTES_MAX} letters, digits, _ and -"));
    }
    let type_name = fields.needed("type", &format!("name its type: {}", kinds::NAMES.join(", ")));
    let name = fields.text("name").unwrap_or_else(|| type_name.clone());
    let after = fields.texts("requisiteStageRefIds");
    let on_failure = on_failure(&mut fields);
    let enabled = enabled(&mut fields);
    let kind = kinds::read(&type_name, &mut fields);
    let timeout = fields.time(&[("stageTimeoutMs", Unit::Ms)], (100, EXECUTION_MS_MAX));
    // A stage with problems keeps its place in the graph, so that the stages after it report no false problems.
    let clean = fields.problems.len() == before;
    let kind = match kind {
        Some(kind) => kind,
        None if clean => return None,
        None => super::definition::StageKind::Bake,
    };
    let timeout_ms = timeout.unwrap_or_else(|| kinds::timeout_ms(&kind));
    Some(Stage { ref_id, name, after, kind, on_failure, enabled, timeout_ms })
}

/// Spinnaker's three switches: <https://spinnaker.io/docs/guides/user/pipeline/managing-pipelines/>.
fn on_failure(fields: &mut Fields<'_>) -> OnFailure {
    let fails = fields.flag("failPipeline", true);
    let continues = fields.flag("continuePipeline", false);
    match (fields.flag("completeOtherBranchesThenFail", false), continues, fails) {
        (true, _, _) => OnFailure::FailLater,
        (false, true, _) => OnFailure::Continue,
        (false, false, true) => OnFailure::Fail,
        (false, false, false) => OnFailure::Stop,
    }
}

fn enabled(fields: &mut Fields<'_>) -> Option<String> {
    let given = fields.any("stageEnabled");
    if given.is_null() {
        return None;
    }
    let path = format!("{}.stageEnabled", fields.path);
    let mut inner = Fields { value: &given, path, problems: &mut *fields.problems };
    let condition = inner.needed("expression", "give the condition");
    if let Err(why) = expression::check(&condition) {
        inner.wrong("expression", why);
    }
    Some(condition)
}

/// Reports duplicate ids, unknown ids and cycles.
fn graph(stages: &[Option<Stage>], problems: &mut Vec<Problem>) {
    let known: BTreeSet<&str> = stages.iter().flatten().map(|stage| stage.ref_id.as_str()).collect();
    let mut seen = BTreeSet::new();
    for (at, stage) in stages.iter().enumerate() {
        let Some(stage) = stage else { continue };
        let mut say = |field: String, why: String| {
            problems.push(Problem { path: format!("stages[{at}].{field}"), why });
        };
        if !stage.ref_id.is_empty() && !seen.insert(stage.ref_id.as_str()) {
            say("refId".into(), format!("{:?} is another stage's: give each its own", stage.ref_id));
        }
        for (which, wanted) in stage.after.iter().enumerate() {
            let field = format!("requisiteStageRefIds[{which}]");
            if !known.contains(wanted.as_str()) {
                say(field, format!("unknown stage {wanted:?}"));
            } else if *wanted == stage.ref_id {
                say(field, "a stage cannot wait for itself".into());
            }
        }
    }
    if let Some(cycle) = cycle(stages) {
        let why = format!("{} wait for each other: none of them can begin", cycle.join(", "));
        problems.push(Problem { path: "stages".into(), why });
    }
}

/// The stages of a cycle: what remains after stages without open requirements are removed repeatedly.
fn cycle(stages: &[Option<Stage>]) -> Option<Vec<String>> {
    let mut left: Vec<&Stage> = stages.iter().flatten().collect();
    loop {
        let open: BTreeSet<&str> = left.iter().map(|stage| stage.ref_id.as_str()).collect();
        let waits = |stage: &&Stage| {
            stage.after.iter().any(|wanted| open.contains(wanted.as_str()) && *wanted != stage.ref_id)
        };
        let next: Vec<&Stage> = left.iter().copied().filter(|stage| waits(stage)).collect();
        if next.is_empty() {
            return None;
        }
        if next.len() == left.len() {
            return Some(next.iter().map(|stage| format!("{:?}", stage.ref_id)).collect());
        }
        left = next;
    }
}
