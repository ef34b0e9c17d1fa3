//! What each refusal code means: the one table from the code of a [`troupe_runtime::Refused`] to its kind.
//!
//! A code travels as a string and is stable for programs. Its kind says what a client can do about it, and gives the HTTP
//! status. The table holds every code of the entities, the runtime, the services and the gateway.

/// What a client can do about a refusal. Each kind has exactly one HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusalKind {
    /// The thing that the request names does not exist. 404.
    NotFound,
    /// The request does not fit in itself: a field, a shape, a size. Correct it. 422.
    Invalid,
    /// A stored bound is reached, and the request would exceed it. Remove something, or use another entity. 422.
    LimitReached,
    /// The request is sound, but the entity's state does not allow it. Read the state, then decide again. 409.
    Conflict,
    /// The request is not allowed at this interface. 403.
    Forbidden,
    /// The cluster cannot decide it yet. The same request may succeed later. 503.
    Unavailable,
    /// The entity's code is at fault. 500.
    Fault,
}

use RefusalKind::{Conflict, Fault, Forbidden, Invalid, LimitReached, NotFound, Unavailable};

impl RefusalKind {
    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            NotFound => 404,
            Invalid | LimitReached => 422,
            Conflict => 409,
            Forbidden => 403,
            Unavailable => 503,
            Fault => 500,
        }
    }
}

/// The kind of a code; `None` for a code outside of the table.
#[must_use]
pub fn kind_of(code: &str) -> Option<RefusalKind> {
    CODES.binary_search_by(|(known, _)| (*known).cmp(code)).ok().map(|place| CODES[place].1)
}

