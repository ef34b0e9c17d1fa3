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

/// One code of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// Stable for programs.
    pub code: &'static str,
    /// What a client can do about it.
    pub kind: RefusalKind,
    /// What it says.
    pub meaning: &'static str,
}

/// The kind of a code; `None` for a code outside of the table.
#[must_use]
pub fn kind_of(code: &str) -> Option<RefusalKind> {
    CODES.binary_search_by(|known| known.code.cmp(code)).ok().map(|place| CODES[place].kind)
}

/// Every code and its kind, sorted by code.
#[rustfmt::skip]
pub const CODES: &[Code] = &[
    Code { code: "ADDRESS_TAKEN", kind: Conflict, meaning: "Another node has this address" },
    Code { code: "ARCHIVED", kind: Conflict, meaning: "The model version is archived" },
    Code { code: "ARTIFACT_CORRUPT", kind: Invalid, meaning: "The object's bytes do not have the hash that names them" },
    Code { code: "ARTIFACT_MISSING", kind: Invalid, meaning: "The lake has no object of this hash" },
    Code { code: "ARTIFACT_TOO_LARGE", kind: Invalid, meaning: "The object exceeds the size that serving loads" },
    Code { code: "A_LOOP", kind: Conflict, meaning: "An iteration of a loop restarts with the instance that the loop belongs to" },
    Code { code: "BAD_ARTIFACT", kind: Invalid, meaning: "The object is not a model that the engine loads" },
    Code { code: "BAD_BATCH", kind: Invalid, meaning: "The members or weights of a batch cannot be dealt" },
    Code { code: "BAD_BODY", kind: Invalid, meaning: "A client's report does not fit its shape" },
    Code { code: "BAD_CONFIG", kind: Invalid, meaning: "A canary configuration has problems" },
    Code { code: "BAD_CONTEXT", kind: Invalid, meaning: "A context has too many or too long entries" },
    Code { code: "BAD_COVERAGE", kind: Invalid, meaning: "A coverage is outside 0 to 1" },
    Code { code: "BAD_DEFINITION", kind: Invalid, meaning: "A definition has problems" },
    Code { code: "BAD_GROUP", kind: Invalid, meaning: "A feature group's declaration has problems" },
    Code { code: "BAD_HASH_VERSION", kind: Invalid, meaning: "A hash version is neither 1 nor 2" },
    Code { code: "BAD_HEARD", kind: Invalid, meaning: "A report of tasks is too large" },
    Code { code: "BAD_ID", kind: Invalid, meaning: "An id is empty, too long, or has characters that a key cannot have" },
    Code { code: "BAD_ITEMS", kind: Invalid, meaning: "The vocabulary has another number of contents" },
    Code { code: "BAD_JUDGMENT", kind: Invalid, meaning: "A judgment is not one of the options" },
    Code { code: "BAD_KEY", kind: Invalid, meaning: "A key cannot name an entity" },
    Code { code: "BAD_NAME", kind: Invalid, meaning: "A name is empty, too long, or has characters that names cannot have" },
    Code { code: "BAD_NODE", kind: Invalid, meaning: "A lineage node or a cluster node is not well formed" },
    Code { code: "BAD_PAIRS", kind: Invalid, meaning: "Metric pairs do not fit the canary" },
    Code { code: "BAD_PARAM", kind: Invalid, meaning: "A parameter is logged with another value" },
    Code { code: "BAD_PIPELINE", kind: Invalid, meaning: "A pipeline definition has problems" },
    Code { code: "BAD_PLAN", kind: Invalid, meaning: "An experiment's plan has problems" },
    Code { code: "BAD_POINTS", kind: Invalid, meaning: "Points of a series are too many or not finite" },
    Code { code: "BAD_POWER", kind: Invalid, meaning: "A power question lacks a value or has one out of range" },
    Code { code: "BAD_PROPERTIES", kind: Invalid, meaning: "Workflow properties have problems" },
    Code { code: "BAD_RANGE", kind: Invalid, meaning: "A range of a series is empty or too fine" },
    Code { code: "BAD_REFERENCE", kind: Invalid, meaning: "A monitor's reference data cannot be used" },
    Code { code: "BAD_REQUEST", kind: Invalid, meaning: "The request cannot be what was meant" },
    Code { code: "BAD_REQUEST_ID", kind: Invalid, meaning: "A request id is empty or too long" },
    Code { code: "BAD_ROW", kind: Invalid, meaning: "A row's values do not fit the monitor's features" },
    Code { code: "BAD_ROWS", kind: Invalid, meaning: "A batch of rows is empty or too large" },
    Code { code: "BAD_RUN_ID", kind: Invalid, meaning: "A run id is not a name" },
    Code { code: "BAD_SET", kind: Invalid, meaning: "A shard's replica set is empty or names a node twice" },
    Code { code: "BAD_SIGNATURE", kind: Invalid, meaning: "The model's inputs or outputs are not those that serving needs" },
    Code { code: "BAD_SPAN", kind: Invalid, meaning: "A time span is empty or too long" },
    Code { code: "BAD_SPEC", kind: Invalid, meaning: "A monitor's specification has problems" },
    Code { code: "BAD_SPLIT", kind: Invalid, meaning: "A traffic split has problems" },
    Code { code: "BAD_STAGE", kind: Invalid, meaning: "A stage is not one of the known" },
    Code { code: "BAD_TAGS", kind: Invalid, meaning: "Tags are too many or too long" },
    Code { code: "BAD_TASK_ID", kind: Invalid, meaning: "A task id is not a name" },
    Code { code: "BAD_TEXT", kind: Invalid, meaning: "A text is empty, too long, or has control characters" },
    Code { code: "BAD_THRESHOLDS", kind: Invalid, meaning: "A canary's score thresholds are out of order" },
    Code { code: "BAD_VALUE", kind: Invalid, meaning: "A value is not one of those that the field takes" },
    Code { code: "BAD_VARIATIONS", kind: Invalid, meaning: "An experiment's variations are too few, too many, or not distinct" },
    Code { code: "BAD_VOCABULARY", kind: Invalid, meaning: "The vocabulary object does not decode" },
    Code { code: "BAD_WEIGHTS", kind: Invalid, meaning: "Weights do not fit the variations" },
    Code { code: "BAD_WORKER", kind: Invalid, meaning: "A worker's claim is not well formed" },
    Code { code: "BATCH_IN_LAYER", kind: Conflict, meaning: "An experiment with dealt members cannot take a share of a layer" },
    Code { code: "CIRCLE", kind: Invalid, meaning: "A prerequisite leads back to the flag itself" },
    Code { code: "ENDED", kind: Conflict, meaning: "The run or execution is over" },
    Code { code: "EXISTS", kind: Conflict, meaning: "The name is taken" },
    Code { code: "FAILED", kind: Conflict, meaning: "The monitor failed and must be defined again" },
    Code { code: "FLOW_NOT_FOUND", kind: NotFound, meaning: "No flow of this name" },
    Code { code: "FROM_THE_FUTURE", kind: Invalid, meaning: "The event time is more than a day ahead of the clock" },
    Code { code: "FULL", kind: LimitReached, meaning: "The list holds its most values" },
    Code { code: "HELD", kind: Conflict, meaning: "Another deployment holds the model's traffic" },
    Code { code: "IS_CHAMPION", kind: Conflict, meaning: "A champion is replaced by a promotion only" },
    Code { code: "LAST_NODE", kind: Conflict, meaning: "No other node could take the shards" },
    Code { code: "MODEL_NOT_FOUND", kind: NotFound, meaning: "No registered model of this name" },
    Code { code: "NODE_CLOSED", kind: Conflict, meaning: "The node takes no shards" },
    Code { code: "NODE_HOLDS_SHARDS", kind: Conflict, meaning: "The node must be drained before it is removed" },
    Code { code: "NODE_NOT_UP", kind: Conflict, meaning: "The node is not up" },
    Code { code: "NODE_RETIRED", kind: Conflict, meaning: "The node id belonged to a removed node" },
    Code { code: "NODE_TAKEN", kind: Conflict, meaning: "Another node has this id or name" },
    Code { code: "NOT_A_JUDGMENT", kind: Conflict, meaning: "The stage does not wait for a judgment" },
    Code { code: "NOT_BEGUN", kind: NotFound, meaning: "No instance of this number" },
    Code { code: "NOT_COMPARABLE", kind: Invalid, meaning: "Two samples cannot be compared" },
    Code { code: "NOT_ENDED", kind: Conflict, meaning: "The stage has not ended" },
    Code { code: "NOT_FINITE", kind: Invalid, meaning: "A value is not a finite number" },
    Code { code: "NOT_FOUND", kind: NotFound, meaning: "The thing that the path names does not exist" },
    Code { code: "NOT_FOUNDED", kind: Unavailable, meaning: "The cluster is not bootstrapped yet" },
    Code { code: "NOT_PUBLIC", kind: Forbidden, meaning: "The public edge does not change the cluster" },
    Code { code: "NOT_RUNNING", kind: Conflict, meaning: "The run is over" },
    Code { code: "NOT_STARTED", kind: Conflict, meaning: "The execution waits for its turn" },
    Code { code: "NOT_WATCHING", kind: Conflict, meaning: "The monitor has no reference yet" },
    Code { code: "NO_GROUP", kind: NotFound, meaning: "No feature group of this name is declared" },
    Code { code: "NO_INSTANCE", kind: NotFound, meaning: "The workflow has no such instance" },
    Code { code: "NO_ITEMS", kind: Invalid, meaning: "A publication has no contents" },
    Code { code: "NO_LABELS", kind: Conflict, meaning: "The monitor does not join labels" },
    Code { code: "NO_MODEL", kind: NotFound, meaning: "No model of this name is published" },
    Code { code: "NO_PARAMETER", kind: Invalid, meaning: "A required parameter is missing" },
    Code { code: "NO_REPLY", kind: Fault, meaning: "A command was decided without a reply" },
    Code { code: "NO_RUN", kind: NotFound, meaning: "The instance does not keep this run" },
    Code { code: "NO_STEP", kind: NotFound, meaning: "The workflow has no such step" },
    Code { code: "NO_SUCH_ACTION", kind: NotFound, meaning: "No action of this name" },
    Code { code: "NO_SUCH_NODE", kind: NotFound, meaning: "The cluster has no such node" },
    Code { code: "NO_SUCH_SHARD", kind: NotFound, meaning: "The cluster has no such shard" },
    Code { code: "NO_TRAFFIC", kind: Conflict, meaning: "The deployment gave its traffic back" },
    Code { code: "NO_VERSION", kind: NotFound, meaning: "The workflow has no such version" },
    Code { code: "ONE_CATALOG", kind: Invalid, meaning: "The key is not that of the feature catalogue" },
    Code { code: "OUT_OF_RANGE", kind: Invalid, meaning: "A number is outside its range" },
    Code { code: "OVERLAP", kind: Conflict, meaning: "Another experiment has this range of the layer" },
    Code { code: "PLACED_MEANWHILE", kind: Conflict, meaning: "The shard's replica set changed since it was read" },
    Code { code: "RUNNING", kind: Conflict, meaning: "The thing runs: stop it first" },
    Code { code: "RUNS_ITSELF", kind: Invalid, meaning: "A pipeline would wait for itself" },
    Code { code: "RUN_DELETED", kind: Conflict, meaning: "The run is marked as deleted and takes no change until it is restored" },
    Code { code: "RUN_NOT_FOUND", kind: NotFound, meaning: "The flow has no such run" },
    Code { code: "RUN_STRATEGY", kind: Conflict, meaning: "The workflow's run strategy rejects the start" },
    Code { code: "STALE", kind: Conflict, meaning: "The revision that the caller read is not the newest" },
    Code { code: "STARTED", kind: Conflict, meaning: "The canary was started with another request" },
    Code { code: "STEP_NOT_FOUND", kind: NotFound, meaning: "The run has no such step" },
    Code { code: "TAG_NOT_FOUND", kind: NotFound, meaning: "The run has no such tag" },
    Code { code: "TASK_NOT_FOUND", kind: NotFound, meaning: "The step has no such task" },
    Code { code: "TIMERS_FULL", kind: LimitReached, meaning: "The entity or its shard holds its most timers" },
    Code { code: "TIMER_EVERY", kind: Invalid, meaning: "A timer's period is too short" },
    Code { code: "TIMER_NAME", kind: Invalid, meaning: "A timer's name is empty or too long" },
    Code { code: "TOO_DEEP", kind: Invalid, meaning: "Pipelines start each other too deeply" },
    Code { code: "TOO_LARGE", kind: Invalid, meaning: "A value or a batch has too many bytes" },
    Code { code: "TOO_LONG", kind: Invalid, meaning: "A text has too many bytes" },
    Code { code: "TOO_MANY", kind: Invalid, meaning: "A list has too many entries" },
    Code { code: "TOO_MANY_GROUPS", kind: LimitReached, meaning: "The catalogue holds its most groups" },
    Code { code: "TOO_MANY_METRICS", kind: LimitReached, meaning: "The run holds its most metrics" },
    Code { code: "TOO_MANY_RUNS", kind: LimitReached, meaning: "The flow holds its most runs, and none is over" },
    Code { code: "TOO_MANY_STEPS", kind: LimitReached, meaning: "The run holds its most steps" },
    Code { code: "TOO_MANY_TAGS", kind: LimitReached, meaning: "The thing holds its most tags" },
    Code { code: "TOO_MANY_TASKS", kind: LimitReached, meaning: "The run holds its most tasks" },
    Code { code: "TOO_MANY_VERSIONS", kind: LimitReached, meaning: "The model or workflow holds its most versions" },
    Code { code: "TOO_OLD", kind: Invalid, meaning: "The event is older than the history that tells repeats apart" },
    Code { code: "TRIAL_RUN_FAILED", kind: Invalid, meaning: "The model loads but does not score" },
    Code { code: "UNDEFINED", kind: NotFound, meaning: "The experiment, flag, monitor or canary was never defined" },
    Code { code: "UNKNOWN_DEPLOYMENT", kind: NotFound, meaning: "No execution of this id" },
    Code { code: "UNKNOWN_EXPERIMENT", kind: NotFound, meaning: "No experiment of this name" },
    Code { code: "UNKNOWN_FEATURE", kind: NotFound, meaning: "The monitor has no such feature" },
    Code { code: "UNKNOWN_FLAG", kind: NotFound, meaning: "No flag of this name" },
    Code { code: "UNKNOWN_GROUP", kind: NotFound, meaning: "No feature group of this name" },
    Code { code: "UNKNOWN_METRIC", kind: NotFound, meaning: "The canary has no such metric" },
    Code { code: "UNKNOWN_PIPELINE", kind: NotFound, meaning: "No pipeline of this name" },
    Code { code: "UNKNOWN_STAGE", kind: NotFound, meaning: "The execution has no such stage" },
    Code { code: "UNKNOWN_VARIATION", kind: NotFound, meaning: "The experiment has no such variation" },
    Code { code: "VERSION_NOT_FOUND", kind: NotFound, meaning: "No version of this number" },
    Code { code: "WRONG_ID", kind: Invalid, meaning: "The definition's id is not the workflow's key" },
    Code { code: "WRONG_LOOK", kind: Conflict, meaning: "The canary waits for another look" },
    Code { code: "WRONG_NAME", kind: Invalid, meaning: "The definition's name is not the pipeline's key" },
    Code { code: "WRONG_STATE", kind: Conflict, meaning: "The step's state does not allow the action" },
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
        for Code { code, .. } in CODES {
            let quoted = format!("\"{code}\"");
            assert!(sources.iter().any(|(_, text)| text.contains(&quoted)), "{code} is not used");
        }
    }

    #[test]
    fn the_table_is_sorted_and_has_each_code_once() {
        assert!(CODES.windows(2).all(|pair| pair[0].code < pair[1].code), "sort CODES");
        assert_eq!(kind_of("STALE"), Some(Conflict));
        assert_eq!(kind_of("SAID_BEFORE"), None);
    }
}
