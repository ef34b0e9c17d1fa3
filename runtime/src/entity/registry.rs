//! The kinds that a node can run, with typed-erased access to their verbs.

use serde_json::Value;

use super::body::BodyError;
use super::context::Context;
use super::erased::{Cell, Decided, Resident};
use super::names::Names;
use super::traits::{Answer, Command, Decide, Entity, FaultPolicy, Placement, Query};
use crate::error::Refused;
use crate::wire;

/// Decodes the state from a checkpoint.
pub type Restore = fn(&[u8]) -> Result<Box<dyn Cell>, String>;
/// Runs a command.
pub type Run = fn(&mut dyn Cell, &[u8], &Context<'_>) -> Result<Decided, BodyError>;
/// Asks a query.
pub type Ask = fn(&dyn Cell, &[u8], &Context<'_>) -> Result<Result<Vec<u8>, Refused>, BodyError>;
/// Encodes a client's JSON.
pub type FromJson = fn(&Value) -> Result<Vec<u8>, BodyError>;
/// Decodes bytes to JSON.
pub type ToJson = fn(&[u8]) -> Result<Value, BodyError>;

/// How a verb runs.
#[derive(Clone, Copy)]
pub enum Action {
    /// Decides, folds its events into the cell, and returns them encoded.
    Command(Run),
    /// Answers.
    Query(Ask),
}

/// One verb of a kind.
#[derive(Clone)]
pub struct VerbSpec {
    /// Its name, `record.v1`.
    pub name: &'static str,
    /// How it runs.
    pub action: Action,
    /// See [`Command::REPEATABLE`]; true for queries.
    pub repeatable: bool,
    /// The path of its message's type, which says where its fields are described.
    pub message: &'static str,
    /// The path of its reply's type.
    pub reply: &'static str,
    /// From a client's JSON to the message's bytes.
    pub body_from_json: FromJson,
    /// From the reply's bytes to JSON.
    pub reply_to_json: ToJson,
}

impl VerbSpec {
    /// Whether it may change state.
    #[must_use]
    pub const fn is_command(&self) -> bool {
        matches!(self.action, Action::Command(_))
    }
}

/// One kind of entity.
#[derive(Clone)]
pub struct KindSpec {
    /// Its name in addresses.
    pub name: &'static str,
    /// Where its entities live.
    pub placement: Placement,
    /// The policy after a panic.
    pub faults: FaultPolicy,
    /// The state before any event.
    pub create: fn(&str) -> Box<dyn Cell>,
    /// Decodes the state from a checkpoint.
    pub restore: Restore,
    /// An event as the console shows it.
    pub event_view: fn(&[u8]) -> Result<Value, String>,
    /// Its verbs by name.
    pub verbs: Names<VerbSpec>,
}

/// The kinds of a node. Built once at start and shared.
#[derive(Default, Clone)]
pub struct Registry {
    kinds: Names<KindSpec>,
}

impl Registry {
    /// Adds a kind; verbs follow through [`Registry::command`] and [`Registry::query`].
    #[must_use]
    pub fn kind<E: Entity>(mut self) -> Self {
        let spec = KindSpec {
            name: E::KIND,
            placement: E::PLACEMENT,
            faults: E::FAULTS,
            create: |key| Box::new(Resident(E::create(key))),
            restore: |bytes| Ok(Box::new(Resident(wire::decode_snapshot::<E>(bytes)?))),
            event_view: |bytes| {
                let event = wire::decode::<E::Event>(bytes)?;
                serde_json::to_value(&event).map_err(|error| error.to_string())
            },
            verbs: Names::default(),
        };
        assert!(self.kinds.add(E::KIND, spec), "kind {:?} registered twice", E::KIND);
        self
    }

    /// Adds a command of a kind.
    #[must_use]
    pub fn command<E: Decide<C>, C: Command>(self) -> Self {
        self.verb::<E>(VerbSpec {
            name: C::VERB,
            action: Action::Command(run::<E, C>),
            repeatable: C::REPEATABLE,
            message: std::any::type_name::<C>(),
            reply: std::any::type_name::<C::Reply>(),
            body_from_json: from_json::<C>,
            reply_to_json: to_json::<C::Reply>,
        })
    }

    /// Adds a query of a kind.
    #[must_use]
    pub fn query<E: Answer<Q>, Q: Query>(self) -> Self {
        self.verb::<E>(VerbSpec {
            name: Q::VERB,
            action: Action::Query(ask::<E, Q>),
            repeatable: true,
            message: std::any::type_name::<Q>(),
            reply: std::any::type_name::<Q::Reply>(),
            body_from_json: from_json::<Q>,
            reply_to_json: to_json::<Q::Reply>,
        })
    }

    fn verb<E: Entity>(mut self, verb: VerbSpec) -> Self {
        let kind = self.kinds.get_mut(E::KIND).expect("a kind is registered before its verbs");
        let name = verb.name;
        assert!(kind.verbs.add(name, verb), "verb {name:?} of kind {:?} registered twice", E::KIND);
        self
    }

    /// The kind of this name.
    #[must_use]
    pub fn get(&self, kind: &str) -> Option<&KindSpec> {
        self.kinds.get(kind)
    }

    /// Every kind, by name.
    pub fn kinds(&self) -> impl Iterator<Item = &KindSpec> {
        self.kinds.values()
    }
}

fn run<E: Decide<C>, C: Command>(
    cell: &mut dyn Cell,
    body: &[u8],
    ctx: &Context<'_>,
) -> Result<Decided, BodyError> {
    let command = wire::decode::<C>(body).map_err(BodyError::whole)?;
    let state = cell.as_any().downcast_mut::<E>().expect("a cell holds the state of its own kind");
    let decision = state.decide(&command, ctx);
    let outcome = ctx.timers.allow(&decision.timers).and(decision.outcome);
    let reply = match outcome {
        Err(refused) => {
            let (events, effects, timers) = (Vec::new(), Vec::new(), Vec::new());
            return Ok(Decided { events, effects, timers, reply: Err(refused) });
        }
        Ok(Some(reply)) => Ok(wire::encode(&reply)),
        Ok(None) => {
            Err(Refused::new("NO_REPLY", format!("{} of {} decided without a reply", C::VERB, E::KIND)))
        }
    };
    let events = decision.events.iter().map(wire::encode).collect();
    for event in &decision.events {
        state.apply(event);
    }
    Ok(Decided { events, effects: decision.effects, timers: decision.timers, reply })
}

fn ask<E: Answer<Q>, Q: Query>(
    cell: &dyn Cell,
    body: &[u8],
    ctx: &Context<'_>,
) -> Result<Result<Vec<u8>, Refused>, BodyError> {
    let query = wire::decode::<Q>(body).map_err(BodyError::whole)?;
    let state = cell.as_any_ref().downcast_ref::<E>().expect("a cell holds the state of its own kind");
    Ok(state.answer(&query, ctx).map(|reply| wire::encode(&reply)))
}

fn from_json<T: super::traits::Wire>(value: &Value) -> Result<Vec<u8>, BodyError> {
    let message: T = serde_path_to_error::deserialize(value)?;
    Ok(wire::encode(&message))
}

fn to_json<T: super::traits::Wire>(bytes: &[u8]) -> Result<Value, BodyError> {
    let reply = wire::decode::<T>(bytes).map_err(BodyError::whole)?;
    serde_json::to_value(&reply).map_err(|error| BodyError::whole(error.to_string()))
}
