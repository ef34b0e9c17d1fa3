//! State and decisions of a block of tasks.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::entity::Answer;
use troupe_runtime::{Address, Command, Context, Decide, Decision, Entity, Refused, Timestamp};
use xxhash_rust::xxh3::xxh3_64;

use super::messages::{
    AddArtifacts, AddTask, Artifact, BeatTask, ForgetTasks, GetTasks, KeptCount, NewArtifact, NewRecord,
    NoteTask, Record, TaskView,
};
use crate::metadata::flows;
use crate::metadata::flows::{Made, check_name, check_tags, check_text};
use crate::metadata::lineage::{relate, run_node};
use crate::metadata::runs::{Hear, Heard, Run};
use crate::stored::NamedFields;

/// Upper bound on the tasks of one block: numbered tasks are fewer, named tasks are spread by a hash.
const TASKS_MAX: usize = 1_024;
/// Upper bound on the records of one task.
pub const RECORDS_MAX: usize = 512;
/// Upper bound on the artifacts of one task, over all attempts.
pub const ARTIFACTS_MAX: usize = 1_000;
/// Upper bound on the bytes of a task's records and artifacts.
const TASK_BYTES_MAX: usize = 512 << 10;
const VALUE_BYTES_MAX: usize = 16 << 10;
const NAME_BYTES_MAX: usize = 256;
/// Numbered tasks of one block; named tasks are spread over as many blocks as the largest run needs.
const NUMBERS: u64 = 16;
const NAMED_BLOCKS: u64 = 1_024;
/// The type of a record that links a model version to the task. The record's name is the artifact's name, its value
/// is `NAME@VERSION`.
pub(crate) const MODEL_RECORD: &str = "troupe-model";
/// The store type of an artifact stored with the metadata: its location is its value, as JSON.
pub const VALUE: &str = "troupe-value";
/// Milliseconds between two heartbeats that are reported to the run.
const SIGN_EVERY_MS: u64 = 1_000;

/// The key of the block that holds a task, in the run's shard.
#[must_use]
pub fn block_of(run_key: &str, task: &str) -> String {
    match task.parse::<u64>() {
        Ok(number) => format!("{{{run_key}}}:n{}", number / NUMBERS),
        Err(_) => format!("{{{run_key}}}:h{}", xxh3_64(task.as_bytes()) % NAMED_BLOCKS),
    }
}

/// The address of the run that owns the block with this key.
fn run_of(block: &str) -> Option<Address> {
    let (run, _) = block.strip_prefix('{')?.rsplit_once('}')?;
    Some(Address::of::<Run>(run))
}

/// Tasks of one run, keyed by the run and the block's position.
#[derive(Debug, Default, Encode, Decode, Serialize)]
pub struct Tasks {
    /// Time of the last report to the run.
    reported: Timestamp,
    beats: BTreeMap<String, Timestamp>,
    live: NamedFields<Live>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Live {
    tasks: BTreeMap<String, Task>,
    next: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Task {
    step: String,
    made: Made,
    at: Timestamp,
    records: Vec<Record>,
    artifacts: Vec<Artifact>,
    bytes: usize,
    attempt: Option<(u32, bool)>,
}

/// An event of a block of tasks.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
pub enum Event {
    /// A sign of life of a task, and whether it is reported to the run.
    Beaten(String, Timestamp, bool),
    /// A task changed.
    Changed(Box<NamedFields<Change>>, Timestamp),
    /// All tasks were forgotten.
    Forgotten,
}

/// A change of a task; stored by field name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Change {
    /// It was added.
    Added(AddTask),
    /// Records were added.
    Noted(String, Vec<NewRecord>),
    /// Artifacts were added.
    Made(String, Vec<NewArtifact>),
}

impl Tasks {
    fn task(&self, step: &str, task: &str) -> Result<&Task, Refused> {
        let found = self.live.0.tasks.get(task).filter(|found| found.step == step);
        found.ok_or_else(|| {
            let why = format!("step {step:?} of the run has no task {task:?}: create it first");
            Refused::new("TASK_NOT_FOUND", why)
        })
    }

