//! What a pipeline is made of, once its JSON has been read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A pipeline.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Definition {
    /// Whose it is.
    pub application: String,
    /// Its name.
    pub name: String,
    /// In the order in which they were written.
    pub stages: Vec<Stage>,
    /// What starts it besides people.
    pub triggers: Vec<Trigger>,
    /// What it is started with.
    pub parameters: Vec<Parameter>,
    /// Whether one execution runs at a time.
    pub limit_concurrent: bool,
    /// Whether those that wait all run in the end, and not the newest alone.
    pub keep_waiting: bool,
    /// Milliseconds after which an execution fails, whatever it waits for.
    pub timeout_ms: u64,
}

/// A signal that starts it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Trigger {
    /// The signal's name.
    pub signal: String,
    /// A condition on `trigger`; a raise for which it does not hold starts nothing.
    pub when: Option<String>,
}

/// One parameter.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Whether there is no start without it.
    pub required: bool,
    /// What it is where it is not given.
    pub default: Option<Value>,
}

/// What follows a stage's failure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnFailure {
    /// The execution fails at once.
    #[default]
    Fail,
    /// What comes after it begins all the same.
    Continue,
    /// What comes after it never begins; other branches go on, and the execution does not fail by it.
    Stop,
    /// Other branches go on, and then the execution fails.
    FailLater,
}

/// One stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Names it within the pipeline.
    pub ref_id: String,
    /// For people.
    pub name: String,
    /// The stages that must be complete before it begins.
    pub after: Vec<String>,
    /// What it does.
    pub does: Does,
    /// What follows its failure.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// A condition without which it is skipped.
    #[serde(default)]
    pub enabled: Option<String>,
    /// Milliseconds after which it fails.
    pub timeout_ms: u64,
}

/// The stage to which a version goes that is not wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unwanted {
    /// It serves no more.
    #[default]
    Archived,
    /// Somebody may try again.
    Staging,
}

/// What a stage does. Texts may hold `${path}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Does {
    /// Puts a canary, and a baseline of its size, onto a model's traffic.
    Deploy(Deploy),
    /// Has a canary judged, and waits for the verdict.
    Canary(Box<Analysis>),
    /// Changes the canary's share.
    Weigh {
        /// In hundredths of a percent.
        weight: u32,
        /// Whether a baseline of the same size stands beside it.
        baseline: bool,
    },
    /// Makes the canary's version the champion.
    Promote(Whose),
    /// Gives the traffic back to production.
    Rollback(Whose, Unwanted),
    /// Lets time pass.
    Wait {
        /// Seconds, or a text that becomes them.
        seconds: Value,
    },
    /// Asks somebody.
    Judgment {
        /// For whoever is asked.
        instructions: String,
        /// What can be answered besides.
        options: Vec<String>,
    },
    /// Looks whether conditions hold.
    Check {
        /// All of them must.
        conditions: Vec<String>,
    },
    /// Calls somebody over HTTP.
    Webhook(Box<Webhook>),
    /// Runs another pipeline.
    Pipeline {
        /// Its name.
        name: String,
        /// What it is started with.
        parameters: BTreeMap<String, Value>,
        /// Whether its end is waited for.
        wait: bool,
    },
    /// Is written down: there is nothing to build where a version is an artifact already.
    Bake,
}

impl Does {
    /// The stage's type, as Spinnaker calls it.
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

/// A version of a model, where it is not the one that was deployed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Whose {
    /// The model's name.
    pub model: Option<String>,
    /// The version, or a text that becomes it.
    pub version: Option<Value>,
}

/// What is put onto traffic.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Deploy {
    /// The model's name.
    pub model: String,
    /// The version, or a text that becomes it.
    pub version: Value,
    /// In hundredths of a percent.
    pub weight: u32,
    /// Whether a baseline of the same size stands beside it.
    pub baseline: bool,
    /// Whether it takes members out of running experiments.
    pub over_experiments: bool,
    /// What becomes of the version if the execution fails.
    pub on_failure: Unwanted,
}

/// How a canary is judged.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Analysis {
    /// The id of a stored config, or a text that becomes it.
    pub config_id: Option<String>,
    /// The config itself.
    pub config: Option<Value>,
    /// Kayenta's scopes; the roles of the model that was deployed where there are none.
    pub scopes: Vec<Value>,
    /// How long points count.
    pub lifetime_ms: u64,
    /// Between looks.
    pub interval_ms: u64,
    /// Before points begin to count.
    pub begin_after_ms: u64,
    /// How far back a look goes; 0 for a window that grows.
    pub lookback_ms: u64,
    /// The score that passes.
    pub pass: f64,
    /// The score that every look but the last must have.
    pub marginal: f64,
}

/// A call over HTTP.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Webhook {
    /// Where.
    pub url: String,
    /// How.
    pub method: String,
    /// What is sent.
    pub payload: Value,
    /// With which headers.
    pub headers: BTreeMap<String, Value>,
    /// What is waited for after the call.
    pub poll: Option<Poll>,
}

/// How the end of what a webhook began is looked for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Poll {
    /// Where the status is; the webhook's own address with GET where it is empty.
    pub url: String,
    /// The path of the status in the answer; the answer of the webhook is `webhook`.
    pub status: String,
    /// The statuses of success.
    pub success: Vec<String>,
    /// Those of failure.
    pub failure: Vec<String>,
    /// Milliseconds between looks.
    pub every_ms: u64,
}
