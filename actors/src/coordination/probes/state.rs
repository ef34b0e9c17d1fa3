//! The state of a probe, and its decisions.

use bincode::{Decode, Encode};
use serde::Serialize;
use troupe_runtime::entity::Answer;
use troupe_runtime::{Address, Context, Decide, Decision, Entity, Refused};

use super::messages::{Append, Appended, Cas, Forward, Get, Keep, KeptBytes, List, Put, Read, Seen, Take};

/// Maximum number of values of one list.
const VALUES_MAX: usize = 4_096;

/// Largest payload of one probe, in bytes.
pub const KEPT_BYTES_MAX: usize = 1 << 20;

/// A register, a list and a payload.
#[derive(Debug, Default, Encode, Decode, Serialize)]
pub struct Probe {
    value: u64,
    version: u64,
    values: Vec<u64>,
    kept: Vec<u8>,
}

/// What happened to a probe.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize)]
pub enum Event {
    /// The register was written.
    Written(u64),
    /// The list grew.
    Grown(u64),
    /// The payload was replaced.
    Kept(Vec<u8>),
}

impl Entity for Probe {
    const KIND: &'static str = "probes";
    type Event = Event;

    fn create(_key: &str) -> Self {
        Self::default()
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::Written(value) => {
                self.value = *value;
                self.version += 1;
            }
            Event::Grown(value) => self.values.push(*value),
            Event::Kept(bytes) => self.kept.clone_from(bytes),
        }
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.values.capacity() * size_of::<u64>() + self.kept.capacity()
    }
}

impl Probe {
    fn write<C>(&self, value: u64) -> Decision<Self, C>
    where
        C: troupe_runtime::Command<Reply = Seen>,
    {
        let seen = Seen { value, version: self.version + 1, written: true };
        Decision::event(Event::Written(value)).reply(seen)
    }

    fn grow<C>(&self, value: u64) -> Decision<Self, C>
    where
        C: troupe_runtime::Command<Reply = Appended>,
    {
        if self.values.len() >= VALUES_MAX {
            let why = format!("the list holds its {VALUES_MAX} values: append to another key");
            return Decision::refuse(Refused::new("FULL", why));
        }
        Decision::event(Event::Grown(value)).reply(Appended { length: self.values.len() as u64 + 1 })
    }
}

impl Decide<Put> for Probe {
    fn decide(&self, ask: &Put, _ctx: &Context<'_>) -> Decision<Self, Put> {
        self.write(ask.value)
    }
}

impl Decide<Cas> for Probe {
    fn decide(&self, ask: &Cas, _ctx: &Context<'_>) -> Decision<Self, Cas> {
        if self.value == ask.old {
            return self.write(ask.new);
        }
        Decision::unchanged().reply(Seen { value: self.value, version: self.version, written: false })
    }
}

impl Decide<Keep> for Probe {
    fn decide(&self, ask: &Keep, _ctx: &Context<'_>) -> Decision<Self, Keep> {
        let length = ask.bytes.len();
        if length > KEPT_BYTES_MAX {
            let why = format!("{length} bytes; at most {KEPT_BYTES_MAX} are kept");
            return Decision::refuse(Refused::field("TOO_LARGE", "bytes", why));
        }
        Decision::event(Event::Kept(ask.bytes.clone())).reply(KeptBytes { length: length as u64 })
    }
}

impl Decide<Append> for Probe {
    fn decide(&self, ask: &Append, _ctx: &Context<'_>) -> Decision<Self, Append> {
        self.grow(ask.value)
    }
}

impl Decide<Forward> for Probe {
    fn decide(&self, ask: &Forward, _ctx: &Context<'_>) -> Decision<Self, Forward> {
        match Address::parse_parts(Self::KIND, &ask.to) {
            Ok(to) => {
                let grown = self.grow(ask.value);
                if grown.outcome().is_err() { grown } else { grown.tell(to, &Take { value: ask.value }) }
            }
            Err(error) => Decision::refuse(Refused::field("BAD_KEY", "to", error.to_string())),
        }
    }
}

impl Decide<Take> for Probe {
    fn decide(&self, ask: &Take, _ctx: &Context<'_>) -> Decision<Self, Take> {
        self.grow(ask.value)
    }
}

impl Answer<Get> for Probe {
    fn answer(&self, _ask: &Get, _ctx: &Context<'_>) -> Result<Seen, Refused> {
        Ok(Seen { value: self.value, version: self.version, written: false })
    }
}

impl Answer<Read> for Probe {
    fn answer(&self, _ask: &Read, _ctx: &Context<'_>) -> Result<List, Refused> {
        Ok(List { values: self.values.clone() })
    }
}