    /// Adds a sign of life of a task, with the report to the run.
    fn sign_of_life<C: Command>(
        &self,
        ctx: &Context<'_>,
        (step, task): (&str, &str),
        mut said: Vec<Heard>,
        change: Option<Change>,
    ) -> Decision<Self, C> {
        let tell = !said.is_empty() || ctx.now.0 >= self.reported.0.saturating_add(SIGN_EVERY_MS);
        let mut decision = Decision::event(Event::Beaten(task.to_owned(), ctx.now, tell));
        if let Some(change) = change {
            decision = decision.and(Event::Changed(Box::new(NamedFields(change)), ctx.now));
        }
        match run_of(ctx.key) {
            Some(run) if tell => {
                if said.is_empty() {
                    said.push(Heard::Alive);
                }
                decision.tell(run, &Hear { step: step.to_owned(), task: task.to_owned(), heard: said })
            }
            _ => decision,
        }
    }
}

fn record_bytes(record: &NewRecord) -> usize {
    64 + record.field.len() + record.kind.len() + record.value.len()
}

fn artifact_bytes(artifact: &NewArtifact) -> usize {
    let tags: usize = artifact.made.system_tags.iter().chain(&artifact.made.tags).map(String::len).sum();
    128 + artifact.name.len() + artifact.location.len() + artifact.sha.len() + tags
}

fn check_record(record: &NewRecord) -> Result<(), Refused> {
    check_text("field_name", &record.field, NAME_BYTES_MAX)?;
    check_text("type", &record.kind, NAME_BYTES_MAX)?;
    check_text("user_name", record.user.as_deref().unwrap_or_default(), NAME_BYTES_MAX)?;
    check_tags("tags", &record.tags)?;
    if record.value.len() > VALUE_BYTES_MAX {
        let why = format!("value must be at most {VALUE_BYTES_MAX} bytes: store the rest as an artifact");
        return Err(Refused::field("TOO_LARGE", "value", why));
    }
    Ok(())
}

fn check_artifact(artifact: &NewArtifact) -> Result<(), Refused> {
    artifact.made.check()?;
    if artifact.name.is_empty() {
        return Err(Refused::field("BAD_TEXT", "name", "name must not be empty"));
    }
    for (field, text, bytes_max) in [
        ("name", &artifact.name, NAME_BYTES_MAX),
        ("location", &artifact.location, 2_048),
        ("ds_type", &artifact.ds_type, NAME_BYTES_MAX),
        ("sha", &artifact.sha, NAME_BYTES_MAX),
        ("type", &artifact.kind, NAME_BYTES_MAX),
        ("content_type", &artifact.content_type, NAME_BYTES_MAX),
    ] {
        check_text(field, text, bytes_max)?;
    }
    Ok(())
}

/// The end of an attempt, if the record reports one. The attempt's number is in a tag: `attempt_id:0`.
fn attempt(record: &NewRecord) -> Option<(u32, bool)> {
    (record.field == "attempt_ok").then(|| {
        let number = record.tags.iter().find_map(|tag| tag.strip_prefix("attempt_id:")?.parse().ok());
        (number.unwrap_or(0), record.value == "True")
    })
}

/// Adds lineage edges from the run and from the record's artifact to a model version.
fn link_model<C: Command>(
    ctx: &Context<'_>,
    decision: Decision<Tasks, C>,
    ask: &NoteTask,
    record: &NewRecord,
) -> Decision<Tasks, C> {
    let Some(run) = run_of(ctx.key) else { return decision };
    let model = format!("model:{}", record.value);
    let artifact = format!("artifact:{}/{}/{}/{}", run.key, ask.step, ask.task, record.field);
    let decision = relate(decision, &run_node(&run.key), model.clone(), "published");
    relate(decision, &artifact, model, "published")
}

fn full(what: &str, max: usize) -> Refused {
    let why = format!(
        "a task has at most {max} {what}, {TASK_BYTES_MAX} bytes in all: store fewer, or use more tasks"
    );
    Refused::field("TOO_MANY", what, why)
}

impl Entity for Tasks {
    const KIND: &'static str = "run-tasks";
    type Event = Event;

