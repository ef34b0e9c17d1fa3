//! State of the client registry: the SDKs that fetch flags, and the counts they report.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_flags::unleash::metrics::{Counted, Joined, MetricsPost, Registration, Usage};
use troupe_runtime::entity::Answer;
use troupe_runtime::{Context, Decide, Decision, Entity, Refused, command, query};

use crate::stored::NamedFields;

/// The clients of one flag API, keyed by its name: `unleash`.
#[derive(Debug, Default, Encode, Decode, Serialize)]
pub struct Clients {
    usage: NamedFields<Usage>,
}

/// An event of the client registry.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
pub enum Event {
    /// A client registered.
    Joined(NamedFields<Joined>),
    /// A client reported its counts.
    Counted(NamedFields<Counted>),
}

/// A client registers itself.
#[command("register.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Register(pub NamedFields<Registration>);

/// A client reports how often flags were on for it.
#[command("report.v1")]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Report(pub NamedFields<MetricsPost>);

/// Reads all clients and counts.
#[query("get.v1", reply = NamedFields<Usage>)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetClients {}

impl Entity for Clients {
    const KIND: &'static str = "clients";
    type Event = Event;

    fn create(_key: &str) -> Self {
        Self::default()
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::Joined(joined) => self.usage.0.join(&joined.0),
            Event::Counted(counted) => self.usage.0.count(&counted.0),
        }
    }

    fn size(&self) -> usize {
        let usage = &self.usage.0;
        size_of::<Self>() + usage.applications().len() * 256 + usage.features().len() * 1_024
    }
}

fn refused(refused: troupe_flags::unleash::Refused) -> Refused {
    Refused::field("BAD_BODY", refused.path.clone(), refused.to_string())
}

impl Decide<Register> for Clients {
    fn decide(&self, ask: &Register, ctx: &Context<'_>) -> Decision<Self, Register> {
        match self.usage.0.joined(&ask.0.0, ctx.now.0) {
            Ok(joined) => Decision::event(Event::Joined(NamedFields(joined))).reply(()),
            Err(error) => Decision::refuse(refused(error)),
        }
    }
}

impl Decide<Report> for Clients {
    fn decide(&self, ask: &Report, ctx: &Context<'_>) -> Decision<Self, Report> {
        match self.usage.0.counted(&ask.0.0, ctx.now.0) {
            Ok(Some(counted)) => Decision::event(Event::Counted(NamedFields(counted))).reply(()),
            Ok(None) => Decision::unchanged().reply(()),
            Err(error) => Decision::refuse(refused(error)),
        }
    }
}

impl Answer<GetClients> for Clients {
    fn answer(&self, _ask: &GetClients, _ctx: &Context<'_>) -> Result<NamedFields<Usage>, Refused> {
        Ok(self.usage.clone())
    }
}
