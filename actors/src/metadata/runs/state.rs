//! How a run decides.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::entity::Timer;
use troupe_runtime::{Address, Command, Context, Decision, Entity, Refused, Timestamp};

use super::logged::{Point, Value};
use super::messages::{Begin, NO_BEATS, Silent, StepView};
use super::standing::{Standing, Status, moment};
use crate::metadata::flows::{Flow, RunSummary, Told};
use crate::stored::NamedFields;

/// Steps of a run.
pub const STEPS_MAX: usize = 512;
/// Tasks of a run.
pub const TASKS_MAX: u64 = 20_000;
pub(super) const TIMER: &str = "silent";

/// The key of a run.
#[must_use]
pub fn run_key(flow: &str, run: &str) -> String {
    format!("{flow}/{run}")
}

/// One run, keyed by its flow and what it is addressed by.
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
    /// That it has failed was concluded from silence: whatever is heard takes it back.
    pub(super) silent: bool,
    pub(super) end_step: Option<String>,
    /// The last attempt that did not do what it should.
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

/// What happened to a run.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
pub enum Event {
    /// It was heard of.
    Beaten(Timestamp),
    /// It changed, and so was heard of.
    Changed(Box<NamedFields<Change>>, Timestamp),
    /// It was forgotten.
    Forgotten,
}

/// How a run changed; stored by the names of its fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Change {
    /// It began.
    Begun(Begin),
    /// A step was made.
    Step(String, crate::metadata::flows::Made),
    /// A task was made: its step, the block that holds it, and its number if one was drawn.
    Task(String, String, Option<u64>),
    /// Another step than `end` is the last.
    EndStep(String),
    /// The attempt that did not do what it should, if one is worth telling of.
    Failure(Option<(String, String, u32)>),
    /// How it is changed; true if that was concluded from silence.
    Stands(Standing, bool),
    /// Its tags are these.
    Tagged(Vec<String>),
    /// Something was logged: figures, parameters, values.
    Logged(Vec<(String, Point)>, Vec<Value>, Vec<Value>),
    /// A value was taken away.
    NoteDropped(String),
    /// It was named, or put aside.
    Described(Option<String>, Option<bool>),
}

impl Run {
    pub(super) fn begun(&self) -> Result<&Begin, Refused> {
        let why = "there is no such run: begin it at its flow, or it was forgotten for newer ones";
        self.live.0.begun.as_ref().ok_or_else(|| Refused::new("RUN_NOT_FOUND", why))
    }

    pub(super) fn changed(ctx: &Context<'_>, change: Change) -> Event {
        Event::Changed(Box::new(NamedFields(change)), ctx.now)
    }

    /// How it is at this moment: the timer may be late, the clock is not.
    pub(super) fn standing(&self, now: Timestamp) -> Standing {
        let held = &self.live.0.standing;
        match &self.live.0.begun {
            Some(begun) if held.status == Status::Running => {
                let silence = now.since(self.beat);
                if silence.as_millis() >= u128::from(begun.silence_ms) {
                    self.silence(now)
                } else {
                    let why = format!("last heard of at {}", moment(self.beat));
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

    /// Adds an event, and what the flow is told of it if it is to be.
    pub(super) fn told<C: Command>(
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
        // The flow knows a run by its number, and tells it to one that has none yet.
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
        decision.tell(Address::of::<Flow>(begun.flow.clone()), &Told { summary })
    }

    /// What is heard of a run that was taken for silent takes that back.
    pub(super) fn heard<C: Command>(&self, ctx: &Context<'_>) -> Decision<Self, C> {
        let decision = Decision::event(Event::Beaten(ctx.now));
        if !self.live.0.silent {
            return decision;
        }
        let Ok(begun) = self.begun() else { return decision };
        let decision = self.told(ctx, decision, Change::Stands(Standing::default(), false));
        Self::watch(ctx, decision, begun.silence_ms)
    }

    /// Sets the timer that looks whether the run was heard of.
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
        self.told(ctx, decision, Change::Stands(standing, silent)).cancel_timer(TIMER)
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
