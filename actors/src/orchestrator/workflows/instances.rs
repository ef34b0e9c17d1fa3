//! The start, scheduling, stop and end of instances.

use serde_json::json;
use troupe_runtime::text::cut;
use troupe_runtime::{Address, Command, Context, Decision, Refused, Timestamp, wire};
use troupe_workflows::Ordered;
use troupe_workflows::definition::Properties;
use troupe_workflows::params::Value;
use troupe_workflows::status::InstanceStatus;
use troupe_workflows::strategy::{Known as Candidate, plan};

use super::messages::{RestartInstance, StartWorkflow, Started};
use super::state::{Change, Event, Instance, Known, OPEN_MAX, Workflow, sum_of};
use crate::coordination::directory::{Directory, Entry, Upsert};
use crate::orchestrator::permits::{Permit, SetPermit};
use crate::orchestrator::runs::permits::of_workflow;
use crate::orchestrator::runs::{
    Begin, Counts, Ended, Forget, Kind, Parent, Restart, SetBreakpoints, Stop, WorkflowRun, key_of,
};
use crate::stored::NamedFields;

const REQUEST_BYTES_MAX: usize = 300;
/// Bytes of a start: parameters, initiator and signals.
const START_BYTES_MAX: usize = 160 << 10;
const WORDS_CHARS_MAX: usize = 400;

/// The draft of a command's decision: a copy of the workflow, the changes so far, and the outgoing messages.
pub(super) struct WorkflowDraft<'a> {
    pub(super) key: &'a str,
    pub(super) now: Timestamp,
    pub(super) known: Known,
    /// The step concurrency limit before the command.
    bound: Option<u64>,
    pub(super) changes: Vec<Change>,
    begins: Vec<(String, Box<Begin>)>,
    stops: Vec<(String, Stop)>,
    restarts: Vec<(String, Restart)>,
    /// Breakpoints for runs.
    breakpoints: Vec<(String, SetBreakpoints)>,
    ends: Vec<(Address, Box<Ended>)>,
    /// Keys of the runs of forgotten instances.
    gone: Vec<String>,
}

impl<'a> WorkflowDraft<'a> {
    pub(super) fn new(workflow: &Workflow, ctx: &Context<'a>) -> Self {
        Self {
            key: ctx.key,
            now: ctx.now,
            known: workflow.known.0.clone(),
            bound: workflow.known.0.properties.step_concurrency,
            changes: Vec::new(),
            begins: Vec::new(),
            stops: Vec::new(),
            restarts: Vec::new(),
            breakpoints: Vec::new(),
            ends: Vec::new(),
            gone: Vec::new(),
        }
    }

    pub(super) fn apply(&mut self, change: Change) {
        let ends = matches!(&change, Change::Instance(_, instance) if instance.status.is_terminal());
        let before: Vec<u64> = if ends { self.known.instances.keys().copied().collect() } else { Vec::new() };
        let mut folded = Workflow { known: NamedFields(std::mem::take(&mut self.known)) };
        troupe_runtime::Entity::apply(&mut folded, &Event::of(change.clone()));
        self.known = folded.known.0;
        let gone = before.into_iter().filter(|number| !self.known.instances.contains_key(number));
        self.gone.extend(gone.map(|number| key_of(self.key, number)));
        self.changes.push(change);
    }

    pub(super) fn line(&mut self, words: &str) {
        self.apply(Change::Line(self.now, cut(words, WORDS_CHARS_MAX)));
    }

    pub(super) fn set(&mut self, number: u64, instance: Instance) {
        self.apply(Change::Instance(number, Box::new(instance)));
    }

    /// The number of a version by number or name.
    pub(super) fn version(&self, name: &str) -> Result<u64, Refused> {
        let missing = |why: String| Refused::field("NO_VERSION", "version", why);
        match name.to_ascii_lowercase().as_str() {
            "active" => {
                let active = self.known.active;
                active.ok_or_else(|| missing(format!("workflow {:?} has no active version", self.key)))
            }
            // As in Maestro: the active version, or the newest as fallback.
            "default" if !self.known.versions.is_empty() => {
                Ok(self.known.active.unwrap_or(self.known.newest))
            }
            "latest" if !self.known.versions.is_empty() => Ok(self.known.newest),
            text => {
                let number = text.parse().ok().filter(|number| self.known.versions.contains_key(number));
                number.ok_or_else(|| missing(format!("workflow {:?} has no version {name:?}", self.key)))
            }
        }
    }

