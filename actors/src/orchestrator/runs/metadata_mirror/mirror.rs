//! The messages for the difference that one command made to a run.

use serde_json::Value as Json;
use troupe_runtime::Timestamp;
use troupe_runtime::text::cut;
use troupe_workflows::definition::StepType;
use troupe_workflows::graph::Graph;
use troupe_workflows::status::{InstanceStatus, StepStatus};

use super::super::change::Live;
use super::super::iteration::Iteration;
use super::super::messages::{Begin, Kind};
use super::super::step_run::StepRun;
use super::super::turn::Turn;
use super::messages::MirrorMessage;
use super::{flow_of, mirror_id, named, values};
use crate::metadata::flows::{CreateFlow, Made, StartRun, TAGS_MAX};
use crate::metadata::runs;
use crate::metadata::runs::{
    Log, MutateTags, NO_BEATS, NewStep, NewTask, Point, Report, Standing, Status, run_key,
};
use crate::metadata::tasks::{AddArtifacts, AddTask, MODEL_RECORD, NewRecord, NoteTask, block_of};

/// The step with the run's parameters, by the clients' convention.
const PARAMETERS: &str = "_parameters";
/// The step with the result of the whole run.
const END: &str = "end";
/// Records of a task that Metaflow's own clients do not write.
const STATUS: &str = "maestro-status";
const WHY: &str = "maestro-why";
const TAG_BYTES_MAX: usize = 200;

/// The messages for what a turn changed since `before`.
pub(in crate::orchestrator::runs) fn messages(turn: &Turn<'_>, before: &Live) -> Vec<MirrorMessage> {
    let mut mirror = MetadataMirror::new(turn);
    mirror.add_changes(before, &turn.live, &turn.graph);
    mirror.messages
}

/// Collects the messages of one command.
struct MetadataMirror<'t> {
    begun: &'t Begin,
    now: Timestamp,
    number: u64,
    /// When the run began.
    since: Timestamp,
    flow: String,
    key: String,
    /// The user and tags of all messages: clients filter runs, steps and tasks by user.
    made: Made,
    messages: Vec<MirrorMessage>,
}

/// An ended attempt: number, status, reason, end.
type EndedAttempt<'s> = (u32, &'s str, &'s str, Timestamp);

impl<'t> MetadataMirror<'t> {
    fn new(turn: &Turn<'t>) -> Self {
        let (begun, number, since) = (turn.begun, turn.live.head.run, turn.live.head.started);
        let flow = flow_of(&begun.workflow);
        let key = run_key(&flow, &mirror_id(begun.instance, number));
        let initiator = &begun.initiator.0;
        let named = |field: &str| initiator.get(field)?.as_str().filter(|name| name.len() <= TAG_BYTES_MAX);
        let user = ["user", "owner"].into_iter().find_map(named).map(str::to_owned);
        let mut system_tags = vec!["runtime:maestro".to_owned()];
        system_tags.extend(user.iter().map(|user| format!("user:{user}")));
        let made = Made { user, tags: Vec::new(), system_tags };
        Self { begun, now: turn.now, number, since, flow, key, made, messages: Vec::new() }
    }

    fn add_changes(&mut self, before: &Live, after: &Live, graph: &Graph) {
        let fresh = before.head.run != after.head.run;
        if fresh {
            self.open(after, graph);
        }
        let unknown = StepRun::default();
        let known = before.iterations.get(&0).filter(|_| !fresh);
        let steps =
            after.iterations.get(&0).into_iter().flat_map(|iteration| iteration.steps.iter().enumerate());
        for (step_index, step) in steps {
            let was =
                known.and_then(|iteration: &Iteration| iteration.steps.get(step_index)).unwrap_or(&unknown);
            if was != step {
                self.step(step_index, graph.id(step_index), (was, step));
            }
        }
        if after.head.status.is_terminal() && (fresh || !before.head.status.is_terminal()) {
            self.close(after, graph);
        }
    }

    /// The begin of the run.
    fn open(&mut self, live: &Live, graph: &Graph) {
        let Kind::Instance { workflow, .. } = &self.begun.kind.0 else { return };
        let run = mirror_id(self.begun.instance, self.number);
        let sound = |tag: &String| !tag.is_empty() && tag.len() <= TAG_BYTES_MAX;
        let tags = workflow.tags.iter().map(|tag| tag.name.clone()).filter(sound).take(TAGS_MAX / 2);
        let named_by = format!("workflow:{}:{}", self.begun.workflow, self.begun.instance);
        let made = Made { tags: [named_by].into_iter().chain(tags).collect(), ..self.made.clone() };
        let title = workflow.name.as_ref().map(|name| cut(name, 120));
        let of_flow = Made { user: made.user.clone(), ..Made::default() };
        let create = CreateFlow { made: of_flow, title, ..CreateFlow::default() };
        self.messages.push(MirrorMessage::Flow(self.flow.clone(), create));
        let start = StartRun {
            id: Some(run.clone()),
            made: made.clone(),
            silence_ms: NO_BEATS,
            ..StartRun::default()
        };
        self.messages.push(MirrorMessage::Start(self.flow.clone(), start));
        // The flow, on another shard, also begins the run with its number. This begin comes first, so later messages
        // find the run.
        let begin = runs::Begin {
            flow: self.flow.clone(),
            run,
            made,
            at: self.now,
            silence_ms: NO_BEATS,
            ..runs::Begin::default()
        };
        self.messages.push(MirrorMessage::Begin(self.key.clone(), begin));
        self.task(PARAMETERS);
        let first = if graph.is_empty() { END.to_owned() } else { named(graph.id(0)) };
        let mut records = vec![("start_step", "graph_structure", first, None)];
        records.push(("end_step", "graph_structure", end(graph), None));
        if self.number > 1 {
            let origin = mirror_id(self.begun.instance, self.number - 1);
            records.push(("origin-run-id", "origin-run-id", origin, None));
        }
        records.push(("attempt-done", "attempt-done", "0".to_owned(), Some(0)));
        self.note(PARAMETERS, records);
        let params = live.params.iter();
        let params =
            params.filter_map(|(name, param)| Some((name.as_str(), param.evaluated.as_ref()?.to_json())));
        self.add_artifacts(PARAMETERS, 0, true, params.collect());
    }

