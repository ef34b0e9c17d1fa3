//! The parts of a pipeline, parsed from its JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A pipeline.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Definition {
    /// The application that owns it.
    pub application: String,
    /// Its name.
    pub name: String,
    /// The stages, in the order of the JSON.
    pub stages: Vec<Stage>,
    /// The signals that start it.
    pub triggers: Vec<Trigger>,
    /// The values that a start gives.
    pub parameters: Vec<Parameter>,
    /// Whether one execution runs at a time.
    pub limit_concurrent: bool,
    /// Whether every waiting execution runs in the end; if false, only the newest one does.
    pub keep_waiting: bool,
    /// Time limit of an execution, in milliseconds.
    pub timeout_ms: u64,
}

/// A signal that starts it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Trigger {
    /// The signal's name.
    pub signal: String,
    /// A condition on `trigger`; the raise starts an execution only if it holds.
    pub when: Option<String>,
}

/// One parameter.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Whether a start without it is refused.
    pub required: bool,
    /// The value if the start gives none.
    pub default: Option<Value>,
}

/// The policy after a stage's failure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnFailure {
    /// The execution fails at once.
    #[default]
    Fail,
    /// The stages after it begin.
    Continue,
    /// The stages after it never begin. Other branches go on, and the execution can still succeed.
    Stop,
    /// Other branches go on, and then the execution fails.
    FailLater,
}

/// One stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Its id within the pipeline.
    pub ref_id: String,
    /// The display name.
    pub name: String,
    /// The stages that must complete before it begins.
    pub after: Vec<String>,
    /// Its type and settings.
    #[serde(rename = "does")]
    pub kind: StageKind,
    /// The policy after its failure.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// A condition; the stage is skipped if it does not hold.
    #[serde(default)]
    pub enabled: Option<String>,
    /// Time limit of the stage, in milliseconds.
    pub timeout_ms: u64,
}

/// The stage of an unwanted version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RollbackTo {
    /// The version serves no longer.
    #[default]
    Archived,
    /// The version can be delivered again.
    Staging,
}

/// The type of a stage, with its settings. Texts may hold `${path}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum StageKind {
    /// Puts a canary, and a baseline of its size, onto a model's traffic.
    Deploy(Deploy),
    /// Starts a canary analysis and waits for the verdict.
    Canary(Box<Analysis>),
    /// Changes the canary's share.
    Weigh {
        /// The canary's share, in hundredths of a percent.
        weight: u32,
        /// Whether a baseline of the same size stands beside it.
        baseline: bool,
    },
    /// Makes the canary's version the champion.
    Promote(VersionRef),
    /// Gives the traffic back to production.
    Rollback(VersionRef, RollbackTo),
    /// Waits for a time.
    Wait {
        /// Seconds, or a text with `${path}`.
        seconds: Value,
    },
    /// Waits for the judgment of a person.
    Judgment {
        /// The instructions for that person.
        instructions: String,
        /// The options to choose from; empty for none.
        options: Vec<String>,
    },
    /// Checks conditions.
    Check {
        /// The conditions, which must all hold.
        conditions: Vec<String>,
    },
    /// Makes an HTTP call.
    Webhook(Box<Webhook>),
    /// Runs another pipeline.
    Pipeline {
        /// Its name.
        name: String,
        /// The values that a start gives.
        parameters: BTreeMap<String, Value>,
        /// Whether the stage waits for its end.
        wait: bool,
    },
    /// Succeeds at once: a version is an artifact already, so there is nothing to build.
    Bake,
}

impl StageKind {
    /// Spinnaker's name of the type.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Deploy(_) => "deploy",
            Self::Canary(_) => "kayentaCanary",
            Self::Weigh { .. } => "setWeight",
            Self::Promote(_) => "promote",
            Self::Rollback(..) => "rollback",
            Self::Wait { .. } => "wait",
            Self::Judgment { .. } => "manualJudgment",
            Self::Check { .. } => "checkPreconditions",
            Self::Webhook(_) => "webhook",
            Self::Pipeline { .. } => "pipeline",
            Self::Bake => "bake",
        }
    }
}

/// A reference to a version; without model and version, the deployed one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct VersionRef {
    /// The model's name.
    pub model: Option<String>,
    /// The version, or a text with `${path}`.
    pub version: Option<Value>,
}

/// The settings of a canary on a model's traffic.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Deploy {
    /// The model's name.
    pub model: String,
    /// The version, or a text with `${path}`.
    pub version: Value,
    /// The canary's share, in hundredths of a percent.
    pub weight: u32,
    /// Whether a baseline of the same size stands beside it.
    pub baseline: bool,
    /// Whether the canary takes members out of running experiments.
    pub over_experiments: bool,
    /// The stage of the version after a failure of the execution.
    pub on_failure: RollbackTo,
}

/// The settings of a canary analysis.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Analysis {
    /// The id of a stored config, or a text with `${path}`.
    pub config_id: Option<String>,
    /// The config itself.
    pub config: Option<Value>,
    /// Kayenta's scopes; if empty, the roles of the deployed model.
    pub scopes: Vec<Value>,
    /// The lifetime of the analysis, in milliseconds.
    pub lifetime_ms: u64,
    /// Interval between looks, in milliseconds.
    pub interval_ms: u64,
    /// Delay before the first point counts, in milliseconds.
    pub begin_after_ms: u64,
    /// Length of the window of a look, in milliseconds; 0 for a growing window.
    pub lookback_ms: u64,
    /// The least score to pass.
    pub pass: f64,
    /// The least score of every look before the last.
    pub marginal: f64,
}

/// A call over HTTP.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Webhook {
    /// The address.
    pub url: String,
    /// The HTTP method.
    pub method: String,
    /// The body.
    pub payload: Value,
    /// The headers.
    pub headers: BTreeMap<String, Value>,
    /// How the stage polls for the end of the work; `None` to not wait.
    pub poll: Option<Poll>,
}

/// How a stage polls the work that a webhook started.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Poll {
    /// The address of the status; if empty, the webhook's own address with GET.
    pub url: String,
    /// The path of the status in the answer. The context names the webhook's own answer `webhook`.
    pub status: String,
    /// The statuses that mean success.
    pub success: Vec<String>,
    /// The statuses that mean failure.
    pub failure: Vec<String>,
    /// Interval between polls, in milliseconds.
    pub every_ms: u64,
}
