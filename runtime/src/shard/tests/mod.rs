//! Replicas of one shard in one thread: each test decides which of their messages arrive, and when.

mod bounds;
mod promises;

use std::collections::BTreeMap;
use std::sync::Arc;

use bincode::{Decode, Encode};
use protobuf::Message as _;
use raft::eraftpb::{Message, MessageType};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::*;
use crate::address::{Address, NodeId, ShardId};
use crate::entity::{Answer as Answers, Command, Context, Decide, Decision, Effect, Entity, Query, Registry};
use crate::error::{AskError, Refused};
use crate::replication::{Mono, RaftConfig, ReplicaId, SnapshotMark, Start};
use crate::sim::MemoryStore;
use crate::storage::{GroupLog, LogEntry, Record, Store};
use crate::time::Timestamp;
use crate::transport::{AskOne, EffectBatch, Outcome};
use crate::wire;
use crate::{command, query};

const SHARD: ShardId = ShardId(1);
const TICK: Mono = 25_000;

/// A sum, and bytes to make the state large.
#[derive(Debug, Default, Encode, Decode, Serialize)]
struct Sum(u64, Vec<u8>);

#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
enum Changed {
    Added(u64),
    Filled(Vec<u8>),
}

#[command("add.v1", reply = u64)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
struct Add(u64);
#[command("fill.v1")]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
struct Fill(u32);
#[query("get.v1", reply = u64)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
struct Get {}
#[query("stumble.v1")]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
struct Stumble {}

impl Entity for Sum {
    const KIND: &'static str = "sums";
    type Event = Changed;

    fn create(_key: &str) -> Self {
        Self::default()
    }

    fn apply(&mut self, event: &Changed) {
        match event {
            Changed::Added(more) => self.0 += more,
            Changed::Filled(bytes) => self.1.clone_from(bytes),
        }
    }
}

impl Decide<Add> for Sum {
    fn decide(&self, ask: &Add, _: &Context<'_>) -> Decision<Self, Add> {
        Decision::event(Changed::Added(ask.0)).reply(self.0 + ask.0)
    }
}

impl Decide<Fill> for Sum {
    fn decide(&self, ask: &Fill, _: &Context<'_>) -> Decision<Self, Fill> {
        Decision::event(Changed::Filled(vec![7; ask.0 as usize])).reply(())
    }
}

impl Answers<Get> for Sum {
    fn answer(&self, _: &Get, _: &Context<'_>) -> Result<u64, Refused> {
        Ok(self.0)
    }
}

impl Answers<Stumble> for Sum {
    fn answer(&self, _: &Stumble, _: &Context<'_>) -> Result<(), Refused> {
        panic!("planted")
    }
}

fn registry() -> Registry {
    Registry::default()
        .kind::<Sum>()
        .command::<Sum, Add>()
        .command::<Sum, Fill>()
        .query::<Sum, Get>()
        .query::<Sum, Stumble>()
}

fn sum() -> Address {
    Address::of::<Sum>("a")
}

fn command<C: Command>(command: &C) -> AskOne {
    AskOne { to: sum(), verb: C::VERB.to_owned(), body: wire::encode(command), key: None }
}

fn query<Q: Query>(query: &Q) -> AskOne {
    AskOne { to: sum(), verb: Q::VERB.to_owned(), body: wire::encode(query), key: None }
}

struct Place {
    replica: Replica,
    store: Arc<MemoryStore>,
    log: GroupLog,
}

struct Mail {
    from: u16,
    to: u16,
    message: Message,
}

/// The group; every node that ticks has the same clock.
struct Group {
    places: BTreeMap<u16, Place>,
    mail: Vec<Mail>,
    answers: BTreeMap<(u16, u64), Vec<Outcome>>,
    now: Mono,
    ticks: u64,
}

impl Group {
    /// A group of nodes with a leader that decides.
    fn new(nodes: u16) -> (Self, u16) {
        let (places, mail, answers) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
        let mut group = Self { places, mail, answers, now: 1_000_000, ticks: 0 };
        for node in 1..=nodes {
            let (store, log) = (Arc::default(), GroupLog::default());
            group.open(node, nodes, store, log);
        }
        let all: Vec<u16> = (1..=nodes).collect();
        let leader = group.elect(&all);
        (group, leader)
    }

