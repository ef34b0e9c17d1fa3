//! A world of the kinds that a delivery uses, without nodes. Effects between two entities keep their order, others do
//! not. Timers fire by a manual clock, and refused effects are recorded as dead letters.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde_json::Value;
use troupe_runtime::entity::{Action, Answer as _, Cell, Effect, Globals, Placement, Timer};
use troupe_runtime::{Address, Command, Context, Entity, Refused, Registry, Timestamp, wire};

use crate::canary_analysis::Canary;
use crate::delivery::executions::{Deployment, Run, Status};
use crate::delivery::pipelines::{GetPipeline, Pipeline, StartPipeline, Started, Summary};
use crate::delivery::traffic::Traffic;
use crate::models::{self, Lineage, Model, Publish};
use troupe_lake::Sha256;

pub(super) struct World {
    registry: Registry,
    cells: BTreeMap<Address, Box<dyn Cell>>,
    globals: Globals,
    ways: BTreeMap<(Address, Address), VecDeque<Effect>>,
    timers: BTreeMap<(Address, String), Timer>,
    pub(super) now: Timestamp,
    pub(super) dead: Vec<String>,
    /// How often each effect was delivered, by receiver and verb.
    pub(super) delivered: BTreeMap<String, u32>,
    random: u64,
}

impl World {
    /// A world with a model `recommend`, its champion version 1 and candidates 2 to 9.
    pub(super) fn new(seed: u64) -> Self {
        let mut world = Self {
            registry: crate::registry(),
            cells: BTreeMap::new(),
            globals: Globals::default(),
            ways: BTreeMap::new(),
            timers: BTreeMap::new(),
            now: Timestamp(1_000_000),
            dead: Vec::new(),
            delivered: BTreeMap::new(),
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
        };
        for version in 1..=9_u8 {
            let publish = Publish {
                algorithm: "ease".into(),
                artifact: Sha256([version; 32]),
                vocabulary: Sha256([9; 32]),
                items: 4,
                metrics: BTreeMap::new(),
                lineage: Lineage::default(),
            };
            world.ask::<Model, _>("recommend", &publish).unwrap();
        }
        let promote = models::Promote { version: 1, to: models::Stage::Champion, seen: 9 };
        world.ask::<Model, _>("recommend", &promote).unwrap();
        world
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        usize::try_from(self.random % end.max(1) as u64).unwrap()
    }

    /// Sends a command, as a client does.
    pub(super) fn ask<E: Entity, C: Command>(&mut self, key: &str, command: &C) -> Result<C::Reply, Refused> {
        let effect =
            Effect { to: Address::of::<E>(key), verb: C::VERB.to_owned(), body: wire::encode(command) };
        self.decide(&effect).map(|reply| wire::decode(&reply).unwrap())
    }

    fn decide(&mut self, effect: &Effect) -> Result<Vec<u8>, Refused> {
        let kind = self.registry.get(&effect.to.kind).expect("a kind of the registry");
        let verb = kind.verbs.get(effect.verb.as_str()).unwrap_or_else(|| panic!("no verb {effect:?}"));
        let Action::Command(run) = verb.action else { panic!("{} is not a command", effect.verb) };
        let cell = self.cells.entry(effect.to.clone()).or_insert_with(|| (kind.create)(&effect.to.key));
        // As after a node's death, only the checkpoint survives.
        *cell = (kind.restore)(&cell.encode()).unwrap();
        let ctx = Context::at(self.now, &effect.to.key, &self.globals);
        let decided = run(cell.as_mut(), &effect.body, &ctx).unwrap();
        if kind.placement == Placement::Control
            && let Some(state) = cell.share()
        {
            self.globals.publish(vec![(kind.name, effect.to.key.clone(), state)]);
        }
        for sent in decided.effects {
            assert!(sent.body.len() < 150_000, "{} of {} bytes", sent.verb, sent.body.len());
            self.ways.entry((effect.to.clone(), sent.to.clone())).or_default().push_back(sent);
        }
        for (name, timer) in decided.timers {
            let name = (effect.to.clone(), name);
            match timer {
                Some(timer) => drop(self.timers.insert(name, timer)),
                None => drop(self.timers.remove(&name)),
            }
        }
        decided.reply
    }

