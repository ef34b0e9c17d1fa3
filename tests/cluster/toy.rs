//! A kind made for these tests: accounts that remember every deposit by its id.

use std::time::Duration;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::entity::{Answer, CatchUp, Placement, Timer};
use troupe_runtime::{
    Address, Command, Context, Decide, Decision, Entity, Query, Refused, Registry, Timestamp,
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

macro_rules! message {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
        pub(crate) struct $name { $(pub(crate) $field: $type),* }
    };
}

message!(/// Adds money; not repeatable: a second one is a second deposit.
    Deposit { id: u64, amount: i64 });
message!(/// Takes from here and deposits there, as an effect.
    Transfer { id: u64, amount: i64, to: String });
message!(/// Panics while deciding.
    Explode { why: String });
message!(/// Sets a timer that deposits 1 under this id; `after_ms` may be negative.
    Remind { name: String, id: u64, after_ms: i64, every_ms: Option<u64>, catch_up: CatchUp });
message!(/// Cancels a timer.
    Forget { name: String });
message!(/// Everything.
    Get {});
message!(/// The answer to `Get`.
    Statement { deposits: Vec<u64>, balance: i64 });

impl Command for Deposit {
    const VERB: &'static str = "deposit.v1";
    type Reply = i64;
}

impl Decide<Deposit> for Account {
    fn decide(&self, ask: &Deposit, _ctx: &Context<'_>) -> Decision<Self, Deposit> {
        if ask.amount == 0 {
            return Decision::refuse(Refused::field("ZERO", "amount", "amount must not be zero"));
        }
        Decision::event(Event::Deposited { id: ask.id, amount: ask.amount }).reply(self.balance + ask.amount)
    }
}

impl Command for Transfer {
    const VERB: &'static str = "transfer.v1";
    type Reply = i64;
}

impl Decide<Transfer> for Account {
    fn decide(&self, ask: &Transfer, _ctx: &Context<'_>) -> Decision<Self, Transfer> {
        Decision::event(Event::Deposited { id: ask.id, amount: -ask.amount })
            .tell(Address::of::<Self>(&*ask.to), &Deposit { id: ask.id, amount: ask.amount })
            .reply(self.balance - ask.amount)
    }
}

impl Command for Explode {
    const VERB: &'static str = "explode.v1";
    type Reply = ();
}

impl Decide<Explode> for Account {
    fn decide(&self, ask: &Explode, _ctx: &Context<'_>) -> Decision<Self, Explode> {
        panic!("asked to explode: {}", ask.why)
    }
}

impl Command for Remind {
    const VERB: &'static str = "remind.v1";
    type Reply = u64;
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

impl Command for Forget {
    const VERB: &'static str = "forget.v1";
    type Reply = bool;
}

impl Decide<Forget> for Account {
    fn decide(&self, ask: &Forget, ctx: &Context<'_>) -> Decision<Self, Forget> {
        Decision::unchanged().cancel_timer(&ask.name).reply(ctx.timer(&ask.name).is_some())
    }
}

impl Query for Get {
    const VERB: &'static str = "get.v1";
    type Reply = Statement;
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

message!(/// Sets the text.
    Paint { text: String });

impl Command for Paint {
    const VERB: &'static str = "paint.v1";
    type Reply = ();
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
