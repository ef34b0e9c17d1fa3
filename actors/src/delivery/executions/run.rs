//! The state of one execution, as the fold of its changes.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use troupe_runtime::{Address, Timestamp};

use super::definition::{Definition, RollbackTo, Stage};
use crate::delivery::pipelines::Ancestry;

/// Notes kept in the audit trail; the oldest are dropped first.
const NOTES_MAX: usize = 400;
/// Changes of weight kept for the chart.
const WEIGHTS_MAX: usize = 256;
/// Largest output of one stage, in bytes of JSON.
pub(super) const OUTPUTS_BYTES_MAX: usize = 16 << 10;

/// Spinnaker's status of an execution or a stage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Not begun.
    #[default]
    NotStarted,
    /// Running, or waiting for an answer.
    Running,
    /// Paused: no stage begins.
    Paused,
    /// Succeeded.
    Succeeded,
    /// Failed, and the stages after it go on.
    FailedContinue,
    /// Failed.
    Terminal,
    /// Canceled.
    Canceled,
    /// Failed, and its branch ends here.
    Stopped,
    /// Skipped, because its condition did not hold.
    Skipped,
}

impl Status {
    /// Whether this status is final.
    #[must_use]
    pub const fn is_over(self) -> bool {
        !matches!(self, Self::NotStarted | Self::Running | Self::Paused)
    }

    /// Whether the stages after a stage of this status may begin.
    #[must_use]
    pub const fn lets_on(self) -> bool {
        matches!(self, Self::Succeeded | Self::FailedContinue | Self::Skipped)
    }

    /// Spinnaker's spelling.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::NotStarted => "NOT_STARTED",
            Self::Running => "RUNNING",
            Self::Paused => "PAUSED",
            Self::Succeeded => "SUCCEEDED",
            Self::FailedContinue => "FAILED_CONTINUE",
            Self::Terminal => "TERMINAL",
            Self::Canceled => "CANCELED",
            Self::Stopped => "STOPPED",
            Self::Skipped => "SKIPPED",
        }
    }
}

/// The inputs of an execution.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Begun {
    /// The pipeline's name.
    pub pipeline: String,
    /// The number among the pipeline's executions, from 1.
    pub number: u64,
    /// A copy of the definition at the start; later changes of the pipeline have no effect on it.
    pub definition: Definition,
    /// The values of its parameters.
    pub parameters: serde_json::Map<String, Value>,
    /// The trigger; its `type` is `manual`, `signal`, `pipeline` or `workflow`.
    pub trigger: Value,
    /// The person or signal that started it, for display.
    pub by: String,
    /// The id of the request that started it.
    pub request: String,
    /// The entity to report the end to, and the id of its request.
    pub parent: Option<(Address, String)>,
    /// The chain of executions that started it.
    #[serde(rename = "above", skip_serializing_if = "is_first")]
    pub ancestry: Ancestry,
}

fn is_first(ancestry: &Ancestry) -> bool {
    *ancestry == Ancestry::default()
}

/// The event that a stage waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Wait {
    /// The traffic's answer.
    Traffic,
    /// The model's answer.
    Model,
    /// A canary's verdict.
    Canary(String),
    /// A time.
    Time,
    /// A person's judgment.
    Judgment,
    /// An HTTP call of a worker: the webhook itself, or a poll of its status.
    Call {
        /// The task's id.
        task: String,
        /// Number of polls so far; 0 for the webhook itself.
        looks: u32,
    },
    /// The time of the next poll of a webhook.
    Look {
        /// Number of polls so far; 0 for the webhook itself.
        looks: u32,
    },
    /// Another pipeline's execution.
    Child,
    /// The next attempt, because required data may not have arrived yet.
    Again,
    /// Its turn at the model's traffic, which another execution or person holds.
    Turn,
}

/// The state of a stage.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StageRun {
    /// Spinnaker's status.
    pub status: Status,
    /// Number of attempts; 1 for the first.
    pub attempt: u32,
    /// Time of its begin.
    pub began: Option<Timestamp>,
    /// Time of its end.
    pub ended: Option<Timestamp>,
    /// Reason of the status; may be empty.
    pub why: String,
    /// The event that it waits for.
    pub wait: Option<Wait>,
    /// Time of the next check of that event.
    pub due: Option<Timestamp>,
    /// Time at which it fails by timeout.
    pub until: Option<Timestamp>,
    /// Its values in the context.
    pub outputs: serde_json::Map<String, Value>,
}

/// The delivered version.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Target {
    /// The model's name.
    pub model: String,
    /// The champion at the start.
    pub production: u32,
    /// The version under delivery.
    pub canary: u32,
    /// Whether the canary takes members out of running experiments.
    pub over_experiments: bool,
    /// The stage of the version after a failure of the execution.
    pub on_failure: RollbackTo,
}

/// Whether this execution holds the model's traffic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TrafficHold {
    /// Never requested.
    #[default]
    None,
    /// Requested; it must be given back at the end.
    Held,
    /// Given back.
    Returned,
}