    fn create(_key: &str) -> Self {
        Self::default()
    }

    fn apply(&mut self, event: &Event) {
        let (change, at) = match event {
            Event::Beaten(task, at, reported) => {
                self.beats.insert(task.clone(), *at);
                if *reported {
                    self.reported = *at;
                }
                return;
            }
            Event::Forgotten => {
                *self = Self::default();
                return;
            }
            Event::Changed(change, at) => (&change.0, *at),
        };
        let live = &mut self.live.0;
        match change {
            Change::Added(add) => {
                let task =
                    Task { step: add.step.clone(), made: add.made.clone(), at: add.at, ..Task::default() };
                live.tasks.insert(add.task.clone(), task);
                self.beats.insert(add.task.clone(), add.at);
            }
            Change::Noted(task, records) => {
                let Some(task) = live.tasks.get_mut(task) else { return };
                for said in records {
                    live.next += 1;
                    task.bytes += record_bytes(said);
                    task.attempt = attempt(said).or(task.attempt);
                    task.records.push(Record { id: live.next, at, said: said.clone() });
                }
            }
            Change::Made(task, artifacts) => {
                let Some(task) = live.tasks.get_mut(task) else { return };
                for said in artifacts {
                    task.bytes += artifact_bytes(said);
                    task.artifacts.push(Artifact { at, said: said.clone() });
                }
            }
        }
    }

