//! State of a run.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::entity::Timer;
use troupe_runtime::{Address, Command, Context, Decision, Entity, Refused, Timestamp};

use super::logged::{Point, Value};
use super::messages::{Begin, NO_BEATS, Silent, StepView};
use super::standing::{Standing, Status, moment};
use crate::metadata::flows::{Flow, RunSummary, UpdateRun};
use crate::stored::NamedFields;

/// Upper bound on the steps of a run.
pub const STEPS_MAX: usize = 512;
/// Upper bound on the tasks of a run.
pub const TASKS_MAX: u64 = 20_000;
pub(super) const TIMER: &str = "silent";

/// The key of a run.
#[must_use]
pub fn run_key(flow: &str, run: &str) -> String {
    format!("{flow}/{run}")
}

/// One run, keyed by its flow and its address.
#[derive(Debug, Default, Encode, Decode, Serialize)]
pub struct Run {
    pub(super) beat: Timestamp,
    pub(super) live: NamedFields<Live>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Live {
    pub(super) begun: Option<Begin>,
    pub(super) standing: Standing,
    /// Whether the failure is a missed heartbeat: the next sign of life reverts it.
    pub(super) silent: bool,
    pub(super) end_step: Option<String>,
    /// The last failed attempt: step, task, number.
    pub(super) failure: Option<(String, String, u32)>,
    pub(super) steps: BTreeMap<String, StepView>,
    pub(super) next_task: u64,
    pub(super) tasks: u64,
    pub(super) params: BTreeMap<String, String>,
    pub(super) notes: BTreeMap<String, String>,
    pub(super) metrics: BTreeMap<String, Point>,
    pub(super) title: Option<String>,
    pub(super) deleted: bool,
    pub(super) revision: u64,
}

/// An event of a run.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
pub enum Event {
    /// A sign of life.
    Beaten(Timestamp),
    /// The run changed, which is a sign of life too.
    Changed(Box<NamedFields<Change>>, Timestamp),
    /// It was forgotten.
    Forgotten,
}

/// A change of a run; stored by field name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Change {
    /// The run started.
    Begun(Begin),
    /// A step was created.
    Step(String, crate::metadata::flows::Made),
    /// A task was created: its step, its block, and its number if one was assigned.
    Task(String, String, Option<u64>),
    /// The last step is not `end` but this one.
    EndStep(String),
    /// The failed attempt to report, or `None`.
    Failure(Option<(String, String, u32)>),
    /// The status changed; true if because of a missed heartbeat.
    Stands(Standing, bool),
    /// The tags were replaced.
    Tagged(Vec<String>),
    /// Metrics, parameters and notes were logged.
    Logged(Vec<(String, Point)>, Vec<Value>, Vec<Value>),
    /// A note was removed.
    NoteDropped(String),
    /// The display name or the deletion mark changed.
    Described(Option<String>, Option<bool>),
}

impl Run {
    pub(super) fn begun(&self) -> Result<&Begin, Refused> {
        let why = "unknown run: start it at its flow; an old run may have been forgotten";
        self.live.0.begun.as_ref().ok_or_else(|| Refused::new("RUN_NOT_FOUND", why))
    }

    /// The start of the run, if the run is not marked as deleted.
    pub(super) fn active(&self) -> Result<&Begin, Refused> {
        let begun = self.begun()?;
        if self.live.0.deleted {
            return Err(Refused::new("RUN_DELETED", "the run is deleted: restore it first"));
        }
        Ok(begun)
    }

    pub(super) fn changed(ctx: &Context<'_>, change: Change) -> Event {
        Event::Changed(Box::new(NamedFields(change)), ctx.now)
    }

    /// The status at this moment, by the clock: the timer may be late.
    pub(super) fn standing(&self, now: Timestamp) -> Standing {
        let held = &self.live.0.standing;
        match &self.live.0.begun {
            Some(begun) if held.status == Status::Running => {
                let silence = now.since(self.beat);
                if silence.as_millis() >= u128::from(begun.silence_ms) {
                    self.silence(now)
                } else {
                    let why = format!("last sign of life at {}", moment(self.beat));
                    Standing { why, ..held.clone() }
                }
            }
            _ => held.clone(),
        }
    }

    fn silence(&self, now: Timestamp) -> Standing {
        let seconds = now.since(self.beat).as_secs();
        let mut why = format!("no heartbeat for {seconds} s since {}", moment(self.beat));
        if let Some((step, task, attempt)) = &self.live.0.failure {
            why.push_str(&format!("; attempt {attempt} of task {step}/{task} had failed"));
        }
        Standing { status: Status::Failed, why, ended: Some(self.beat), word: String::new() }
    }

