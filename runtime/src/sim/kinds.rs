//! The kinds of the simulation. Registers have histories that are checked for linearizability. Lists record their own
//! order in their state, and effects append to them.

use std::time::Duration;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::entity::{Answer, Context, Decide, Decision, Entity, FaultPolicy, Registry, Timer};
use crate::error::Refused;
use crate::{Address, Timestamp, command, query};

/// A value; zero until it is written.
#[derive(Debug, Default, Encode, Decode, Serialize)]
pub(super) struct Register(u64);

impl Entity for Register {
    const KIND: &'static str = "registers";
    type Event = u64;

    fn create(_key: &str) -> Self {
        Self::default()
    }

    fn apply(&mut self, event: &u64) {
        self.0 = *event;
    }
}

/// All appended ids in order.
#[derive(Debug, Default, Encode, Decode, Serialize)]
pub(super) struct List(Vec<u64>);

/// Ids of set timers, of fired timers, and how many fired too early.
#[derive(Debug, Default, Encode, Decode, Serialize)]
pub(super) struct Alarms {
    pub(super) set: Vec<u64>,
    pub(super) rang: Vec<u64>,
    pub(super) early: u64,
}

/// An event of a timer.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub(super) enum Alarmed {
    Set(u64),
    Rang(u64, bool),
}

impl Entity for Alarms {
    const KIND: &'static str = "alarms";
    type Event = Alarmed;

    fn create(_key: &str) -> Self {
        Self::default()
    }

    fn apply(&mut self, event: &Alarmed) {
        match event {
            Alarmed::Set(id) => self.set.push(*id),
            Alarmed::Rang(id, early) => {
                self.rang.push(*id);
                self.early += u64::from(*early);
            }
        }
    }
}

impl Entity for List {
    const KIND: &'static str = "lists";
    /// Its panics are planted, so it must never be in quarantine.
    const FAULTS: FaultPolicy = FaultPolicy { faults_max: u32::MAX, period: Duration::from_secs(1) };
    type Event = u64;

    fn create(_key: &str) -> Self {
        Self::default()
    }

    fn apply(&mut self, event: &u64) {
        self.0.push(*event);
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.0.capacity() * 8
    }
}

/// Writes.
#[command("put.v1")]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub(super) struct Put {
    pub(super) value: u64,
}

/// Writes if the value is as expected; answers whether it was.
#[command("swap.v1", reply = bool)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub(super) struct Swap {
    pub(super) expected: u64,
    pub(super) value: u64,
}

/// Reads.
#[query("get.v1", reply = u64)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub(super) struct Get {}

/// Appends here and, as an effect, to another list; answers the length.
#[command("append.v1", reply = u64)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub(super) struct Append {
    pub(super) id: u64,
    pub(super) then: Option<String>,
}

/// Reads the whole list.
#[query("read.v1", reply = Vec<u64>)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub(super) struct Read {}

/// Panics.
#[query("stumble.v1")]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub(super) struct Stumble {}

/// Sets a timer.
#[command("set-alarm.v1")]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub(super) struct SetAlarm {
    pub(super) id: u64,
    pub(super) after_ms: u64,
}

/// Fires a timer.
#[command("ring.v1")]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub(super) struct Ring {
    pub(super) id: u64,
    pub(super) due: u64,
}

impl Decide<Put> for Register {
    fn decide(&self, ask: &Put, _ctx: &Context<'_>) -> Decision<Self, Put> {
        Decision::event(ask.value).reply(())
    }
}

impl Decide<Swap> for Register {
    fn decide(&self, ask: &Swap, _ctx: &Context<'_>) -> Decision<Self, Swap> {
        if self.0 == ask.expected {
            Decision::event(ask.value).reply(true)
        } else {
            Decision::unchanged().reply(false)
        }
    }
}

impl Answer<Get> for Register {
    fn answer(&self, _ask: &Get, _ctx: &Context<'_>) -> Result<u64, Refused> {
        Ok(self.0)
    }
}

impl Decide<Append> for List {
    fn decide(&self, ask: &Append, _ctx: &Context<'_>) -> Decision<Self, Append> {
        let decided = Decision::event(ask.id);
        let decided = match &ask.then {
            Some(key) => decided.tell(Address::of::<Self>(key.as_str()), &Append { id: ask.id, then: None }),
            None => decided,
        };
        decided.reply(self.0.len() as u64 + 1)
    }
}

impl Answer<Read> for List {
    fn answer(&self, _ask: &Read, _ctx: &Context<'_>) -> Result<Vec<u64>, Refused> {
        Ok(self.0.clone())
    }
}

impl Answer<Stumble> for List {
    fn answer(&self, _ask: &Stumble, _ctx: &Context<'_>) -> Result<(), Refused> {
        // Acts as a panic without a log line.
        std::panic::resume_unwind(Box::new("planted"))
    }
}

impl Decide<SetAlarm> for Alarms {
    fn decide(&self, ask: &SetAlarm, ctx: &Context<'_>) -> Decision<Self, SetAlarm> {
        let due = Timestamp(ctx.now.0 + ask.after_ms);
        let ring = Ring { id: ask.id, due: due.0 };
        Decision::event(Alarmed::Set(ask.id))
            .set_timer(&ask.id.to_string(), Timer::once(due, &ring))
            .reply(())
    }
}

impl Decide<Ring> for Alarms {
    fn decide(&self, ask: &Ring, ctx: &Context<'_>) -> Decision<Self, Ring> {
        Decision::event(Alarmed::Rang(ask.id, ctx.now.0 < ask.due)).reply(())
    }
}

/// All kinds.
pub(super) fn registry() -> Registry {
    Registry::default()
        .kind::<Register>()
        .command::<Register, Put>()
        .command::<Register, Swap>()
        .query::<Register, Get>()
        .kind::<List>()
        .command::<List, Append>()
        .query::<List, Read>()
        .query::<List, Stumble>()
        .kind::<Alarms>()
        .command::<Alarms, SetAlarm>()
        .command::<Alarms, Ring>()
}
