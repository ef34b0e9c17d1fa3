//! Who writes down what changed.

use serde_json::Value as Json;
use troupe_runtime::Timestamp;
use troupe_workflows::definition::StepType;
use troupe_workflows::graph::Graph;
use troupe_workflows::status::{InstanceStatus, StepStatus};

use super::super::change::Live;
use super::super::lane::{Lane, StepRun};
use super::super::messages::{Begin, Kind};
use super::super::turn::Turn;
use super::told::Record;
use super::{flow_of, named, recorded_as, values};
use crate::metadata::flows::{CreateFlow, Made, StartRun, TAGS_MAX};
use crate::metadata::runs;
use crate::metadata::runs::{
    Log, MutateTags, NO_BEATS, NewStep, NewTask, Point, Report, Standing, Status, run_key,
};
use crate::metadata::tasks::{AddArtifacts, AddTask, MODEL_RECORD, NewRecord, NoteTask, block_of};

/// Where parameters are, as a client keeps them.
const PARAMETERS: &str = "_parameters";
/// The step that says what came of the whole.
const END: &str = "end";
/// What a run of a workflow says of a task beside what clients say.
const STATUS: &str = "maestro-status";
const WHY: &str = "maestro-why";
const TAG_BYTES_MAX: usize = 200;

/// What is written of one command.
pub(super) struct Scribe<'t> {
    begun: &'t Begin,
    now: Timestamp,
    number: u64,
    /// When the run began.
    since: Timestamp,
    flow: String,
    key: String,
    /// By whom everything is made. A client looks for what is its user's, of steps and tasks as well.
    made: Made,
    pub(super) records: Vec<Record>,
}

/// An attempt that is over, as it is told.
type Over<'s> = (u32, &'s str, &'s str, Timestamp);

impl<'t> Scribe<'t> {
    pub(super) fn new(turn: &Turn<'t>) -> Self {
        let (begun, number, since) = (turn.begun, turn.live.head.run, turn.live.head.started);
        let flow = flow_of(&begun.workflow);
        let key = run_key(&flow, &recorded_as(begun.instance, number));
        let initiator = &begun.initiator.0;
        let named = |field: &str| initiator.get(field)?.as_str().filter(|name| name.len() <= TAG_BYTES_MAX);
        let user = ["user", "owner"].into_iter().find_map(named).map(str::to_owned);
        let mut system_tags = vec!["runtime:maestro".to_owned()];
        system_tags.extend(user.iter().map(|user| format!("user:{user}")));
        let made = Made { user, tags: Vec::new(), system_tags };
        Self { begun, now: turn.now, number, since, flow, key, made, records: Vec::new() }
    }

    pub(super) fn write(&mut self, before: &Live, after: &Live, graph: &Graph) {
        let fresh = before.head.run != after.head.run;
        if fresh {
            self.open(after, graph);
        }
        let unknown = StepRun::default();
        let known = before.lanes.get(&0).filter(|_| !fresh);
        for (place, step) in after.lanes.get(&0).into_iter().flat_map(|lane| lane.steps.iter().enumerate()) {
            let was = known.and_then(|lane: &Lane| lane.steps.get(place)).unwrap_or(&unknown);
            if was != step {
                self.step(place, graph.id(place), (was, step));
            }
        }
        if after.head.status.is_terminal() && (fresh || !before.head.status.is_terminal()) {
            self.close(after, graph);
        }
    }