    /// Adds an event, and a report to the flow if the summary changed.
    pub(super) fn change_and_report<C: Command>(
        &self,
        ctx: &Context<'_>,
        mut decision: Decision<Self, C>,
        change: Change,
    ) -> Decision<Self, C> {
        let mut after = Self { beat: self.beat, live: self.live.clone() };
        decision.events().iter().for_each(|event| after.apply(event));
        let event = Self::changed(ctx, change);
        after.apply(&event);
        decision = decision.and(event);
        // The flow knows a run by its number, and sends the number to a run without one.
        let Some(begun) = after.live.0.begun.as_ref().filter(|begun| begun.number > 0) else {
            return decision;
        };
        let live = &after.live.0;
        let summary = RunSummary {
            run: begun.run.clone(),
            number: begun.number,
            made: begun.made.clone(),
            at: begun.at,
            beat: after.beat,
            status: live.standing.status,
            why: live.standing.why.clone(),
            ended: live.standing.ended,
            title: live.title.clone(),
            deleted: live.deleted,
            revision: live.revision,
        };
        decision.tell(Address::of::<Flow>(begun.flow.clone()), &UpdateRun { summary })
    }

    /// Reverts a missed-heartbeat failure, after a sign of life.
    pub(super) fn sign_of_life<C: Command>(&self, ctx: &Context<'_>) -> Decision<Self, C> {
        let decision = Decision::event(Event::Beaten(ctx.now));
        if !self.live.0.silent {
            return decision;
        }
        let Ok(begun) = self.begun() else { return decision };
        let decision = self.change_and_report(ctx, decision, Change::Stands(Standing::default(), false));
        Self::watch(ctx, decision, begun.silence_ms)
    }

    /// Sets the timer that checks the heartbeat timeout.
    pub(super) fn watch<C: Command>(
        ctx: &Context<'_>,
        decision: Decision<Self, C>,
        silence_ms: u64,
    ) -> Decision<Self, C> {
        if silence_ms == NO_BEATS {
            return decision;
        }
        let due = Timestamp(ctx.now.0.saturating_add(silence_ms));
        decision.set_timer(TIMER, Timer::once(due, &Silent {}))
    }

    pub(super) fn stands<C: Command>(
        &self,
        ctx: &Context<'_>,
        decision: Decision<Self, C>,
        standing: Standing,
        silent: bool,
    ) -> Decision<Self, C> {
        self.change_and_report(ctx, decision, Change::Stands(standing, silent)).cancel_timer(TIMER)
    }
}

impl Entity for Run {
    const KIND: &'static str = "runs";
    type Event = Event;

    fn create(_key: &str) -> Self {
        Self::default()
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::Beaten(at) => self.beat = self.beat.max(*at),
            Event::Forgotten => *self = Self::default(),
            Event::Changed(change, at) => self.live.0.fold(&change.0, *at, &mut self.beat),
        }
    }

    fn size(&self) -> usize {
        let live = &self.live.0;
        let blocks: usize = live.steps.values().map(|step| step.blocks.len()).sum();
        let logged = live.metrics.len() * 128 + (live.params.len() + live.notes.len()) * 256;
        size_of::<Self>() + 512 + live.steps.len() * 512 + blocks * 96 + logged
    }
}

impl Live {
    fn fold(&mut self, change: &Change, at: Timestamp, beat: &mut Timestamp) {
        let speaks = !matches!(change, Change::Stands(_, true));
        if speaks {
            *beat = (*beat).max(at);
        }
        match change {
            Change::Begun(begin) => {
                self.title.clone_from(&begin.title);
                self.notes.clone_from(&begin.notes);
                self.begun = Some(begin.clone());
            }
            Change::Step(step, made) => {
                let place = self.steps.len() as u64;
                let view = StepView { place, made: made.clone(), at, ..StepView::default() };
                self.steps.insert(step.clone(), view);
            }
            Change::Task(step, block, number) => {
                self.tasks += 1;
                self.next_task = self.next_task.max(number.unwrap_or(0));
                if let Some(step) = self.steps.get_mut(step) {
                    step.tasks += 1;
                    step.blocks.insert(block.clone());
                }
            }
            Change::EndStep(step) => self.end_step = Some(step.clone()),
            Change::Failure(failure) => self.failure.clone_from(failure),
            Change::Stands(standing, silent) => {
                self.standing.clone_from(standing);
                self.silent = *silent;
                self.revision += 1;
            }
            Change::Tagged(tags) => {
                if let Some(begun) = &mut self.begun {
                    begun.made.tags.clone_from(tags);
                }
                self.revision += 1;
            }
            Change::Logged(points, params, notes) => {
                for (name, point) in points {
                    let held = self.metrics.entry(name.clone()).or_insert(*point);
                    if point.over(held) {
                        *held = *point;
                    }
                }
                let pair = |value: &Value| (value.key.clone(), value.value.clone());
                self.params.extend(params.iter().map(pair));
                self.notes.extend(notes.iter().map(pair));
            }
            Change::NoteDropped(key) => {
                self.notes.remove(key);
            }
            Change::Described(title, deleted) => {
                if title.is_some() {
                    self.title.clone_from(title);
                }
                self.deleted = deleted.unwrap_or(self.deleted);
                self.revision += 1;
            }
        }
    }
}
