//! How a pipeline decides.

use bincode::{Decode, Encode};
use serde::Serialize;
use serde_json::{Map, Value, json};
use troupe_runtime::entity::Answer;
use troupe_runtime::{Address, Command, Context, Decide, Decision, Entity, Refused, Timestamp};

use super::messages::{
    Above, DeletePipeline, ExecutionEnded, GetPipeline, PipelineView, PutPipeline, Reopened, RunFor,
    StartPipeline, Started, Summary,
};
use super::queue::{Executions, OPEN_MAX, TURNED_AWAY};
use crate::coordination::directory::{Directory, Enlist, Entry, Strike};
use crate::coordination::signals::{Heard, Signal, Subscribe, Unsubscribe};
use crate::delivery::executions::{
    Begin, Begun, Cancel, ChildEnded, Definition, Deployment, Go, checked, expression, read,
};
use crate::stored::NamedFields;

const REQUEST_BYTES_MAX: usize = 256;
const NAME_CHARS_MAX: usize = 128;
/// Bytes of what an execution is started with.
const PARAMETERS_BYTES_MAX: usize = 16 << 10;
/// Pipelines that run each other, so that one that runs itself ends.
const DEEP_MAX: u32 = 10;
/// Executions of one answer.
const LISTED_MAX: usize = 100;

/// One pipeline, keyed by its name.
#[derive(Debug, Default, Encode, Decode, Serialize)]
pub struct Pipeline {
    revision: u64,
    at: Timestamp,
    by: String,
    json: NamedFields<Option<Value>>,
    definition: NamedFields<Option<Definition>>,
    executions: NamedFields<Executions>,
}

/// What happened to a pipeline.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
pub enum Event {
    /// It was written: its JSON, by whom, when.
    Put(NamedFields<Value>, String, Timestamp),
    /// It was deleted.
    Deleted(Timestamp),
    /// An execution was started.
    Started(NamedFields<Summary>),
    /// An execution's turn came.
    Went(u64),
    /// An execution ended.
    Ended(ExecutionEnded, Timestamp),
}

/// The key of an execution.
#[must_use]
pub fn deployment_key(pipeline: &str, number: u64) -> String {
    format!("{pipeline}:{number}")
}

fn deployment(pipeline: &str, number: u64) -> Address {
    Address::of::<Deployment>(deployment_key(pipeline, number))
}

fn cut(words: &str) -> String {
    words.chars().take(NAME_CHARS_MAX).collect()
}

/// One start, whatever it comes from.
struct Wanted {
    request: String,
    by: String,
    parameters: Map<String, Value>,
    trigger: Value,
    parent: Option<(Address, String)>,
    above: Above,
}

impl Pipeline {
    fn entry(key: &str, state: &str, about: &str) -> Enlist {
        let entry = Entry {
            key: key.to_owned(),
            state: state.to_owned(),
            about: about.to_owned(),
            ..Entry::default()
        };
        Enlist { entry }
    }

    /// What an execution is started with: what is given, and the defaults of what is not.
    fn parameters(
        definition: &Definition,
        given: &Map<String, Value>,
    ) -> Result<Map<String, Value>, Refused> {
        let mut parameters = given.clone();
        for parameter in &definition.parameters {
            if parameters.contains_key(&parameter.name) {
                continue;
            }
            match &parameter.default {
                Some(default) => drop(parameters.insert(parameter.name.clone(), default.clone())),
                None if parameter.required => {
                    let why = format!("the pipeline needs {:?}", parameter.name);
                    return Err(Refused::field(
                        "NO_PARAMETER",
                        format!("parameters.{}", parameter.name),
                        why,
                    ));
                }
                None => {}
            }
        }
        if serde_json::to_string(&parameters).is_ok_and(|text| text.len() > PARAMETERS_BYTES_MAX) {
            let why = format!("parameters have {PARAMETERS_BYTES_MAX} bytes at most");
            return Err(Refused::field("TOO_LONG", "parameters", why));
        }
        Ok(parameters)
    }