    /// The run begins.
    fn open(&mut self, live: &Live, graph: &Graph) {
        let Kind::Instance { workflow, .. } = &self.begun.kind.0 else { return };
        let run = recorded_as(self.begun.instance, self.number);
        let sound = |tag: &String| !tag.is_empty() && tag.len() <= TAG_BYTES_MAX;
        let tags = workflow.tags.iter().map(|tag| tag.name.clone()).filter(sound).take(TAGS_MAX / 2);
        let named_by = format!("workflow:{}:{}", self.begun.workflow, self.begun.instance);
        let made = Made { tags: [named_by].into_iter().chain(tags).collect(), ..self.made.clone() };
        let title = workflow.name.as_ref().map(|name| name.chars().take(120).collect::<String>());
        let nobody = Made { user: made.user.clone(), ..Made::default() };
        let create = CreateFlow { made: nobody, title, ..CreateFlow::default() };
        self.records.push(Record::Flow(self.flow.clone(), create));
        let start = StartRun {
            id: Some(run.clone()),
            made: made.clone(),
            silence_ms: NO_BEATS,
            ..StartRun::default()
        };
        self.records.push(Record::Start(self.flow.clone(), start));
        // The flow, from another shard, tells the run too, and which number it has; what follows here must find it.
        let begin = runs::Begin {
            flow: self.flow.clone(),
            run,
            made,
            at: self.now,
            silence_ms: NO_BEATS,
            ..runs::Begin::default()
        };
        self.records.push(Record::Begin(self.key.clone(), begin));
        self.task(PARAMETERS);
        let first = if graph.is_empty() { END.to_owned() } else { named(graph.id(0)) };
        let mut records = vec![("start_step", "graph_structure", first, None)];
        records.push(("end_step", "graph_structure", end(graph), None));
        if self.number > 1 {
            let origin = recorded_as(self.begun.instance, self.number - 1);
            records.push(("origin-run-id", "origin-run-id", origin, None));
        }
        records.push(("attempt-done", "attempt-done", "0".to_owned(), Some(0)));
        self.note(PARAMETERS, records);
        let params = live.params.iter();
        let params =
            params.filter_map(|(name, param)| Some((name.as_str(), param.evaluated.as_ref()?.to_json())));
        self.made(PARAMETERS, 0, true, params.collect());
    }

    /// What changed of a step.
    fn step(&mut self, place: usize, id: &str, (was, is): (&StepRun, &StepRun)) {
        let there = |step: &StepRun| step.started.is_some() || step.ended.is_some();
        if !there(is) {
            return;
        }
        let step = named(id);
        if !there(was) {
            self.task(&step);
        }
        let number = |attempt: u32| attempt.saturating_sub(1);
        if is.attempt != was.attempt || !there(was) {
            let told = number(is.attempt).to_string();
            self.note(&step, vec![("attempt", "attempt", told, Some(number(is.attempt)))]);
        }
        let known = over(was, self.since);
        for (attempt, status, why, at) in over(is, self.since).into_iter().filter(|one| !known.contains(one))
        {
            let attempt = number(attempt);
            let sound = StepStatus::named(status).is_some_and(StepStatus::is_complete);
            let ok = if sound { "True" } else { "False" };
            let mut records = vec![("attempt_ok", "internal_attempt_status", ok.to_owned(), Some(attempt))];
            records.push(("attempt-done", "attempt-done", attempt.to_string(), Some(attempt)));
            records.push((STATUS, STATUS, status.to_owned(), Some(attempt)));
            records.push(("ended", "ended", at.0.to_string(), Some(attempt)));
            if !why.is_empty() {
                records.push((WHY, WHY, why.to_owned(), Some(attempt)));
            }
            self.note(&step, records);
            let values = if sound { values::of_step(is) } else { Vec::new() };
            self.made(&step, attempt, sound, values);
        }
        if is.status == StepStatus::Succeeded && was.status != is.status {
            self.results(place, &step, is);
        }
    }

    /// What came of a step is said of the run, too.
    fn results(&mut self, place: usize, step: &str, is: &StepRun) {
        let sort = self.begun.steps()[place].step_type();
        let at = is.ended.unwrap_or(self.now);
        let figures = values::figures(sort, &is.output);
        if !figures.is_empty() {
            let point = |(name, value)| (name, Point { value, at, step: 0 });
            let metrics = figures.into_iter().map(point).take(TAGS_MAX).collect();
            self.records.push(Record::Log(self.key.clone(), Log { metrics, ..Log::default() }));
        }
        let text = |value: &Json| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        if let Some(dataset) = text(&is.output["lineage"]["dataset"]) {
            let add = vec![format!("dataset:{}", dataset.chars().take(TAG_BYTES_MAX).collect::<String>())];
            self.records.push(Record::Tags(self.key.clone(), MutateTags { add, remove: Vec::new() }));
        }
        if sort == StepType::Publish
            && let (Some(model), Some(version)) = (text(&is.output["model"]), is.output["version"].as_u64())
        {
            let version = format!("{model}@{version}");
            self.note(
                step,
                vec![("version", MODEL_RECORD, version.clone(), Some(is.attempt.saturating_sub(1)))],
            );
            let report = Report { tags: vec![format!("model:{version}")], standing: None };
            self.records.push(Record::Report(self.key.clone(), report));
        }
    }

