//! A kind made for these tests: accounts that remember every deposit by its id.

use std::time::Duration;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::entity::{Answer, CatchUp, Placement, Timer};
use troupe_runtime::{
    Address, Context, Decide, Decision, Entity, Refused, Registry, Timestamp, command, query,
};

/// Ids of all deposits, in order.
#[derive(Debug, Default, Encode, Decode, Serialize)]
pub(crate) struct Account {
    pub(crate) deposits: Vec<u64>,
    pub(crate) balance: i64,
}

#[derive(Debug, Encode, Decode, Serialize)]
pub(crate) enum Event {
    Deposited { id: u64, amount: i64 },
}

impl Entity for Account {
    const KIND: &'static str = "accounts";
    const FAULTS: troupe_runtime::entity::FaultPolicy =
        troupe_runtime::entity::FaultPolicy { faults_max: 3, period: std::time::Duration::from_secs(60) };
    type Event = Event;

    fn create(_key: &str) -> Self {
        Self::default()
    }

    fn apply(&mut self, event: &Event) {
        let Event::Deposited { id, amount } = event;
        self.deposits.push(*id);
        self.balance += amount;
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.deposits.capacity() * 8
    }
}

/// Adds money; not repeatable: a second one is a second deposit.
#[command("deposit.v1", reply = i64)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub(crate) struct Deposit {
    pub(crate) id: u64,
    pub(crate) amount: i64,
}

/// Takes from here and deposits there, as an effect.
#[command("transfer.v1", reply = i64)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub(crate) struct Transfer {
    pub(crate) id: u64,
    pub(crate) amount: i64,
    pub(crate) to: String,
}

/// Panics while deciding.
#[command("explode.v1")]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub(crate) struct Explode {
    pub(crate) why: String,
}

/// Sets a timer that deposits 1 under this id; `after_ms` may be negative.
#[command("remind.v1", reply = u64)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub(crate) struct Remind {
    pub(crate) name: String,
    pub(crate) id: u64,
    pub(crate) after_ms: i64,
    pub(crate) every_ms: Option<u64>,
    pub(crate) catch_up: CatchUp,
}

/// Cancels a timer.
#[command("forget.v1", reply = bool)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub(crate) struct Forget {
    pub(crate) name: String,
}

/// Everything.
#[query("get.v1", reply = Statement)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub(crate) struct Get {}

/// The answer to `Get`.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub(crate) struct Statement {
    pub(crate) deposits: Vec<u64>,
    pub(crate) balance: i64,
}

impl Decide<Deposit> for Account {
    fn decide(&self, ask: &Deposit, _ctx: &Context<'_>) -> Decision<Self, Deposit> {
        if ask.amount == 0 {
            return Decision::refuse(Refused::field("ZERO", "amount", "amount must not be zero"));
        }
        Decision::event(Event::Deposited { id: ask.id, amount: ask.amount }).reply(self.balance + ask.amount)
    }
}

impl Decide<Transfer> for Account {
    fn decide(&self, ask: &Transfer, _ctx: &Context<'_>) -> Decision<Self, Transfer> {
        Decision::event(Event::Deposited { id: ask.id, amount: -ask.amount })
            .tell(Address::of::<Self>(&*ask.to), &Deposit { id: ask.id, amount: ask.amount })
            .reply(self.balance - ask.amount)
    }
}

impl Decide<Explode> for Account {
    fn decide(&self, ask: &Explode, _ctx: &Context<'_>) -> Decision<Self, Explode> {
        panic!("asked to explode: {}", ask.why)
    }
}

impl Decide<Remind> for Account {
    fn decide(&self, ask: &Remind, ctx: &Context<'_>) -> Decision<Self, Remind> {
        let due = Timestamp(ctx.now.0.saturating_add_signed(ask.after_ms));
        let deposit = Deposit { id: ask.id, amount: 1 };
        let timer = match ask.every_ms {
            Some(every) => Timer::every(due, Duration::from_millis(every), ask.catch_up, &deposit),
            None => Timer::once(due, &deposit),
        };
        Decision::unchanged().set_timer(&ask.name, timer).reply(due.0)
    }
}

impl Decide<Forget> for Account {
    fn decide(&self, ask: &Forget, ctx: &Context<'_>) -> Decision<Self, Forget> {
        Decision::unchanged().cancel_timer(&ask.name).reply(ctx.timer(&ask.name).is_some())
    }
}

impl Answer<Get> for Account {
    fn answer(&self, _ask: &Get, _ctx: &Context<'_>) -> Result<Statement, Refused> {
        Ok(Statement { deposits: self.deposits.clone(), balance: self.balance })
    }
}

/// A control-placed kind.
#[derive(Debug, Default, Encode, Decode, Serialize)]
pub(crate) struct Banner {
    pub(crate) text: String,
}

impl Entity for Banner {
    const KIND: &'static str = "banners";
    const PLACEMENT: Placement = Placement::Control;
    type Event = String;

    fn create(_key: &str) -> Self {
        Self::default()
    }

    fn apply(&mut self, event: &String) {
        self.text.clone_from(event);
    }
}

/// Sets the text.
#[command("paint.v1")]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub(crate) struct Paint {
    pub(crate) text: String,
}

impl Decide<Paint> for Banner {
    fn decide(&self, ask: &Paint, _ctx: &Context<'_>) -> Decision<Self, Paint> {
        Decision::event(ask.text.clone()).reply(())
    }
}

pub(crate) fn registry() -> Registry {
    Registry::default()
        .kind::<Account>()
        .command::<Account, Deposit>()
        .command::<Account, Transfer>()
        .command::<Account, Explode>()
        .command::<Account, Remind>()
        .command::<Account, Forget>()
        .query::<Account, Get>()
        .kind::<Banner>()
        .command::<Banner, Paint>()
}