/// One line of the audit trail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// The time.
    pub at: Timestamp,
    /// The author: the name that a person gave, or the pipeline.
    pub who: String,
    /// The action.
    pub what: String,
    /// The reason.
    #[serde(default)]
    pub why: String,
}

/// A change of the run. Stored by the names of variants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Change {
    /// Created; waits for its turn.
    Made(Box<Begun>),
    /// Started.
    Started,
    /// A stage began: its attempt, and its timeout.
    StageBegan(String, u32, Timestamp),
    /// A stage waits, and the time of the next check.
    StageWaits(String, Wait, Option<Timestamp>),
    /// A stage reported words, and values for the context.
    #[serde(rename = "StageTold")]
    StageOutput(String, String, serde_json::Map<String, Value>),
    /// A stage ended: its status and the reason.
    StageEnded(String, Status, String),
    /// A stage was reset for another attempt.
    StageReset(String),
    /// The delivered version is known.
    Targeted(Target),
    /// Traffic was requested.
    #[serde(rename = "Asked")]
    TrafficRequested,
    /// The canary's share, in hundredths of a percent, and whether it has a baseline.
    Weighed(u32, bool),
    /// Traffic was given back: what serves from now on, and the reason.
    GaveBack(String, String),
    /// Paused, by this person.
    Paused(String),
    /// Resumed, by this person.
    Resumed(String),
    /// Canceled: by this person, with this reason.
    Cancelled(String, String),
    /// Judged: the stage, the person, the judgment and the option.
    Judged(String, String, String, String),
    /// A stage was restarted, by this person.
    Restarted(String, String),
    /// Ended: the status and the reason.
    Ended(Status, String),
}

/// One execution.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Run {
    /// The inputs; `None` before [`Change::Made`].
    pub begun: Option<Box<Begun>>,
    /// Spinnaker's status.
    pub status: Status,
    /// Reason of the final status.
    pub why: String,
    /// Time of its creation.
    pub made: Timestamp,
    /// Time of its start.
    pub started: Option<Timestamp>,
    /// Time of its end.
    pub ended: Option<Timestamp>,
    /// Its stages by ref id.
    pub stages: BTreeMap<String, StageRun>,
    /// The delivered version.
    pub target: Option<Target>,
    /// Whether this execution holds the model's traffic.
    pub hold: TrafficHold,
    /// Changes of the canary's share: time, hundredths of a percent, baseline.
    pub weights: VecDeque<(Timestamp, u32, bool)>,
    /// The audit trail.
    pub notes: VecDeque<Note>,
}

impl Run {
    /// The definition; `None` before [`Change::Made`].
    #[must_use]
    pub fn definition(&self) -> Option<&Definition> {
        self.begun.as_ref().map(|begun| &begun.definition)
    }

    /// A stage's definition.
    #[must_use]
    pub fn stage(&self, ref_id: &str) -> Option<&Stage> {
        self.definition()?.stages.iter().find(|stage| stage.ref_id == ref_id)
    }

    /// Attempts of a stage, the current one included; 0 before the first.
    pub(super) fn attempt(&self, ref_id: &str) -> u32 {
        self.stages.get(ref_id).map_or(0, |stage| stage.attempt)
    }

    /// The id of an effect of the current attempt of a stage. It tells an answer to an earlier attempt apart.
    pub(super) fn question(&self, ref_id: &str, what: &str) -> String {
        format!("{ref_id}/{}/{what}", self.attempt(ref_id))
    }

    /// When the execution fails with its time limit; waiting for its turn counts as well.
    pub(super) fn until(&self) -> Option<Timestamp> {
        let from = self.started.unwrap_or(self.made);
        Some(Timestamp(from.0.saturating_add(self.definition()?.timeout_ms)))
    }

    /// The values that conditions and `${...}` can name.
    #[must_use]
    pub fn context(&self) -> Value {
        let Some(begun) = &self.begun else { return Value::Null };
        let stage = |(ref_id, stage): (&String, &StageRun)| {
            let mut known = Value::Object(stage.outputs.clone());
            known["status"] = json!(stage.status.label());
            (ref_id.clone(), known)
        };
        json!({
            "parameters": begun.parameters,
            "trigger": begun.trigger,
            "execution": { "pipeline": begun.pipeline, "number": begun.number, "application": begun.definition.application },
            "stages": self.stages.iter().map(stage).collect::<serde_json::Map<_, _>>(),
        })
    }

