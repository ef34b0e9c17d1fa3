//! What simulated clients work on: registers, whose histories are checked one by one, and lists, whose states tell their
//! own order and to which effects append.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::Address;
use crate::entity::{Answer, Command, Context, Decide, Decision, Entity, Query, Registry};
use crate::error::Refused;

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

/// Everything that was appended, in order.
#[derive(Debug, Default, Encode, Decode, Serialize)]
pub(super) struct List(Vec<u64>);

impl Entity for List {
    const KIND: &'static str = "lists";
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

macro_rules! message {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
        pub(super) struct $name { $(pub(super) $field: $type),* }
    };
}

message!(/// Writes.
    Put { value: u64 });
message!(/// Writes when the value is as expected; answers whether it was.
    Swap { expected: u64, value: u64 });
message!(/// Reads.
    Get {});
message!(/// Appends here and, as an effect, to another list; answers the length.
    Append { id: u64, then: Option<String> });
message!(/// Reads the whole list.
    Read {});

impl Command for Put {
    const VERB: &'static str = "put.v1";
    type Reply = ();
}

impl Decide<Put> for Register {
    fn decide(&self, ask: &Put, _ctx: &Context<'_>) -> Decision<Self, Put> {
        Decision::event(ask.value).reply(())
    }
}

impl Command for Swap {
    const VERB: &'static str = "swap.v1";
    type Reply = bool;
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

impl Query for Get {
    const VERB: &'static str = "get.v1";
    type Reply = u64;
}

impl Answer<Get> for Register {
    fn answer(&self, _ask: &Get, _ctx: &Context<'_>) -> Result<u64, Refused> {
        Ok(self.0)
    }
}

impl Command for Append {
    const VERB: &'static str = "append.v1";
    type Reply = u64;
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

impl Query for Read {
    const VERB: &'static str = "read.v1";
    type Reply = Vec<u64>;
}

impl Answer<Read> for List {
    fn answer(&self, _ask: &Read, _ctx: &Context<'_>) -> Result<Vec<u64>, Refused> {
        Ok(self.0.clone())
    }
}

/// Both kinds.
pub(super) fn registry() -> Registry {
    Registry::default()
        .kind::<Register>()
        .command::<Register, Put>()
        .command::<Register, Swap>()
        .query::<Register, Get>()
        .kind::<List>()
        .command::<List, Append>()
        .query::<List, Read>()
}