    /// Delivers one effect of a random pair. Says whether there was one.
    pub(super) fn deliver(&mut self) -> bool {
        self.ways.retain(|_, way| !way.is_empty());
        let at = self.below(self.ways.len());
        let Some(effect) = self.ways.values_mut().nth(at).and_then(VecDeque::pop_front) else { return false };
        *self.delivered.entry(format!("{} {}", effect.to, effect.verb)).or_default() += 1;
        if let Err(refused) = self.decide(&effect) {
            self.dead.push(format!("{} {}: {}", effect.to, effect.verb, refused.code));
        }
        true
    }

    /// Fires the next timer that is due within this time.
    pub(super) fn tick(&mut self, within_ms: u64) -> bool {
        let until = self.now.0.saturating_add(within_ms);
        let next = self.timers.iter().min_by_key(|(_, timer)| timer.due).map(|(name, _)| name.clone());
        let Some(name) = next.filter(|name| self.timers[name].due.0 <= until) else { return false };
        let timer = self.timers.remove(&name).unwrap();
        self.now = self.now.max(timer.due);
        let effect = Effect { to: name.0, verb: timer.verb, body: timer.body };
        if let Err(refused) = self.decide(&effect) {
            self.dead.push(format!("{} {}: {}", effect.to, effect.verb, refused.code));
        }
        true
    }

    pub(super) fn settle(&mut self) {
        let mut steps = 0;
        while self.deliver() || self.tick(0) {
            steps += 1;
            assert!(steps < 100_000, "it never settles");
        }
    }

    /// Advances the clock by this time.
    pub(super) fn pass(&mut self, ms: u64) {
        self.settle();
        let until = Timestamp(self.now.0 + ms);
        while self.timers.values().any(|timer| timer.due <= until) {
            self.tick(u64::MAX);
            self.settle();
        }
        self.now = until;
    }

    /// Advances the clock until no timer is left.
    pub(super) fn end(&mut self) {
        self.settle();
        let mut steps = 0;
        while self.tick(u64::MAX) {
            self.settle();
            steps += 1;
            assert!(steps < 100_000, "it never ends");
        }
    }

    pub(super) fn start(&mut self, pipeline: &str, request: &str, version: u32) -> Started {
        let parameters = serde_json::json!({ "version": version }).as_object().cloned().unwrap();
        let start = StartPipeline {
            request: request.into(),
            by: "tester".into(),
            parameters: crate::NamedFields(parameters),
            trigger: crate::NamedFields::default(),
        };
        self.ask::<Pipeline, _>(pipeline, &start).unwrap()
    }

    fn state<E: Entity>(&self, key: &str) -> Option<&dyn Cell> {
        self.cells.get(&Address::of::<E>(key)).map(AsRef::as_ref)
    }

    pub(super) fn run(&self, key: &str) -> Run {
        let cell = self.state::<Deployment>(key).unwrap_or_else(|| panic!("{key} does not exist"));
        cell.as_any_ref().downcast_ref::<Deployment>().unwrap().run().clone()
    }

    /// Executions as their pipeline shows them, newest first.
    pub(super) fn executions(&self, pipeline: &str) -> Vec<Summary> {
        let cell = self.state::<Pipeline>(pipeline).unwrap();
        let pipeline_state = cell.as_any_ref().downcast_ref::<Pipeline>().unwrap();
        let ctx = Context::at(self.now, pipeline, &self.globals);
        pipeline_state.answer(&GetPipeline {}, &ctx).unwrap().executions.0
    }

    pub(super) fn status(&self, key: &str) -> Status {
        self.run(key).status
    }

    pub(super) fn stage(&self, key: &str, stage: &str) -> Status {
        self.run(key).stages[stage].status
    }

    pub(super) fn deployments(&self) -> Vec<String> {
        let of = |address: &&Address| address.kind == Deployment::KIND;
        self.cells.keys().filter(of).map(|address| address.key.clone()).collect()
    }

    pub(super) fn canaries(&self) -> Vec<String> {
        let of = |address: &&Address| address.kind == Canary::KIND;
        self.cells.keys().filter(of).map(|address| address.key.clone()).collect()
    }

    pub(super) fn traffic(&self) -> Arc<Traffic> {
        self.globals.get::<Traffic>("recommend").unwrap_or_default()
    }

    pub(super) fn at(&self, version: u32) -> models::Stage {
        self.globals.get::<Model>("recommend").unwrap().version(version).unwrap().stage
    }

    pub(super) fn view(&self, key: &str) -> Value {
        self.state::<Canary>(key).unwrap().view()
    }
}