    pub(super) fn apply(&mut self, change: &Change, at: Timestamp) {
        self.note(change, at);
        match change {
            Change::Made(begun) => {
                self.made = at;
                let stages = begun.definition.stages.iter();
                self.stages = stages.map(|stage| (stage.ref_id.clone(), StageRun::default())).collect();
                self.begun = Some(begun.clone());
            }
            Change::Started => (self.status, self.started) = (Status::Running, Some(at)),
            Change::Targeted(target) => self.target = Some(target.clone()),
            Change::TrafficRequested => self.hold = TrafficHold::Held,
            Change::Weighed(weight, baseline) => self.weigh(at, *weight, *baseline),
            Change::GaveBack(..) => {
                self.hold = TrafficHold::Returned;
                self.weigh(at, 0, false);
            }
            Change::Paused(_) => self.status = Status::Paused,
            Change::Resumed(_) => self.status = Status::Running,
            Change::Restarted(..) => {
                (self.status, self.started, self.ended) = (Status::Running, Some(at), None);
                self.why.clear();
            }
            Change::Ended(status, why) => {
                (self.status, self.why, self.ended) = (*status, why.clone(), Some(at));
            }
            Change::Cancelled(..) | Change::Judged(..) => {}
            Change::StageBegan(..)
            | Change::StageWaits(..)
            | Change::StageOutput(..)
            | Change::StageEnded(..)
            | Change::StageReset(..) => self.apply_to_stage(change, at),
        }
    }

    fn apply_to_stage(&mut self, change: &Change, at: Timestamp) {
        let (Change::StageBegan(ref_id, ..)
        | Change::StageWaits(ref_id, ..)
        | Change::StageOutput(ref_id, ..)
        | Change::StageEnded(ref_id, ..)
        | Change::StageReset(ref_id)) = change
        else {
            return;
        };
        let Some(stage) = self.stages.get_mut(ref_id) else { return };
        match change {
            Change::StageBegan(_, attempt, until) => {
                (stage.status, stage.attempt) = (Status::Running, *attempt);
                (stage.began, stage.ended, stage.until) = (Some(at), None, Some(*until));
                stage.why.clear();
            }
            Change::StageWaits(_, wait, due) => (stage.wait, stage.due) = (Some(wait.clone()), *due),
            Change::StageOutput(_, words, outputs) => {
                stage.why.clone_from(words);
                stage.outputs.extend(outputs.clone());
            }
            Change::StageEnded(_, status, why) => {
                (stage.status, stage.ended) = (*status, Some(at));
                if !why.is_empty() {
                    stage.why.clone_from(why);
                }
                (stage.wait, stage.due, stage.until) = (None, None, None);
            }
            _ => *stage = StageRun { attempt: stage.attempt, ..StageRun::default() },
        }
    }

    fn weigh(&mut self, at: Timestamp, weight: u32, baseline: bool) {
        if self.weights.back().is_some_and(|(_, held, beside)| (*held, *beside) == (weight, baseline)) {
            return;
        }
        self.weights.push_back((at, weight, baseline));
        while self.weights.len() > WEIGHTS_MAX {
            self.weights.pop_front();
        }
    }

    fn note(&mut self, change: &Change, at: Timestamp) {
        let own = || self.begun.as_ref().map_or_else(String::new, |begun| begun.pipeline.clone());
        let Some((who, what, why)) = described(change) else { return };
        let note = Note { at, who: who.unwrap_or_else(own), what, why };
        self.notes.push_back(note);
        while self.notes.len() > NOTES_MAX {
            self.notes.pop_front();
        }
    }
}

/// A change as a note: the author (`None` for the pipeline), the action and the reason.
fn described(change: &Change) -> Option<(Option<String>, String, String)> {
    let own = |what: String, why: &str| Some((None, what, why.to_owned()));
    let by = |who: &String, what: String, why: &str| Some((Some(who.clone()), what, why.to_owned()));
    let percent = |weight: u32| f64::from(weight) / 100.0;
    match change {
        Change::Made(begun) => {
            let cause = begun.trigger.get("type").and_then(Value::as_str).unwrap_or("manual");
            by(&begun.by, format!("asked for execution {}", begun.number), cause)
        }
        Change::Started => own("the execution began".into(), ""),
        Change::StageBegan(ref_id, attempt, _) if *attempt > 1 => {
            own(format!("stage {ref_id} began, try {attempt}"), "")
        }
        Change::StageBegan(ref_id, ..) => own(format!("stage {ref_id} began"), ""),
        Change::StageEnded(ref_id, status, why) => own(format!("stage {ref_id} is {}", status.label()), why),
        Change::Targeted(target) => {
            let versions = format!("{}@{} beside {}", target.model, target.canary, target.production);
            own(format!("delivers {versions}"), "")
        }
        Change::Weighed(weight, baseline) => {
            let beside = if *baseline { ", and a baseline as many" } else { "" };
            own(format!("the canary answers {} % of members{beside}", percent(*weight)), "")
        }
        Change::GaveBack(version, why) => own(format!("{version} serves all members"), why),
        Change::Paused(who) => by(who, "paused it".into(), ""),
        Change::Resumed(who) => by(who, "resumed it".into(), ""),
        Change::Cancelled(who, why) => by(who, "cancelled it".into(), why),
        Change::Judged(ref_id, who, judgment, option) => {
            by(who, format!("judged stage {ref_id}: {judgment}"), option)
        }
        Change::Restarted(ref_id, who) => by(who, format!("had stage {ref_id} tried again"), ""),
        Change::Ended(status, why) => own(format!("the execution is {}", status.label()), why),
        Change::TrafficRequested
        | Change::StageWaits(..)
        | Change::StageOutput(..)
        | Change::StageReset(_) => None,
    }
}