    /// The run is over.
    fn close(&mut self, live: &Live, graph: &Graph) {
        let head = &live.head;
        let status = head.status;
        let succeeded = status == InstanceStatus::Succeeded;
        // As of Metaflow's own runs: one that did not come to its end has no such step.
        if succeeded {
            let end = end(graph);
            self.task(&end);
            let steps = live.lanes.get(&0).map_or(&[][..], |lane| &lane.steps);
            self.made(&end, 0, true, values::of_run(steps));
            let ok = vec![
                ("attempt", "attempt", "0".to_owned(), Some(0)),
                ("attempt_ok", "internal_attempt_status", "True".to_owned(), Some(0)),
                ("attempt-done", "attempt-done", "0".to_owned(), Some(0)),
            ];
            self.note(&end, ok);
        }
        let Begin { workflow, instance, .. } = self.begun;
        let mut why = format!("run {} of workflow {workflow}:{instance} {status}", self.number);
        if !head.why.is_empty() {
            why = format!("{why}: {}", head.why);
        }
        let standing = Standing {
            status: if succeeded { Status::Completed } else { Status::Failed },
            why,
            ended: head.ended,
            word: status.word().to_owned(),
        };
        let report = Report { tags: Vec::new(), standing: Some(standing) };
        self.records.push(Record::Report(self.key.clone(), report));
    }

    /// A step and its one task.
    fn task(&mut self, step: &str) {
        let new = NewStep { step: step.to_owned(), made: self.made.clone() };
        self.records.push(Record::Step(self.key.clone(), new));
        let new = NewTask { step: step.to_owned(), id: Some(task_of(step)), made: self.made.clone() };
        self.records.push(Record::Task(self.key.clone(), new));
        // The run tells its block of the task, too, but not before what comes next.
        let (task, made) = (task_of(step), self.made.clone());
        let block = block_of(&self.key, &task);
        let add = AddTask { step: step.to_owned(), task, made, at: self.now };
        self.records.push(Record::Add(block, add));
    }

    fn note(&mut self, step: &str, records: Vec<(&str, &str, String, Option<u32>)>) {
        let record = |(field, kind, value, attempt): (&str, &str, String, Option<u32>)| NewRecord {
            field: field.to_owned(),
            kind: kind.to_owned(),
            value,
            tags: attempt.map(|attempt| format!("attempt_id:{attempt}")).into_iter().collect(),
            sent: self.now.0,
            ..NewRecord::default()
        };
        let records = records.into_iter().map(record).collect();
        let task = task_of(step);
        let note = NoteTask { step: step.to_owned(), task: task.clone(), records };
        self.records.push(Record::Note(block_of(&self.key, &task), note));
    }

    fn made(&mut self, step: &str, attempt: u32, ok: bool, values: Vec<(&str, Json)>) {
        let mut artifacts = values::artifacts(attempt, values.into_iter());
        // By these a client knows that a task is over, and how.
        artifacts.extend(["_task_ok", "_success"].into_iter().map(|name| values::own(attempt, name, ok)));
        artifacts.iter_mut().for_each(|artifact| artifact.made.clone_from(&self.made));
        let task = task_of(step);
        let add = AddArtifacts { step: step.to_owned(), task: task.clone(), artifacts };
        self.records.push(Record::Made(block_of(&self.key, &task), add));
    }
}

/// The last step: `end`, unless a step of the workflow has that name.
fn end(graph: &Graph) -> String {
    let taken = graph.place(END).is_some();
    if taken { format!("{END}__") } else { END.to_owned() }
}

fn task_of(step: &str) -> String {
    named(&format!("t-{step}"))
}

/// Attempts of a step that are over, of this run; of a step that was complete before it the last one.
fn over(step: &StepRun, since: Timestamp) -> Vec<Over<'_>> {
    let own = step.ended.map(|ended| (step.attempt, step.status.word(), step.why.as_str(), ended));
    let before = step.history.iter().filter(|one| one.started >= since);
    before.map(|one| (one.attempt, one.status.as_str(), one.why.as_str(), one.ended)).chain(own).collect()
}