    fn size(&self) -> usize {
        let bytes: usize = self.live.0.tasks.values().map(|task| 512 + 2 * task.bytes).sum();
        size_of::<Self>() + bytes
    }
}

impl Decide<AddTask> for Tasks {
    fn decide(&self, ask: &AddTask, ctx: &Context<'_>) -> Decision<Self, AddTask> {
        if self.live.0.tasks.contains_key(&ask.task) {
            return Decision::unchanged().reply(());
        }
        let checked = check_name("task_id", &ask.task, false)
            .and_then(|()| check_name("step_name", &ask.step, false))
            .and_then(|()| ask.made.check());
        if let Err(refused) = checked {
            return Decision::refuse(refused);
        }
        let here = run_of(ctx.key).is_some_and(|run| block_of(&run.key, &ask.task) == ctx.key);
        if !here || self.live.0.tasks.len() >= TASKS_MAX {
            let why = format!("the task belongs to another block, or the block has {TASKS_MAX} tasks");
            return Decision::refuse(Refused::field("BAD_TASK_ID", "task_id", why));
        }
        let change = Change::Added(ask.clone());
        Decision::event(Event::Changed(Box::new(NamedFields(change)), ctx.now)).reply(())
    }
}

impl Decide<BeatTask> for Tasks {
    fn decide(&self, ask: &BeatTask, ctx: &Context<'_>) -> Decision<Self, BeatTask> {
        match self.task(&ask.step, &ask.task) {
            Err(refused) => Decision::refuse(refused),
            Ok(_) => self.sign_of_life(ctx, (&ask.step, &ask.task), Vec::new(), None).reply(()),
        }
    }
}

impl Decide<NoteTask> for Tasks {
    fn decide(&self, ask: &NoteTask, ctx: &Context<'_>) -> Decision<Self, NoteTask> {
        let task = match self.task(&ask.step, &ask.task) {
            Err(refused) => return Decision::refuse(refused),
            Ok(task) => task,
        };
        if let Err(refused) = ask.records.iter().try_for_each(check_record) {
            return Decision::refuse(refused);
        }
        let mut fresh: Vec<NewRecord> = Vec::new();
        for record in &ask.records {
            if !fresh.contains(record) && !task.records.iter().any(|held| held.said == *record) {
                fresh.push(record.clone());
            }
        }
        let bytes: usize = fresh.iter().map(record_bytes).sum();
        if task.records.len() + fresh.len() > RECORDS_MAX || task.bytes + bytes > TASK_BYTES_MAX {
            return Decision::refuse(full("metadata", RECORDS_MAX));
        }
        let mut said = Vec::new();
        for record in &fresh {
            if let Some((number, ok)) = attempt(record) {
                said.push(Heard::Attempt(number, ok));
            } else if record.field == "end_step" && record.value.len() <= flows::NAME_BYTES_MAX {
                said.push(Heard::EndStep(record.value.clone()));
            }
        }
        let count = ask.records.len() as u64;
        let models: Vec<NewRecord> =
            fresh.iter().filter(|record| record.kind == MODEL_RECORD).cloned().collect();
        let change = (!fresh.is_empty()).then(|| Change::Noted(ask.task.clone(), fresh));
        let decision = self.sign_of_life(ctx, (&ask.step, &ask.task), said, change);
        models
            .iter()
            .fold(decision, |decision, record| link_model(ctx, decision, ask, record))
            .reply(KeptCount { count })
    }
}

impl Decide<AddArtifacts> for Tasks {
    fn decide(&self, ask: &AddArtifacts, ctx: &Context<'_>) -> Decision<Self, AddArtifacts> {
        let task = match self.task(&ask.step, &ask.task) {
            Err(refused) => return Decision::refuse(refused),
            Ok(task) => task,
        };
        if let Err(refused) = ask.artifacts.iter().try_for_each(check_artifact) {
            return Decision::refuse(refused);
        }
        let mut known: std::collections::BTreeSet<(u32, &str)> =
            task.artifacts.iter().map(|held| (held.said.attempt, held.said.name.as_str())).collect();
        let fresh: Vec<NewArtifact> = ask
            .artifacts
            .iter()
            .filter(|artifact| known.insert((artifact.attempt, &artifact.name)))
            .cloned()
            .collect();
        let bytes: usize = fresh.iter().map(artifact_bytes).sum();
        if task.artifacts.len() + fresh.len() > ARTIFACTS_MAX || task.bytes + bytes > TASK_BYTES_MAX {
            return Decision::refuse(full("artifacts", ARTIFACTS_MAX));
        }
        let count = ask.artifacts.len() as u64;
        let change = (!fresh.is_empty()).then(|| Change::Made(ask.task.clone(), fresh));
        self.sign_of_life(ctx, (&ask.step, &ask.task), Vec::new(), change).reply(KeptCount { count })
    }
}

impl Decide<ForgetTasks> for Tasks {
    fn decide(&self, _ask: &ForgetTasks, _ctx: &Context<'_>) -> Decision<Self, ForgetTasks> {
        Decision::event(Event::Forgotten).reply(())
    }
}

impl Answer<GetTasks> for Tasks {
    fn answer(&self, ask: &GetTasks, _ctx: &Context<'_>) -> Result<Vec<TaskView>, Refused> {
        let wanted = |(name, task): &(&String, &Task)| {
            ask.task.as_ref().is_none_or(|wanted| wanted == *name)
                && ask.step.as_ref().is_none_or(|wanted| *wanted == task.step)
        };
        let view = |(name, task): (&String, &Task)| TaskView {
            task: name.clone(),
            step: task.step.clone(),
            made: task.made.clone(),
            at: task.at,
            beat: self.beats.get(name).copied().unwrap_or(task.at),
            records: if ask.records { task.records.clone() } else { Vec::new() },
            artifacts: if ask.artifacts { task.artifacts.clone() } else { Vec::new() },
            attempt: task.attempt,
        };
        Ok(self.live.0.tasks.iter().filter(wanted).map(view).collect())
    }
}