    /// Starts an instance, or returns the one of an earlier request with the same id.
    pub(super) fn start(&mut self, ask: &StartWorkflow) -> Result<Started, Refused> {
        if ask.request_id.is_empty() || ask.request_id.len() > REQUEST_BYTES_MAX {
            let why = format!("request_id must be 1 to {REQUEST_BYTES_MAX} bytes");
            return Err(Refused::field("BAD_REQUEST_ID", "request_id", why));
        }
        let bytes = wire::encode(ask).len();
        if bytes > START_BYTES_MAX {
            let why =
                format!("the start takes {bytes} bytes, {START_BYTES_MAX} are the most: pass less along");
            return Err(Refused::field("TOO_LONG", "params", why));
        }
        let same = |(_, instance): &(&u64, &Instance)| instance.request_id == ask.request_id;
        if let Some((number, instance)) = self.known.instances.iter().rev().find(same) {
            return Ok(Started {
                instance: Some(*number),
                version: instance.version,
                fresh: false,
                status: NamedFields(instance.status),
            });
        }
        let sum = sum_of(&ask.request_id);
        if let Some((_, number, version, status)) = self.known.past.iter().rev().find(|past| past.0 == sum) {
            return Ok(Started {
                instance: Some(*number),
                version: *version,
                fresh: false,
                status: NamedFields(*status),
            });
        }
        let version = self.version(&ask.version)?;
        self.room()?;
        let number = self.known.started + 1;
        let mut initiator = ask.initiator.0.clone();
        if initiator.is_null() {
            initiator = json!({});
        }
        if let (Some(entries), Some(owner)) = (initiator.as_object_mut(), &self.known.properties.owner) {
            entries.entry("owner").or_insert_with(|| json!(owner));
        }
        let instance = Instance {
            version,
            run: 0,
            status: InstanceStatus::Created,
            request_id: ask.request_id.clone(),
            initiator,
            notify: ask.notify.clone(),
            waits: Some(Box::new((None, ask.clone()))),
            again: None,
            created: self.now,
            ended: None,
            stopping: false,
            blocks: false,
            why: String::new(),
            counts: Counts::default(),
        };
        self.set(number, instance);
        self.schedule();
        let status = self.known.instances.get(&number).map_or(InstanceStatus::Created, |i| i.status);
        Ok(Started { instance: Some(number), version, fresh: true, status: NamedFields(status) })
    }

    /// Checks the limit of instances that wait or run.
    pub(super) fn room(&self) -> Result<(), Refused> {
        let open = self.known.instances.values().filter(|instance| !instance.status.is_terminal()).count();
        if open >= OPEN_MAX {
            let why = format!("{OPEN_MAX} instances wait or run: stop some, or try again later");
            return Err(Refused::new("TOO_MANY", why));
        }
        Ok(())
    }

    /// Starts and stops instances by the run strategy.
    pub(super) fn schedule(&mut self) {
        let strategy = self.known.properties.run_strategy.unwrap_or_default();
        let candidates: Vec<Candidate> = self
            .known
            .instances
            .iter()
            .filter(|(_, instance)| !instance.status.is_terminal() || instance.blocks)
            .map(|(id, instance)| Candidate { id: *id, status: instance.status, stopping: instance.stopping })
            .collect();
        let plan = plan(strategy, &candidates);
        for (number, reason) in plan.stop {
            self.stop(number, &reason.to_string(), false);
        }
        for number in plan.start {
            self.begin(number);
        }
    }

    fn begin(&mut self, number: u64) {
        let Some(mut instance) = self.known.instances.get(&number).cloned() else { return };
        if let Some(again) = instance.again.take() {
            (instance.status, instance.run) = (InstanceStatus::InProgress, instance.run + 1);
            let RestartInstance { at, params, by, .. } = *again;
            // An ended run receives no breakpoint changes, so the restart sends the present ones.
            self.breakpoints.push((key_of(self.key, number), self.breakpoints_now(false)));
            self.restarts.push((key_of(self.key, number), Restart { run: instance.run, at, params, by }));
            return self.set(number, instance);
        }
        let Some(waits) = instance.waits.take() else { return };
        let (kept, start) = *waits;
        let version = || self.known.versions.get(&instance.version).map(|version| version.workflow.clone());
        let Some(workflow) = kept.or_else(version) else {
            let why = format!("version {} was forgotten", instance.version);
            return self.over(number, InstanceStatus::Failed, &why, Counts::default(), &Ordered::new());
        };
        let begin = Begin {
            workflow: self.key.to_owned(),
            version: instance.version,
            instance: number,
            steps: NamedFields(Vec::new()),
            kind: NamedFields(Kind::Instance {
                workflow: Box::new(workflow),
                params: start.params.0,
                source: start.source.0,
                upstream: start.notify.is_some(),
                bounded: self.known.properties.step_concurrency.is_some(),
            }),
            outer: NamedFields(Vec::new()),
            initiator: NamedFields(instance.initiator.clone()),
            signals: start.signals,
            parent: Some(self.parent(number)),
            breakpoints: self.known.breakpoints.iter().cloned().collect(),
        };
        (instance.status, instance.run) = (InstanceStatus::InProgress, 1);
        self.set(number, instance);
        self.begins.push((key_of(self.key, number), Box::new(begin)));
    }

    fn breakpoints_now(&self, resume: bool) -> SetBreakpoints {
        SetBreakpoints { steps: self.known.breakpoints.iter().cloned().collect(), resume }
    }