/// Every code and its kind, sorted by code.
#[rustfmt::skip]
pub const CODES: &[(&str, RefusalKind)] = &[
    // Another node has this address.
    ("ADDRESS_TAKEN", Conflict),
    // The model version is archived.
    ("ARCHIVED", Conflict),
    // The object's bytes do not have the hash that names them.
    ("ARTIFACT_CORRUPT", Invalid),
    // The lake has no object of this hash.
    ("ARTIFACT_MISSING", Invalid),
    // The object exceeds the size that serving loads.
    ("ARTIFACT_TOO_LARGE", Invalid),
    // An iteration of a loop restarts with the instance that the loop belongs to.
    ("A_LOOP", Conflict),
    // The object is not a model that the engine loads.
    ("BAD_ARTIFACT", Invalid),
    // The members or weights of a batch cannot be dealt.
    ("BAD_BATCH", Invalid),
    // A client's report does not fit its shape.
    ("BAD_BODY", Invalid),
    // A canary configuration has problems.
    ("BAD_CONFIG", Invalid),
    // A context has too many or too long entries.
    ("BAD_CONTEXT", Invalid),
    // A coverage is outside 0 to 1.
    ("BAD_COVERAGE", Invalid),
    // A definition has problems.
    ("BAD_DEFINITION", Invalid),
    // A feature group's declaration has problems.
    ("BAD_GROUP", Invalid),
    // A hash version is neither 1 nor 2.
    ("BAD_HASH_VERSION", Invalid),
    // A report of tasks is too large.
    ("BAD_HEARD", Invalid),
    // An id is empty, too long, or has characters that a key cannot have.
    ("BAD_ID", Invalid),
    // The vocabulary has another number of contents.
    ("BAD_ITEMS", Invalid),
    // A judgment is not one of the options.
    ("BAD_JUDGMENT", Invalid),
    // A key cannot name an entity.
    ("BAD_KEY", Invalid),
    // A name is empty, too long, or has characters that names cannot have.
    ("BAD_NAME", Invalid),
    // A lineage node or a cluster node is not well formed.
    ("BAD_NODE", Invalid),
    // Metric pairs do not fit the canary.
    ("BAD_PAIRS", Invalid),
    // A parameter is logged with another value.
    ("BAD_PARAM", Invalid),
    // A pipeline definition has problems.
    ("BAD_PIPELINE", Invalid),
    // An experiment's plan has problems.
    ("BAD_PLAN", Invalid),
    // Points of a series are too many or not finite.
    ("BAD_POINTS", Invalid),
    // A power question lacks a value or has one out of range.
    ("BAD_POWER", Invalid),
    // Workflow properties have problems.
    ("BAD_PROPERTIES", Invalid),
    // A range of a series is empty or too fine.
    ("BAD_RANGE", Invalid),
    // A monitor's reference data cannot be used.
    ("BAD_REFERENCE", Invalid),
    // The request cannot be what was meant.
    ("BAD_REQUEST", Invalid),
    // A request id is empty or too long.
    ("BAD_REQUEST_ID", Invalid),
    // A row's values do not fit the monitor's features.
    ("BAD_ROW", Invalid),
    // A batch of rows is empty or too large.
    ("BAD_ROWS", Invalid),
    // A run id is not a name.
    ("BAD_RUN_ID", Invalid),
    // A shard's replica set is empty or names a node twice.
    ("BAD_SET", Invalid),
    // The model's inputs or outputs are not those that serving needs.
    ("BAD_SIGNATURE", Invalid),
    // A time span is empty or too long.
    ("BAD_SPAN", Invalid),
    // A monitor's specification has problems.
    ("BAD_SPEC", Invalid),
    // A traffic split has problems.
    ("BAD_SPLIT", Invalid),
    // A stage is not one of the known.
    ("BAD_STAGE", Invalid),
    // Tags are too many or too long.
    ("BAD_TAGS", Invalid),
    // A task id is not a name.
    ("BAD_TASK_ID", Invalid),
    // A text is empty, too long, or has control characters.
    ("BAD_TEXT", Invalid),
    // A canary's score thresholds are out of order.
    ("BAD_THRESHOLDS", Invalid),
    // A value is not one of those that the field takes.
    ("BAD_VALUE", Invalid),
    // An experiment's variations are too few, too many, or not distinct.
    ("BAD_VARIATIONS", Invalid),
    // The vocabulary object does not decode.
    ("BAD_VOCABULARY", Invalid),
    // Weights do not fit the variations.
    ("BAD_WEIGHTS", Invalid),
    // A worker's claim is not well formed.
    ("BAD_WORKER", Invalid),
    // An experiment with dealt members cannot take a share of a layer.
    ("BATCH_IN_LAYER", Conflict),
    // A prerequisite leads back to the flag itself.
    ("CIRCLE", Invalid),
    // The run or execution is over.
    ("ENDED", Conflict),
    // The name is taken.
    ("EXISTS", Conflict),
    // The monitor failed and must be defined again.
    ("FAILED", Conflict),
    // No flow of this name.
    ("FLOW_NOT_FOUND", NotFound),
    // The event time is more than a day ahead of the clock.
    ("FROM_THE_FUTURE", Invalid),
    // The list holds its most values.
    ("FULL", LimitReached),
    // Another deployment holds the model's traffic.
    ("HELD", Conflict),
    // A champion is replaced by a promotion only.
    ("IS_CHAMPION", Conflict),
    // No other node could take the shards.
    ("LAST_NODE", Conflict),
    // No registered model of this name.
    ("MODEL_NOT_FOUND", NotFound),
    // The node takes no shards.
    ("NODE_CLOSED", Conflict),
    // The node must be drained before it is removed.
    ("NODE_HOLDS_SHARDS", Conflict),
    // The node is not up.
    ("NODE_NOT_UP", Conflict),
    // The node id belonged to a removed node.
    ("NODE_RETIRED", Conflict),
    // Another node has this id or name.
    ("NODE_TAKEN", Conflict),
    // The stage does not wait for a judgment.
    ("NOT_A_JUDGMENT", Conflict),
    // No instance of this number.
    ("NOT_BEGUN", NotFound),
    // Two samples cannot be compared.
    ("NOT_COMPARABLE", Invalid),
    // The stage has not ended.
    ("NOT_ENDED", Conflict),
    // A value is not a finite number.
    ("NOT_FINITE", Invalid),
    // The thing that the path names does not exist.
    ("NOT_FOUND", NotFound),
    // The cluster is not bootstrapped yet.
    ("NOT_FOUNDED", Unavailable),
    // The public edge does not change the cluster.
    ("NOT_PUBLIC", Forbidden),
    // The run is over.
    ("NOT_RUNNING", Conflict),
    // The execution waits for its turn.
    ("NOT_STARTED", Conflict),
    // The monitor has no reference yet.
    ("NOT_WATCHING", Conflict),
    // No feature group of this name is declared.
    ("NO_GROUP", NotFound),
    // The workflow has no such instance.
    ("NO_INSTANCE", NotFound),
    // A publication has no contents.
    ("NO_ITEMS", Invalid),
    // The monitor does not join labels.
    ("NO_LABELS", Conflict),
    // No model of this name is published.
    ("NO_MODEL", NotFound),
    // A required parameter is missing.
    ("NO_PARAMETER", Invalid),
    // A command was decided without a reply.
    ("NO_REPLY", Fault),
    // The instance does not keep this run.
    ("NO_RUN", NotFound),
    // The workflow has no such step.
    ("NO_STEP", NotFound),
    // No action of this name.
    ("NO_SUCH_ACTION", NotFound),
    // The cluster has no such node.
    ("NO_SUCH_NODE", NotFound),
    // The cluster has no such shard.
    ("NO_SUCH_SHARD", NotFound),
    // The deployment gave its traffic back.
    ("NO_TRAFFIC", Conflict),
    // The workflow has no such version.
    ("NO_VERSION", NotFound),
    // The key is not that of the feature catalogue.
    ("ONE_CATALOG", Invalid),
    // A number is outside its range.
    ("OUT_OF_RANGE", Invalid),
    // Another experiment has this range of the layer.
    ("OVERLAP", Conflict),
    // The shard's replica set changed since it was read.
    ("PLACED_MEANWHILE", Conflict),
    // The thing runs: stop it first.
    ("RUNNING", Conflict),
    // A pipeline would wait for itself.
    ("RUNS_ITSELF", Invalid),
    // The flow has no such run.
    ("RUN_NOT_FOUND", NotFound),
    // The workflow's run strategy rejects the start.
    ("RUN_STRATEGY", Conflict),
    // The revision that the caller read is not the newest.
    ("STALE", Conflict),
    // The canary was started with another request.
    ("STARTED", Conflict),
    // The run has no such step.
    ("STEP_NOT_FOUND", NotFound),
    // The run has no such tag.
    ("TAG_NOT_FOUND", NotFound),
    // The step has no such task.
    ("TASK_NOT_FOUND", NotFound),
    // The entity or its shard holds its most timers.
    ("TIMERS_FULL", LimitReached),
    // A timer's period is too short.
    ("TIMER_EVERY", Invalid),
    // A timer's name is empty or too long.
    ("TIMER_NAME", Invalid),
    // Pipelines start each other too deeply.
    ("TOO_DEEP", Invalid),
    // A value or a batch has too many bytes.
    ("TOO_LARGE", Invalid),
    // A text has too many bytes.
    ("TOO_LONG", Invalid),
    // A list has too many entries.
    ("TOO_MANY", Invalid),
    // The catalogue holds its most groups.
    ("TOO_MANY_GROUPS", LimitReached),
    // The run holds its most metrics.
    ("TOO_MANY_METRICS", LimitReached),
    // The flow holds its most runs, and none is over.
    ("TOO_MANY_RUNS", LimitReached),
    // The run holds its most steps.
    ("TOO_MANY_STEPS", LimitReached),
    // The thing holds its most tags.
    ("TOO_MANY_TAGS", LimitReached),
    // The run holds its most tasks.
    ("TOO_MANY_TASKS", LimitReached),
    // The model or workflow holds its most versions.
    ("TOO_MANY_VERSIONS", LimitReached),
    // The event is older than the history that tells repeats apart.
    ("TOO_OLD", Invalid),
    // The model loads but does not score.
    ("TRIAL_RUN_FAILED", Invalid),
    // The experiment, flag, monitor or canary was never defined.
    ("UNDEFINED", NotFound),
    // No execution of this id.
    ("UNKNOWN_DEPLOYMENT", NotFound),
    // No experiment of this name.
    ("UNKNOWN_EXPERIMENT", NotFound),
    // The monitor has no such feature.
    ("UNKNOWN_FEATURE", NotFound),
    // No flag of this name.
    ("UNKNOWN_FLAG", NotFound),
    // No feature group of this name.
    ("UNKNOWN_GROUP", NotFound),
    // The canary has no such metric.
    ("UNKNOWN_METRIC", NotFound),
    // No pipeline of this name.
    ("UNKNOWN_PIPELINE", NotFound),
    // The execution has no such stage.
    ("UNKNOWN_STAGE", NotFound),
    // The experiment has no such variation.
    ("UNKNOWN_VARIATION", NotFound),
    // No version of this number.
    ("VERSION_NOT_FOUND", NotFound),
    // The definition's id is not the workflow's key.
    ("WRONG_ID", Invalid),
    // The canary waits for another look.
    ("WRONG_LOOK", Conflict),
    // The definition's name is not the pipeline's key.
    ("WRONG_NAME", Invalid),
    // The step's state does not allow the action.
    ("WRONG_STATE", Conflict),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use super::*;

    /// Source files of the crates that refuse, relative to this crate.
    fn sources() -> Vec<(PathBuf, String)> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut folders: Vec<PathBuf> = ["actors/src", "runtime/src", "services", "gateway/src", "node/src"]
            .map(|at| root.join(at))
            .into();
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                if path.is_dir() && name != "tests" {
                    folders.push(path);
                } else if name.ends_with(".rs") && !name.ends_with("tests.rs") && name != "refusals.rs" {
                    let text = std::fs::read_to_string(&path).unwrap();
                    // Tests may refuse with codes of their own.
                    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
                    files.push((path, code));
                }
            }
        }
        files
    }

    /// The first argument of each call of a function that refuses: a literal, or a constant of the code's name.
    fn codes(text: &str) -> BTreeSet<String> {
        let upper = |code: &&str| {
            code.len() > 1 && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
        };
        let calls = ["Refused::new(", "Refused::field(", "refused(", "refuse("];
        let arguments = calls.iter().flat_map(|call| text.split(call).skip(1));
        let first = arguments.filter_map(|rest| Some(rest.split_once(',')?.0.trim().trim_matches('"')));
        first.filter(upper).map(str::to_owned).collect()
    }

    #[test]
    fn every_code_in_the_sources_is_in_the_table() {
        let mut found = 0;
        for (path, text) in sources() {
            for code in codes(&text) {
                found += 1;
                assert!(kind_of(&code).is_some(), "add {code} of {} to CODES", path.display());
            }
        }
        assert!(found > 150, "the scan found {found} codes only");
    }

    #[test]
    fn every_code_of_the_table_is_in_the_sources() {
        let sources = sources();
        for (code, _) in CODES {
            let quoted = format!("\"{code}\"");
            assert!(sources.iter().any(|(_, text)| text.contains(&quoted)), "{code} is not used");
        }
    }

    #[test]
    fn the_table_is_sorted_and_has_each_code_once() {
        assert!(CODES.windows(2).all(|pair| pair[0].0 < pair[1].0), "sort CODES");
        assert_eq!(kind_of("STALE"), Some(Conflict));
        assert_eq!(kind_of("SAID_BEFORE"), None);
    }
}