    /// Starts an execution, unless the request started one before.
    fn start<C: Command>(
        &self,
        wanted: Wanted,
        ctx: &Context<'_>,
    ) -> Result<(Decision<Self, C>, Started), Refused> {
        if wanted.request.is_empty() || wanted.request.len() > REQUEST_BYTES_MAX {
            let why = format!("a request's id must be 1 to {REQUEST_BYTES_MAX} bytes");
            return Err(Refused::field("BAD_REQUEST", "request", why));
        }
        if let Some(held) = self.executions.0.of(&wanted.request) {
            let started = Started {
                execution: deployment_key(ctx.key, held.number),
                number: held.number,
                duplicate: true,
                waits: held.ended.is_none() && held.status == "NOT_STARTED",
            };
            return Ok((Decision::unchanged(), started));
        }
        let Some(definition) = &self.definition.0 else {
            let why = format!("there is no pipeline {:?}", ctx.key);
            return Err(Refused::field("UNKNOWN_PIPELINE", "pipeline", why));
        };
        self.comes_to_an_end(definition, &wanted.above, ctx.key)?;
        let executions = &self.executions.0;
        let waiting = executions.waiting().count();
        // Where only the newest is to wait, it takes the place of those that do.
        let full = executions.running() + if definition.keep_waiting { waiting } else { waiting.min(1) };
        if full >= OPEN_MAX {
            let why = format!("{OPEN_MAX} executions have not ended: cancel some, or wait");
            return Err(Refused::new("TOO_MANY", why));
        }
        let parameters = Self::parameters(definition, &wanted.parameters)?;
        let number = executions.last + 1;
        let waits = definition.limit_concurrent && executions.running() > 0;
        let summary = Summary {
            number,
            request: wanted.request.clone(),
            by: wanted.by.clone(),
            at: ctx.now,
            status: if waits { "NOT_STARTED" } else { "RUNNING" }.to_owned(),
            ..Summary::default()
        };
        let begun = Begun {
            pipeline: ctx.key.to_owned(),
            number,
            definition: definition.clone(),
            parameters,
            trigger: wanted.trigger,
            by: wanted.by,
            request: wanted.request,
            parent: wanted.parent,
            above: wanted.above,
        };
        let mut decision = Decision::event(Event::Started(NamedFields(summary)))
            .tell(deployment(ctx.key, number), &Begin { begun: NamedFields(begun), waits });
        if waits && !definition.keep_waiting {
            for held in executions.waiting() {
                let why = format!("execution {number} is newer, and only the newest waits");
                let cancel = Cancel { by: ctx.key.to_owned(), why };
                decision = decision.tell(deployment(ctx.key, held.number), &cancel);
            }
        }
        let execution = deployment_key(ctx.key, number);
        Ok((decision, Started { execution, number, duplicate: false, waits }))
    }

    /// Refuses what runs itself without end, or waits for its own.
    fn comes_to_an_end(&self, definition: &Definition, above: &Above, key: &str) -> Result<(), Refused> {
        if above.deep > DEEP_MAX {
            let why = format!(
                "it would be the pipeline of {DEEP_MAX} pipelines, which are the most: see whether {key:?} runs itself"
            );
            return Err(Refused::field("TOO_DEEP", "pipeline", why));
        }
        let own = |execution: &&String| execution.rsplit_once(':').is_some_and(|(name, _)| name == key);
        match above.waiting.iter().find(own).filter(|_| definition.limit_concurrent) {
            Some(waits) => {
                let why = format!(
                    "{waits} waits for it, and {key:?} runs one execution at a time: set its limitConcurrent to false"
                );
                Err(Refused::field("RUNS_ITSELF", "pipeline", why))
            }
            None => Ok(()),
        }
    }

    /// Keeps what a start that nobody waits for was refused with, as an execution that ended before it began.
    fn turn_away<C: Command>(
        &self,
        ctx: &Context<'_>,
        request: String,
        by: String,
        refused: &Refused,
    ) -> Decision<Self, C> {
        let summary = Summary {
            number: self.executions.0.last + 1,
            request,
            by,
            at: ctx.now,
            status: TURNED_AWAY.to_owned(),
            why: format!("it was not started: {}: {}", refused.code, refused.message),
            ended: Some(ctx.now),
        };
        Decision::event(Event::Started(NamedFields(summary)))
    }

    /// Lets the next one begin, if one may.
    fn next<C: Command>(&self, decision: Decision<Self, C>, key: &str, ended: u64) -> Decision<Self, C> {
        let executions = &self.executions.0;
        let others = executions.newest().filter(|held| held.ended.is_none() && held.status != "NOT_STARTED");
        if others.filter(|held| held.number != ended).count() > 0 {
            return decision;
        }
        match executions.waiting().find(|held| held.number != ended) {
            Some(held) => {
                let number = held.number;
                decision.and(Event::Went(number)).tell(deployment(key, number), &Go {})
            }
            None => decision,
        }
    }
}