    fn open(&mut self, node: u16, nodes: u16, store: Arc<MemoryStore>, mut log: GroupLog) {
        let id = |node| ReplicaId::new(NodeId(node), 0);
        let founders = (1..=nodes).map(id).collect();
        let fresh = log.replica.is_none();
        let start =
            Start { shard: SHARD, id: id(node), founders, log: log.clone(), mark: SnapshotMark::default() };
        let parts = ReplicaParts {
            start,
            shards: 4,
            registry: Arc::new(registry()),
            store: store.clone(),
            globals: Arc::default(),
            raft: RaftConfig::default(),
            shard: ShardConfig::default(),
            seed: self.now * u64::from(node),
        };
        let replica = Replica::open(parts, self.now).unwrap();
        for record in replica.first_records(fresh) {
            log.fold(SHARD, record).unwrap();
        }
        self.places.insert(node, Place { replica, store, log });
        self.turn(node);
    }

    fn replica(&mut self, node: u16) -> &mut Replica {
        &mut self.places.get_mut(&node).unwrap().replica
    }

    /// Runs a node until it has nothing to do; its disk is quick.
    fn turn(&mut self, node: u16) {
        let (now, wall) = (self.now, Timestamp(1_000_000 + self.now / 1_000));
        let Place { replica, store, log } = self.places.get_mut(&node).unwrap();
        loop {
            replica.turn(now, wall);
            let outputs = replica.outputs();
            assert_eq!(replica.broken(), None);
            for (to, bytes) in outputs.messages {
                let message = Message::parse_from_bytes(&bytes).unwrap();
                self.mail.push(Mail { from: node, to: to.0, message });
            }
            self.answers.extend(outputs.answers.into_iter().map(|(token, answers)| ((node, token), answers)));
            if let Some(job) = outputs.checkpoint {
                replica.checkpointed(job.write(&**store));
            }
            if outputs.append.is_empty() {
                return;
            }
            for (number, records) in outputs.append {
                records.into_iter().for_each(|record| log.fold(SHARD, record).unwrap());
                if number > 0 {
                    replica.persisted(number);
                }
            }
        }
    }

    /// Moves the clock by one tick, and these nodes' Raft clocks with it.
    fn tick(&mut self, nodes: &[u16]) {
        self.now += TICK;
        self.ticks += 1;
        let (now, beat) = (self.now, self.ticks.is_multiple_of(4));
        for node in nodes {
            self.replica(*node).advance(1, beat, now);
            self.turn(*node);
        }
    }

    /// Delivers messages that pass, and the messages that follow from them, until none waits. Returns the others: they
    /// are lost.
    fn deliver(&mut self, passes: impl Fn(u16, u16, MessageType) -> bool) -> Vec<Mail> {
        let mut lost = Vec::new();
        while !self.mail.is_empty() {
            for mail in std::mem::take(&mut self.mail) {
                if passes(mail.from, mail.to, mail.message.get_msg_type()) {
                    self.arrive(&mail);
                } else {
                    lost.push(mail);
                }
            }
        }
        lost
    }

    fn arrive(&mut self, mail: &Mail) {
        let bytes = mail.message.write_to_bytes().unwrap();
        self.replica(mail.to).step(&[bytes]);
        self.turn(mail.to);
    }

    /// Lets time pass for these nodes, which hear each other, until one of them leads.
    fn elect(&mut self, nodes: &[u16]) -> u16 {
        for _ in 0..200 {
            self.tick(nodes);
            self.deliver(|from, to, _| nodes.contains(&from) && nodes.contains(&to));
            if let Some(leader) = nodes.iter().copied().find(|node| self.replica(*node).decides()) {
                for _ in 0..8 {
                    self.tick(nodes);
                    self.deliver(|from, to, _| nodes.contains(&from) && nodes.contains(&to));
                }
                return leader;
            }
        }
        panic!("no replica was elected");
    }

    fn ask(&mut self, node: u16, ask: AskOne) -> u64 {
        let now = self.now;
        let token = self.replica(node).ask(vec![ask], now + 5_000_000, now);
        self.turn(node);
        token
    }

    fn answer<T: Decode<()>>(&self, node: u16, token: u64) -> Option<T> {
        let outcome = self.answers.get(&(node, token))?.first()?;
        Some(wire::decode(outcome.as_ref().unwrap()).unwrap())
    }

    fn near(
        &mut self,
        node: u16,
        ask: AskOne,
        age_max: Mono,
    ) -> oneshot::Receiver<Result<NearAnswer, AskError>> {
        let (reply, answer) = oneshot::channel();
        let AskOne { to, verb, body, .. } = ask;
        let (asked, deadline) = (self.now, self.now + 60_000_000);
        self.replica(node).ask_near(NearAsk { to, verb, body, asked, age_max, deadline, reply });
        self.turn(node);
        answer
    }

    fn others(&self, than: &[u16]) -> Vec<u16> {
        self.places.keys().copied().filter(|node| !than.contains(node)).collect()
    }
}
