//! Entities in one process without replication or disk, for tests of kinds and of the gateway.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use super::router::Router;
use super::scripted::scripted;
use crate::address::Address;
use crate::entity::{Action, Cell, Context, Effect, Globals, Placement, Registry};
use crate::error::AskError;
use crate::locks::lock;
use crate::time::Timestamp;
use crate::transport::{AskOne, Outcome};

/// Longest chain of effects, so that two entities that answer each other terminate.
const EFFECTS_MAX: usize = 10_000;

/// Runs every entity in memory, one message at a time, effects at once.
pub struct Solo {
    registry: Arc<Registry>,
    globals: Arc<Globals>,
    cells: Mutex<HashMap<Address, Box<dyn Cell>>>,
}

impl Solo {
    /// A router over entities that live as long as the router.
    #[must_use]
    pub fn router(registry: Registry) -> (Router, Arc<Globals>) {
        let registry = Arc::new(registry);
        let globals = Arc::new(Globals::default());
        let solo = Self { registry: registry.clone(), globals: globals.clone(), cells: Mutex::default() };
        let router = scripted(registry, move |asks| {
            let outcomes = asks.into_iter().map(|ask| solo.run(ask)).collect();
            Box::pin(std::future::ready(outcomes))
        });
        (router, globals)
    }

    fn run(&self, ask: AskOne) -> Outcome {
        let (reply, effects) = self.run_one(&ask.to, &ask.verb, &ask.body)?;
        // Effects between two entities keep their order, as in a cluster.
        let mut effects: VecDeque<Effect> = effects.into();
        let mut followed = 0;
        while let Some(effect) = effects.pop_front() {
            followed += 1;
            if followed > EFFECTS_MAX {
                return Err(AskError::Fault("effects without end".into()));
            }
            // A refused effect is a dead letter, as in a cluster.
            if let Ok((_, more)) = self.run_one(&effect.to, &effect.verb, &effect.body) {
                effects.extend(more);
            }
        }
        Ok(reply)
    }

    fn run_one(&self, to: &Address, verb: &str, body: &[u8]) -> Result<(Vec<u8>, Vec<Effect>), AskError> {
        let kind = self.registry.get(&to.kind).ok_or_else(|| AskError::UnknownKind(to.kind.clone()))?;
        let spec = kind
            .verbs
            .get(verb)
            .ok_or_else(|| AskError::UnknownVerb { kind: to.kind.clone(), verb: verb.to_owned() })?;
        let ctx = Context::at(Timestamp::wall(), &to.key, &self.globals);
        let mut cells = lock(&self.cells);
        let cell = cells.entry(to.clone()).or_insert_with(|| (kind.create)(&to.key));
        match spec.action {
            Action::Query(ask) => {
                let reply =
                    ask(cell.as_ref(), body, &ctx).map_err(|error| AskError::BadBody(error.to_string()))?;
                Ok((reply?, Vec::new()))
            }
            Action::Command(run) => {
                let decided =
                    run(cell.as_mut(), body, &ctx).map_err(|error| AskError::BadBody(error.to_string()))?;
                if kind.placement == Placement::Control
                    && let Some(state) = cell.share()
                {
                    self.globals.publish(vec![(kind.name, to.key.clone(), state)]);
                }
                Ok((decided.reply?, decided.effects))
            }
        }
    }
}
