//! The state of a pipeline, and how it decides definitions and ends.

use bincode::{Decode, Encode};
use serde::Serialize;
use serde_json::Value;
use troupe_runtime::entity::Answer;
use troupe_runtime::text::cut;
use troupe_runtime::{Address, Command, Context, Decide, Decision, Entity, Refused, Timestamp};

use super::messages::{
    DeletePipeline, ExecutionEnded, GetPipeline, PipelineView, PutPipeline, Reopened, Summary,
};
use super::queue::Executions;
use crate::coordination::directory::{Directory, Entry, Remove, Upsert};
use crate::coordination::signals::{Signal, Subscribe, Unsubscribe};
use crate::delivery::executions::{Definition, Deployment, Go, checked, read};
use crate::stored::NamedFields;

pub(super) const NAME_CHARS_MAX: usize = 128;
/// Maximum number of executions in one answer.
const LISTED_MAX: usize = 100;

/// One pipeline, keyed by its name.
#[derive(Debug, Default, Encode, Decode, Serialize)]
pub struct Pipeline {
    revision: u64,
    at: Timestamp,
    by: String,
    json: NamedFields<Option<Value>>,
    pub(super) definition: NamedFields<Option<Definition>>,
    pub(super) executions: NamedFields<Executions>,
}

/// What happened to a pipeline.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
pub enum Event {
    /// Written: the JSON, the author and the time.
    Put(NamedFields<Value>, String, Timestamp),
    /// Deleted.
    Deleted(Timestamp),
    /// An execution started, or a request was refused as one.
    Started(NamedFields<Summary>),
    /// A waiting or ended execution runs.
    Went(u64),
    /// An execution ended, at this time.
    Ended(ExecutionEnded, Timestamp),
}

/// The key of an execution.
#[must_use]
pub fn deployment_key(pipeline: &str, number: u64) -> String {
    format!("{pipeline}:{number}")
}

pub(super) fn deployment(pipeline: &str, number: u64) -> Address {
    Address::of::<Deployment>(deployment_key(pipeline, number))
}

impl Pipeline {
    fn entry(key: &str, state: &str, about: &str) -> Upsert {
        let entry = Entry {
            key: key.to_owned(),
            state: state.to_owned(),
            about: about.to_owned(),
            ..Entry::default()
        };
        Upsert { entry }
    }

    /// Starts the oldest waiting execution if no other one runs.
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
                // The decision parsed this JSON already, so it is valid.
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
                let listed: Vec<String> =
                    problems.iter().map(|problem| format!("{}: {}", problem.path, problem.why)).collect();
                let field = problems.first().map_or_else(String::new, |first| first.path.clone());
                return Decision::refuse(Refused::field("BAD_PIPELINE", field, listed.join("; ")));
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
        let mut decision =
            Decision::event(Event::Put(ask.definition.clone(), cut(&ask.by, NAME_CHARS_MAX), ctx.now))
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
            .tell(Directory::of::<Self>(), &Remove { key: ctx.key.to_owned() });
        for trigger in &definition.triggers {
            let unsubscribe = Unsubscribe { to: here.clone(), id: "trigger".to_owned() };
            decision = decision.tell(Address::of::<Signal>(trigger.signal.as_str()), &unsubscribe);
        }
        decision.reply(true)
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