    /// Sends the breakpoints to each running instance.
    pub(super) fn send_breakpoints(&mut self, resume: bool) {
        let set = self.breakpoints_now(resume);
        let run = |instance: &Instance| instance.run > 0 && instance.status == InstanceStatus::InProgress;
        let running = self.known.instances.iter().filter(|(_, instance)| run(instance));
        let keys: Vec<String> = running.map(|(number, _)| key_of(self.key, *number)).collect();
        self.breakpoints.extend(keys.into_iter().map(|key| (key, set.clone())));
    }

    fn parent(&self, number: u64) -> Parent {
        Parent { to: Address::of::<Workflow>(self.key), id: number.to_string() }
    }

    /// Stops an instance that waits or runs.
    pub(super) fn stop(&mut self, number: u64, why: &str, kill: bool) -> bool {
        let Some(mut instance) = self.known.instances.get(&number).cloned() else { return false };
        if instance.status.is_terminal() || instance.stopping {
            return false;
        }
        if instance.status == InstanceStatus::Created {
            let status = if kill { InstanceStatus::Failed } else { InstanceStatus::Stopped };
            self.over(number, status, why, Counts::default(), &Ordered::new());
            return true;
        }
        instance.stopping = true;
        self.set(number, instance);
        self.stops.push((key_of(self.key, number), Stop { why: why.to_owned(), kill }));
        true
    }

    /// Ends an instance; `values` has the outputs that its parent uses.
    pub(super) fn over(
        &mut self,
        number: u64,
        status: InstanceStatus,
        why: &str,
        counts: Counts,
        values: &Ordered<Value>,
    ) {
        use troupe_workflows::definition::Rule;
        let Some(mut instance) = self.known.instances.get(&number).cloned() else { return };
        let strict = self.known.properties.run_strategy.is_some_and(|s| s.rule == Rule::StrictSequential);
        (instance.status, instance.ended, instance.stopping) = (status, Some(self.now), false);
        (instance.why, instance.counts, instance.waits) = (why.to_owned(), counts, None);
        instance.again = None;
        instance.blocks = strict && status != InstanceStatus::Succeeded && status != InstanceStatus::Stopped;
        if let Some(parent) = &instance.notify {
            let ended = Ended {
                id: parent.id.clone(),
                run: instance.run,
                status: NamedFields(status),
                counts,
                why: why.to_owned(),
                values: NamedFields(values.clone()),
            };
            self.ends.push((parent.to.clone(), Box::new(ended)));
        }
        self.set(number, instance);
    }

    /// Reports a refused start to the parent as a failed end.
    pub(super) fn refuse_to(&mut self, parent: &Parent, refused: &Refused) {
        let ended = Ended {
            id: parent.id.clone(),
            run: 0,
            status: NamedFields(InstanceStatus::Failed),
            counts: Counts::default(),
            why: refused.message.clone(),
            values: NamedFields(Ordered::new()),
        };
        self.ends.push((parent.to.clone(), Box::new(ended)));
    }

    /// Adds the changes and messages to a decision.
    pub(super) fn decide<C: Command>(self, decision: Decision<Workflow, C>) -> Decision<Workflow, C> {
        let listed =
            self.changes.iter().any(|change| matches!(change, Change::Pushed { .. } | Change::Activated(_)));
        let entry = Entry {
            key: self.key.to_owned(),
            state: if self.known.active.is_some() { "active" } else { "inactive" }.to_owned(),
            about: about(&self.known.properties),
            ..Entry::default()
        };
        let mut decision = decision;
        let bound = self.known.properties.step_concurrency;
        if bound != self.bound {
            let set = SetPermit { most: bound, by: "step_concurrency".to_owned() };
            decision = decision.tell(Address::of::<Permit>(of_workflow(self.key)), &set);
        }
        for change in self.changes {
            decision = decision.and(Event::of(change));
        }
        for (key, begin) in &self.begins {
            decision = decision.tell(Address::of::<WorkflowRun>(key.as_str()), begin.as_ref());
        }
        for (key, set) in &self.breakpoints {
            decision = decision.tell(Address::of::<WorkflowRun>(key.as_str()), set);
        }
        for (key, stop) in &self.stops {
            decision = decision.tell(Address::of::<WorkflowRun>(key.as_str()), stop);
        }
        for (key, restart) in &self.restarts {
            decision = decision.tell(Address::of::<WorkflowRun>(key.as_str()), restart);
        }
        for key in &self.gone {
            decision = decision.tell(Address::of::<WorkflowRun>(key.as_str()), &Forget {});
        }
        for (to, ended) in &self.ends {
            decision = decision.tell(to.clone(), ended.as_ref());
        }
        if listed { decision.tell(Directory::of::<Workflow>(), &Upsert { entry }) } else { decision }
    }
}

fn about(properties: &Properties) -> String {
    properties.owner.as_ref().map_or_else(String::new, |owner| format!("of {owner}"))
}
