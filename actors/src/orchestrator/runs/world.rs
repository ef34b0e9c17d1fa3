//! All entities of the platform in one thread, for tests: effects and timers are delivered in order, and a scripted
//! worker ends the tasks.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value as Json, json};
use troupe_runtime::entity::{Action, Cell, Effect, Globals, Timer};
use troupe_runtime::{Address, Command, Context, Query, Refused, Registry, Timestamp, wire};

use super::{GetRun, RunView};
use crate::coordination::work_queues::{Claim, Finish, Grant, Outcome, queues};
use crate::orchestrator::workflows::{GetWorkflow, Push, StartWorkflow, Started, WorkflowView};
use crate::stored::NamedFields;

pub(crate) struct World {
    registry: Registry,
    globals: Globals,
    cells: BTreeMap<Address, Box<dyn Cell>>,
    timers: BTreeMap<(Address, String), Timer>,
    pub(crate) now: u64,
    pub(crate) commands: u64,
    /// The largest decision so far, in bytes.
    pub(crate) largest: usize,
    /// The largest count of effects of one decision.
    pub(crate) most: usize,
    pub(crate) dead: Vec<String>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            registry: crate::registry(),
            globals: Globals::default(),
            cells: BTreeMap::new(),
            timers: BTreeMap::new(),
            now: 1_769_862_896_789,
            commands: 0,
            largest: 0,
            most: 0,
            dead: Vec::new(),
        }
    }

    /// Puts an entity in its place, as an earlier version left it.
    pub(crate) fn put<E: troupe_runtime::Entity>(&mut self, to: &Address, held: &E) {
        let kind = self.registry.get(&to.kind).expect("a kind").clone();
        self.cells.insert(to.clone(), (kind.restore)(&wire::encode(held)).unwrap());
    }

    fn run(&mut self, to: &Address, verb: &str, body: &[u8]) -> Result<(Vec<u8>, Vec<Effect>), Refused> {
        let kind = self.registry.get(&to.kind).expect("a kind").clone();
        let Some(Action::Command(run)) = kind.verbs.get(verb).map(|verb| verb.action) else {
            panic!("{to} has no command {verb}")
        };
        let cell = self.cells.entry(to.clone()).or_insert_with(|| (kind.create)(&to.key));
        let ctx = Context::at(Timestamp(self.now), &to.key, &self.globals);
        // A follower has the same state as the leader after the same events.
        let mut follower = (kind.restore)(&cell.encode()).unwrap();
        let decided = run(cell.as_mut(), body, &ctx).unwrap();
        self.commands += 1;
        decided.events.iter().for_each(|event| follower.apply(event).unwrap());
        if self.commands.is_multiple_of(7) {
            assert_eq!(follower.view(), cell.view(), "{to} {verb}");
        }
        let bytes: usize = decided.events.iter().map(Vec::len).sum::<usize>()
            + decided.effects.iter().map(|effect| effect.body.len()).sum::<usize>();
        self.largest = self.largest.max(bytes);
        self.most = self.most.max(decided.effects.len());
        for (name, timer) in decided.timers {
            match timer {
                Some(timer) => drop(self.timers.insert((to.clone(), name), timer)),
                None => drop(self.timers.remove(&(to.clone(), name))),
            }
        }
        decided.reply.map(|reply| (reply, decided.effects))
    }

    /// The addresses of all entities that received a message.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &Address> {
        self.cells.keys()
    }

    fn carry(&mut self, effects: Vec<Effect>) {
        let mut left: VecDeque<Effect> = effects.into();
        while let Some(effect) = left.pop_front() {
            match self.run(&effect.to, &effect.verb, &effect.body) {
                Ok((_, more)) => left.extend(more),
                Err(refused) => self.dead.push(format!("{} {}: {refused}", effect.to, effect.verb)),
            }
        }
    }

    pub(crate) fn tell<C: Command>(&mut self, to: &Address, ask: &C) -> Result<C::Reply, Refused> {
        let (reply, effects) = self.run(to, C::VERB, &wire::encode(ask))?;
        self.carry(effects);
        Ok(wire::decode(&reply).unwrap())
    }

    pub(crate) fn query<Q: Query>(&mut self, to: &Address, ask: &Q) -> Q::Reply {
        let kind = self.registry.get(&to.kind).expect("a kind").clone();
        let Some(Action::Query(query)) = kind.verbs.get(Q::VERB).map(|verb| verb.action) else { panic!() };
        let cell = self.cells.entry(to.clone()).or_insert_with(|| (kind.create)(&to.key));
        let ctx = Context::at(Timestamp(self.now), &to.key, &self.globals);
        wire::decode(&query(cell.as_ref(), &wire::encode(ask), &ctx).unwrap().unwrap()).unwrap()
    }

    /// The refusal of a query; `None` if it is answered.
    pub(crate) fn refused<Q: Query>(&mut self, to: &Address, ask: &Q) -> Option<Refused> {
        let kind = self.registry.get(&to.kind).expect("a kind").clone();
        let Some(Action::Query(query)) = kind.verbs.get(Q::VERB).map(|verb| verb.action) else { panic!() };
        let cell = self.cells.entry(to.clone()).or_insert_with(|| (kind.create)(&to.key));
        let ctx = Context::at(Timestamp(self.now), &to.key, &self.globals);
        query(cell.as_ref(), &wire::encode(ask), &ctx).unwrap().err()
    }

    /// The due time of the next timer.
    pub(crate) fn due(&self) -> Option<u64> {
        self.timers.values().map(|timer| timer.due.0).min()
    }

    /// Fires the first due timer and advances the clock to it.
    pub(crate) fn step(&mut self) -> bool {
        let first = self.timers.iter().min_by_key(|(_, timer)| timer.due).map(|(name, _)| name.clone());
        let Some(name) = first else { return false };
        let timer = self.timers.remove(&name).expect("it was there");
        self.now = self.now.max(timer.due.0);
        match self.run(&name.0, &timer.verb, &timer.body) {
            Ok((_, effects)) => self.carry(effects),
            Err(refused) => self.dead.push(format!("{} {}: {refused}", name.0, timer.verb)),
        }
        true
    }

    /// Claims the waiting tasks.
    pub(crate) fn claim(&mut self) -> Vec<Grant> {
        let room: BTreeMap<String, u32> =
            ["http", "command", "train", "evaluate", "publish", "deploy", "ask"]
                .map(|name| (name.to_owned(), 1_000))
                .into();
        let claim = Claim { worker: "w".into(), room };
        queues().collect::<Vec<_>>().iter().flat_map(|q| self.tell(q, &claim).unwrap().tasks).collect()
    }

    pub(crate) fn finish(&mut self, grant: &Grant, outcome: Outcome) -> bool {
        let finish = Finish { id: grant.id.clone(), fence: grant.fence, outcome };
        self.tell(&crate::coordination::work_queues::queue_of(&grant.id), &finish).unwrap()
    }

    /// Advances the time until the instance ends; `work` does the tasks.
    pub(crate) fn until_over(&mut self, run: &str, mut work: impl FnMut(&Grant) -> Outcome) -> RunView {
        for _ in 0..200_000 {
            let grants = self.claim();
            for grant in &grants {
                let outcome = work(grant);
                self.finish(grant, outcome);
            }
            let view = self.view(run);
            if view.of.is_some() && view.status.0.is_terminal() {
                return view;
            }
            // Follow-up work takes no time.
            if !grants.is_empty() {
                continue;
            }
            if !self.step() {
                break;
            }
        }
        panic!("{run} is stuck: {:?}", self.view(run))
    }

    pub(crate) fn view(&mut self, run: &str) -> RunView {
        self.query(&Address::of::<super::WorkflowRun>(run), &GetRun {})
    }

    pub(crate) fn workflow(&mut self, id: &str) -> WorkflowView {
        let ask = GetWorkflow { instances: None, version: None };
        self.query(&Address::of::<crate::orchestrator::workflows::Workflow>(id), &ask)
    }

    pub(crate) fn push(&mut self, definition: Json) -> Result<u64, Refused> {
        let id = definition["workflow"]["id"].as_str().unwrap_or_default().to_owned();
        let push = Push { definition: NamedFields(definition), by: "tester".into() };
        self.tell(&Address::of::<crate::orchestrator::workflows::Workflow>(id), &push)
            .map(|pushed| pushed.version)
    }

    pub(crate) fn start(&mut self, id: &str, request: &str) -> Result<Started, Refused> {
        let start: StartWorkflow = serde_json::from_value(json!({ "request_id": request })).unwrap();
        self.tell(&Address::of::<crate::orchestrator::workflows::Workflow>(id), &start)
    }
}
