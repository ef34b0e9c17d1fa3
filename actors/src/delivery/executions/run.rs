//! One execution of a pipeline, as the fold of what happened to it.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use troupe_runtime::{Address, Timestamp};

use super::definition::{Definition, Stage, Unwanted};
use crate::delivery::pipelines::Above;

/// Notes of the audit trail; the oldest go first.
const NOTES_MAX: usize = 400;
/// Changes of weight that are drawn.
const WEIGHTS_MAX: usize = 256;
/// Bytes of what one stage puts into the context.
pub(super) const OUTPUTS_BYTES_MAX: usize = 16 << 10;

/// Spinnaker's words for how an execution or a stage is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// It has not begun.
    #[default]
    NotStarted,
    /// It is at work, or waits for something.
    Running,
    /// It begins nothing new until it is resumed.
    Paused,
    /// It did what it should.
    Succeeded,
    /// It failed, and what follows goes on.
    FailedContinue,
    /// It failed.
    Terminal,
    /// Somebody ended it.
    Canceled,
    /// It failed, and its branch ends here.
    Stopped,
    /// Its condition did not hold.
    Skipped,
}

impl Status {
    /// Whether nothing more happens to it.
    #[must_use]
    pub const fn is_over(self) -> bool {
        !matches!(self, Self::NotStarted | Self::Running | Self::Paused)
    }

    /// Whether what comes after a stage of this status may begin.
    #[must_use]
    pub const fn lets_on(self) -> bool {
        matches!(self, Self::Succeeded | Self::FailedContinue | Self::Skipped)
    }

    /// As it is written.
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

/// With what an execution begins.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Begun {
    /// The pipeline's name.
    pub pipeline: String,
    /// Numbers its executions from 1.
    pub number: u64,
    /// The pipeline as it was when this was started, whole: what becomes of it later does not matter.
    pub definition: Definition,
    /// What it was started with.
    pub parameters: serde_json::Map<String, Value>,
    /// What started it: its `type` is `manual`, `signal` or `pipeline`.
    pub trigger: Value,
    /// Who or what started it, for people.
    pub by: String,
    /// The request that it was started by.
    pub request: String,
    /// The execution that waits for its end, and by which id.
    pub parent: Option<(Address, String)>,
    /// The executions by which it was started.
    #[serde(skip_serializing_if = "is_first")]
    pub above: Above,
}

fn is_first(above: &Above) -> bool {
    *above == Above::default()
}

/// What a stage waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Wait {
    /// The traffic's answer.
    Traffic,
    /// The model's answer.
    Model,
    /// A canary's verdict.
    Canary(String),
    /// Time.
    Time,
    /// Somebody's judgment.
    Judgment,
    /// A call that a worker makes; whether it is one that looks how far a webhook is.
    Call {
        /// The task's id.
        task: String,
        /// Counts looks.
        looks: u32,
    },
    /// The time of the next look at a webhook.
    Look {
        /// Counts looks.
        looks: u32,
    },
    /// Another pipeline's execution.
    Child,
    /// To be tried again: what it needs may only not have got here yet.
    Again,
    /// Its turn at the model's traffic, which somebody else holds.
    Turn,
}

/// How a stage is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StageRun {
    /// Spinnaker's word for it.
    pub status: Status,
    /// Counts tries, from 1 with the first.
    pub attempt: u32,
    /// When it began.
    pub began: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Why it is as it is, if there is more to say.
    pub why: String,
    /// What it waits for.
    pub wait: Option<Wait>,
    /// When what it waits for is looked at.
    pub due: Option<Timestamp>,
    /// When it fails, whatever it waits for.
    pub until: Option<Timestamp>,
    /// What it puts into the context.
    pub outputs: serde_json::Map<String, Value>,
}

/// What is delivered.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Target {
    /// The model's name.
    pub model: String,
    /// The version that was the champion.
    pub production: u32,
    /// The version that is delivered.
    pub canary: u32,
    /// Whether members are taken out of running experiments.
    pub over_experiments: bool,
    /// What becomes of the version if the execution fails.
    pub on_failure: Unwanted,
}

/// Whose the model's traffic is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hold {
    /// It was never asked for.
    #[default]
    None,
    /// It was asked for: to be given back, whatever happens.
    Held,
    /// It was given back.
    Returned,
}

/// One line of the audit trail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// When.
    pub at: Timestamp,
    /// Who: a person as they called themselves, or the pipeline itself.
    pub who: String,
    /// What was done.
    pub what: String,
    /// Why.
    #[serde(default)]
    pub why: String,
}