impl Entity for Pipeline {
    const KIND: &'static str = "pipelines";
    type Event = Event;

    fn create(_key: &str) -> Self {
        Self::default()
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::Put(json, by, at) => {
                // What is stored was read when it was decided.
                self.definition.0 = read(&json.0).ok();
                self.json.0 = Some(json.0.clone());
                (self.by, self.at) = (by.clone(), *at);
                self.revision += 1;
            }
            Event::Deleted(at) => {
                (self.definition.0, self.json.0, self.at) = (None, None, *at);
                self.revision += 1;
            }
            Event::Started(summary) => self.executions.0.add(summary.0.clone()),
            Event::Went(number) => self.executions.0.run(*number),
            Event::Ended(ended, at) => self.executions.0.end(ended.number, &ended.status, &ended.why, *at),
        }
    }

    fn size(&self) -> usize {
        let json = self.json.0.as_ref().map_or(0, |json| json.to_string().len());
        size_of::<Self>() + json * 3 + self.executions.0.newest().count() * 300
    }
}

impl Decide<PutPipeline> for Pipeline {
    fn decide(&self, ask: &PutPipeline, ctx: &Context<'_>) -> Decision<Self, PutPipeline> {
        let definition = match checked(&ask.definition.0) {
            Ok(definition) => definition,
            Err(problems) => {
                let said: Vec<String> =
                    problems.iter().map(|problem| format!("{}: {}", problem.path, problem.why)).collect();
                let field = problems.first().map_or_else(String::new, |first| first.path.clone());
                return Decision::refuse(Refused::field("BAD_PIPELINE", field, said.join("; ")));
            }
        };
        if definition.name != ctx.key {
            let why = format!("the pipeline is called {:?}: give that name, or write another one", ctx.key);
            return Decision::refuse(Refused::field("WRONG_NAME", "name", why));
        }
        if self.json.0.as_ref() == Some(&ask.definition.0) {
            return Decision::unchanged().reply(self.revision);
        }
        let held = self.definition.0.iter().flat_map(|held| &held.triggers);
        let gone = held.filter(|held| definition.triggers.iter().all(|new| new.signal != held.signal));
        let here = Address::of::<Self>(ctx.key);
        let mut decision = Decision::event(Event::Put(ask.definition.clone(), cut(&ask.by), ctx.now))
            .tell(Directory::of::<Self>(), &Self::entry(ctx.key, "defined", &definition.application));
        for trigger in gone {
            let unsubscribe = Unsubscribe { to: here.clone(), id: "trigger".to_owned() };
            decision = decision.tell(Address::of::<Signal>(trigger.signal.as_str()), &unsubscribe);
        }
        for trigger in &definition.triggers {
            let subscribe = Subscribe { to: here.clone(), id: "trigger".to_owned(), since: None };
            decision = decision.tell(Address::of::<Signal>(trigger.signal.as_str()), &subscribe);
        }
        decision.reply(self.revision + 1)
    }
}

impl Decide<DeletePipeline> for Pipeline {
    fn decide(&self, _ask: &DeletePipeline, ctx: &Context<'_>) -> Decision<Self, DeletePipeline> {
        let Some(definition) = &self.definition.0 else { return Decision::unchanged().reply(false) };
        let here = Address::of::<Self>(ctx.key);
        let mut decision = Decision::event(Event::Deleted(ctx.now))
            .tell(Directory::of::<Self>(), &Strike { key: ctx.key.to_owned() });
        for trigger in &definition.triggers {
            let unsubscribe = Unsubscribe { to: here.clone(), id: "trigger".to_owned() };
            decision = decision.tell(Address::of::<Signal>(trigger.signal.as_str()), &unsubscribe);
        }
        decision.reply(true)
    }
}

impl Decide<StartPipeline> for Pipeline {
    fn decide(&self, ask: &StartPipeline, ctx: &Context<'_>) -> Decision<Self, StartPipeline> {
        let mut trigger = ask.trigger.0.clone();
        trigger.entry("type").or_insert_with(|| json!("manual"));
        let small = serde_json::to_string(&trigger).is_ok_and(|text| text.len() <= PARAMETERS_BYTES_MAX);
        if !small {
            let why = format!("a trigger has {PARAMETERS_BYTES_MAX} bytes at most");
            return Decision::refuse(Refused::field("TOO_LONG", "trigger", why));
        }
        let by = if ask.by.trim().is_empty() { "somebody".to_owned() } else { cut(&ask.by) };
        let wanted = Wanted {
            request: ask.request.clone(),
            by,
            parameters: ask.parameters.0.clone(),
            trigger: Value::Object(trigger),
            parent: None,
            above: Above::default(),
        };
        match self.start(wanted, ctx) {
            Ok((decision, started)) => decision.reply(started),
            Err(refused) => Decision::refuse(refused),
        }
    }
}

