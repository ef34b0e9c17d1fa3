//! Starts executions: on request, by a signal, or for another execution.

use serde_json::{Map, Value, json};
use troupe_runtime::text::cut;
use troupe_runtime::{Address, Command, Context, Decide, Decision, Entity, Refused};

use super::messages::{Ancestry, RunFor, StartPipeline, Started, Summary};
use super::queue::{OPEN_MAX, TURNED_AWAY};
use super::state::{Event, NAME_CHARS_MAX, Pipeline, deployment, deployment_key};
use crate::coordination::signals::Heard;
use crate::delivery::executions::{Begin, Begun, Cancel, ChildEnded, Definition, Deployment, expression};
use crate::stored::NamedFields;

const REQUEST_BYTES_MAX: usize = 256;
/// Largest parameters, and largest trigger, of one execution in bytes of JSON.
const PARAMETERS_BYTES_MAX: usize = 16 << 10;
/// Longest chain of pipelines that run each other; it ends a recursion.
const DEPTH_MAX: u32 = 10;

/// One request to start an execution.
struct Wanted {
    request: String,
    by: String,
    parameters: Map<String, Value>,
    trigger: Value,
    parent: Option<(Address, String)>,
    ancestry: Ancestry,
}

impl Pipeline {
    /// The values of the parameters: the given ones, then the defaults.
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

    /// Starts an execution, or returns the one that an earlier request with this id started.
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
            let why = format!("unknown pipeline {:?}", ctx.key);
            return Err(Refused::field("UNKNOWN_PIPELINE", "pipeline", why));
        };
        self.check_recursion(definition, &wanted.ancestry, ctx.key)?;
        let executions = &self.executions.0;
        let waiting = executions.waiting().count();
        // If only the newest execution may wait, it replaces those that wait.
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
            ancestry: wanted.ancestry,
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

    /// Refuses endless recursion, and an execution that would wait for itself.
    fn check_recursion(
        &self,
        definition: &Definition,
        ancestry: &Ancestry,
        key: &str,
    ) -> Result<(), Refused> {
        if ancestry.depth > DEPTH_MAX {
            let why = format!(
                "it would be the pipeline of {DEPTH_MAX} pipelines, which are the most: see whether {key:?} runs itself"
            );
            return Err(Refused::field("TOO_DEEP", "pipeline", why));
        }
        let own = |execution: &&String| execution.rsplit_once(':').is_some_and(|(name, _)| name == key);
        match ancestry.waiting.iter().find(own).filter(|_| definition.limit_concurrent) {
            Some(waits) => {
                let why = format!(
                    "{waits} waits for it, and {key:?} runs one execution at a time: set its limitConcurrent to false"
                );
                Err(Refused::field("RUNS_ITSELF", "pipeline", why))
            }
            None => Ok(()),
        }
    }

    /// Records a refused start that has no caller to answer, as an execution that ended before it began.
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
        let by = if ask.by.trim().is_empty() { "anonymous".to_owned() } else { cut(&ask.by, NAME_CHARS_MAX) };
        let wanted = Wanted {
            request: ask.request.clone(),
            by,
            parameters: ask.parameters.0.clone(),
            trigger: Value::Object(trigger),
            parent: None,
            ancestry: Ancestry::default(),
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
            by: format!("signal {}", cut(&ask.signal, NAME_CHARS_MAX)),
            parameters: params,
            trigger: known,
            parent: None,
            ancestry: Ancestry::default(),
        };
        // A raise has no caller to answer and is not repeated, so a refusal is recorded among the executions.
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
            ancestry: ask.ancestry.0.clone(),
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