/// What happened, in the order in which it did. Stored by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Change {
    /// It was made, and waits for its turn.
    Made(Box<Begun>),
    /// Its turn came.
    Started,
    /// A stage began; its attempt, and when it fails.
    StageBegan(String, u32, Timestamp),
    /// A stage waits, and until when.
    StageWaits(String, Wait, Option<Timestamp>),
    /// A stage has something to say, and something for the context.
    StageTold(String, String, serde_json::Map<String, Value>),
    /// A stage ended, and why.
    StageEnded(String, Status, String),
    /// A stage is to be tried again.
    StageReset(String),
    /// It is known what is delivered.
    Targeted(Target),
    /// Traffic was asked for.
    Asked,
    /// The canary's share, in hundredths of a percent, and whether a baseline stands beside it.
    Weighed(u32, bool),
    /// Traffic was given back: who answers from now on, and why.
    GaveBack(String, String),
    /// Somebody paused it.
    Paused(String),
    /// Somebody resumed it.
    Resumed(String),
    /// Somebody ended it: who, and why.
    Cancelled(String, String),
    /// Somebody answered a stage: which, who, the judgment, and the option.
    Judged(String, String, String, String),
    /// Somebody had a stage tried again.
    Restarted(String, String),
    /// It ended, and why.
    Ended(Status, String),
}

/// One execution.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Run {
    /// With what it began; none of one that was never made.
    pub begun: Option<Box<Begun>>,
    /// Spinnaker's word for it.
    pub status: Status,
    /// Why it ended as it did.
    pub why: String,
    /// When it was made.
    pub made: Timestamp,
    /// When its turn came.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Its stages by ref id.
    pub stages: BTreeMap<String, StageRun>,
    /// What is delivered.
    pub target: Option<Target>,
    /// Whose the model's traffic is.
    pub hold: Hold,
    /// When the canary's share became what.
    pub weights: VecDeque<(Timestamp, u32, bool)>,
    /// The audit trail.
    pub notes: VecDeque<Note>,
}

impl Run {
    /// What it does, once it was made.
    #[must_use]
    pub fn definition(&self) -> Option<&Definition> {
        self.begun.as_ref().map(|begun| &begun.definition)
    }

    /// A stage's definition.
    #[must_use]
    pub fn stage(&self, ref_id: &str) -> Option<&Stage> {
        self.definition()?.stages.iter().find(|stage| stage.ref_id == ref_id)
    }

    /// What conditions and `${...}` are about.
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
            Change::Asked => self.hold = Hold::Held,
            Change::Weighed(weight, baseline) => self.weigh(at, *weight, *baseline),
            Change::GaveBack(..) => {
                self.hold = Hold::Returned;
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
            | Change::StageTold(..)
            | Change::StageEnded(..)
            | Change::StageReset(..) => self.apply_to_stage(change, at),
        }
    }

    fn apply_to_stage(&mut self, change: &Change, at: Timestamp) {
        let (Change::StageBegan(ref_id, ..)
        | Change::StageWaits(ref_id, ..)
        | Change::StageTold(ref_id, ..)
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
            Change::StageTold(_, words, outputs) => {
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
        let Some((who, what, why)) = said(change) else { return };
        let note = Note { at, who: who.unwrap_or_else(own), what, why };
        self.notes.push_back(note);
        while self.notes.len() > NOTES_MAX {
            self.notes.pop_front();
        }
    }
}

/// A change as the audit trail tells it: who (none for the pipeline itself), what, why.
fn said(change: &Change) -> Option<(Option<String>, String, String)> {
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
        Change::GaveBack(who, why) => own(format!("{who} answers everybody"), why),
        Change::Paused(who) => by(who, "paused it".into(), ""),
        Change::Resumed(who) => by(who, "resumed it".into(), ""),
        Change::Cancelled(who, why) => by(who, "cancelled it".into(), why),
        Change::Judged(ref_id, who, judgment, option) => {
            by(who, format!("judged stage {ref_id}: {judgment}"), option)
        }
        Change::Restarted(ref_id, who) => by(who, format!("had stage {ref_id} tried again"), ""),
        Change::Ended(status, why) => own(format!("the execution is {}", status.label()), why),
        Change::Asked | Change::StageWaits(..) | Change::StageTold(..) | Change::StageReset(_) => None,
    }
}