impl Decide<Heard> for Pipeline {
    fn decide(&self, ask: &Heard, ctx: &Context<'_>) -> Decision<Self, Heard> {
        let trigger =
            self.definition.0.as_ref().and_then(|definition| {
                definition.triggers.iter().find(|trigger| trigger.signal == ask.signal)
            });
        let Some(trigger) = trigger else { return Decision::unchanged().reply(()) };
        let params: Map<String, Value> =
            ask.raise.params.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        let known = json!({ "type": "signal", "signal": ask.signal, "seq": ask.seq, "id": ask.raise.id,
            "from": ask.raise.from, "params": params });
        if let Some(condition) = &trigger.when
            && !expression::holds(condition, &json!({ "trigger": known })).unwrap_or(false)
        {
            return Decision::unchanged().reply(());
        }
        let wanted = Wanted {
            request: format!("signal/{}/{}", ask.signal, ask.seq),
            by: format!("signal {}", cut(&ask.signal)),
            parameters: params,
            trigger: known,
            parent: None,
            above: Above::default(),
        };
        // Nobody waits for an answer, and the raise is not asked for again: what became of it is among the executions.
        let (request, by) = (wanted.request.clone(), wanted.by.clone());
        match self.start(wanted, ctx) {
            Ok((decision, _)) => decision.reply(()),
            Err(refused) => self.turn_away(ctx, request, by, &refused).reply(()),
        }
    }
}

impl Decide<RunFor> for Pipeline {
    fn decide(&self, ask: &RunFor, ctx: &Context<'_>) -> Decision<Self, RunFor> {
        let parent = (ask.owner.clone(), ask.id.clone());
        let wanted = Wanted {
            request: format!("{}/{}", ask.owner, ask.id),
            by: ask.owner.key.clone(),
            parameters: ask.parameters.0.clone(),
            trigger: json!({ "type": if ask.owner.kind == Deployment::KIND { "pipeline" } else { "workflow" }, "parent": ask.owner.key }),
            parent: Some(parent),
            above: ask.above.0.clone(),
        };
        match self.start(wanted, ctx) {
            Ok((decision, started)) => {
                let (status, why) = (if started.waits { "NOT_STARTED" } else { "RUNNING" }, String::new());
                let begun = ChildEnded {
                    id: ask.id.clone(),
                    execution: started.execution,
                    status: status.to_owned(),
                    why,
                };
                decision.tell(ask.owner.clone(), &begun).reply(())
            }
            Err(refused) => {
                let (execution, status) = (String::new(), "TERMINAL".to_owned());
                let why = format!("{}: {}", refused.code, refused.message);
                let ended = ChildEnded { id: ask.id.clone(), execution, status, why };
                Decision::unchanged().tell(ask.owner.clone(), &ended).reply(())
            }
        }
    }
}

impl Decide<ExecutionEnded> for Pipeline {
    fn decide(&self, ask: &ExecutionEnded, ctx: &Context<'_>) -> Decision<Self, ExecutionEnded> {
        if !self.executions.0.is_open(ask.number) {
            return Decision::unchanged().reply(());
        }
        let decision = Decision::event(Event::Ended(ask.clone(), ctx.now));
        self.next(decision, ctx.key, ask.number).reply(())
    }
}

impl Decide<Reopened> for Pipeline {
    fn decide(&self, ask: &Reopened, _ctx: &Context<'_>) -> Decision<Self, Reopened> {
        Decision::event(Event::Went(ask.number)).reply(())
    }
}

impl Answer<GetPipeline> for Pipeline {
    fn answer(&self, _ask: &GetPipeline, _ctx: &Context<'_>) -> Result<PipelineView, Refused> {
        Ok(PipelineView {
            definition: self.json.clone(),
            revision: self.revision,
            at: self.at,
            by: self.by.clone(),
            executions: NamedFields(self.executions.0.newest().take(LISTED_MAX).cloned().collect()),
        })
    }
}