    /// The changes of one step.
    fn step(&mut self, step_index: usize, id: &str, (was, is): (&StepRun, &StepRun)) {
        let exists = |step: &StepRun| step.started.is_some() || step.ended.is_some();
        if !exists(is) {
            return;
        }
        let step = named(id);
        if !exists(was) {
            self.task(&step);
        }
        let number = |attempt: u32| attempt.saturating_sub(1);
        if is.attempt != was.attempt || !exists(was) {
            let attempt = number(is.attempt).to_string();
            self.note(&step, vec![("attempt", "attempt", attempt, Some(number(is.attempt)))]);
        }
        let known = ended_attempts(was, self.since);
        for (attempt, status, why, at) in
            ended_attempts(is, self.since).into_iter().filter(|one| !known.contains(one))
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
            self.add_artifacts(&step, attempt, sound, values);
        }
        if is.status() == StepStatus::Succeeded && was.status() != is.status() {
            self.results(step_index, &step, is);
        }
    }

    /// The results of a step that also belong to the run: figures, dataset and model version.
    fn results(&mut self, step_index: usize, step: &str, is: &StepRun) {
        let sort = self.begun.steps()[step_index].step_type();
        let at = is.ended.unwrap_or(self.now);
        let figures = values::figures(sort, &is.output);
        if !figures.is_empty() {
            let point = |(name, value)| (name, Point { value, at, step: 0 });
            let metrics = figures.into_iter().map(point).take(TAGS_MAX).collect();
            self.messages.push(MirrorMessage::Log(self.key.clone(), Log { metrics, ..Log::default() }));
        }
        let text = |value: &Json| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        if let Some(dataset) = text(&is.output["lineage"]["dataset"]) {
            let add = vec![format!("dataset:{}", cut(&dataset, TAG_BYTES_MAX))];
            self.messages.push(MirrorMessage::Tags(self.key.clone(), MutateTags { add, remove: Vec::new() }));
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
            self.messages.push(MirrorMessage::Report(self.key.clone(), report));
        }
    }

    /// The end of the run.
    fn close(&mut self, live: &Live, graph: &Graph) {
        let head = &live.head;
        let status = head.status;
        let succeeded = status == InstanceStatus::Succeeded;
        // As in Metaflow: a run without success has no end step.
        if succeeded {
            let end = end(graph);
            self.task(&end);
            let steps = live.iterations.get(&0).map_or(&[][..], |iteration| &iteration.steps);
            self.add_artifacts(&end, 0, true, values::of_run(steps));
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
        self.messages.push(MirrorMessage::Report(self.key.clone(), report));
    }

    /// A step and its one task.
    fn task(&mut self, step: &str) {
        let new = NewStep { step: step.to_owned(), made: self.made.clone() };
        self.messages.push(MirrorMessage::Step(self.key.clone(), new));
        let new = NewTask { step: step.to_owned(), id: Some(task_of(step)), made: self.made.clone() };
        self.messages.push(MirrorMessage::Task(self.key.clone(), new));
        // The run also adds the task to its block, but later than the messages that follow here.
        let (task, made) = (task_of(step), self.made.clone());
        let block = block_of(&self.key, &task);
        let add = AddTask { step: step.to_owned(), task, made, at: self.now };
        self.messages.push(MirrorMessage::Add(block, add));
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
        self.messages.push(MirrorMessage::Note(block_of(&self.key, &task), note));
    }

    fn add_artifacts(&mut self, step: &str, attempt: u32, ok: bool, values: Vec<(&str, Json)>) {
        let mut artifacts = values::artifacts(attempt, values.into_iter());
        // Clients read the end and success of a task from these.
        artifacts.extend(["_task_ok", "_success"].into_iter().map(|name| values::own(attempt, name, ok)));
        artifacts.iter_mut().for_each(|artifact| artifact.made.clone_from(&self.made));
        let task = task_of(step);
        let add = AddArtifacts { step: step.to_owned(), task: task.clone(), artifacts };
        self.messages.push(MirrorMessage::Artifacts(block_of(&self.key, &task), add));
    }
}

/// The last step: `end`, unless a step of the workflow has that name.
fn end(graph: &Graph) -> String {
    let taken = graph.index_of(END).is_some();
    if taken { format!("{END}__") } else { END.to_owned() }
}

fn task_of(step: &str) -> String {
    named(&format!("t-{step}"))
}

/// The ended attempts of a step in this run; of a step that was complete before it, the last one.
fn ended_attempts(step: &StepRun, since: Timestamp) -> Vec<EndedAttempt<'_>> {
    let own = step.ended.map(|ended| (step.attempt, step.status().word(), step.why.as_str(), ended));
    let before = step.history.iter().filter(|one| one.started >= since);
    before.map(|one| (one.attempt, one.status.as_str(), one.why.as_str(), one.ended)).chain(own).collect()
}
