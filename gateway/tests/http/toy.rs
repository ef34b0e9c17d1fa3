//! A kind with nothing to it, and a cluster that fails on request.

use std::sync::Arc;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use troupe_runtime::entity::{Answer, Globals};
use troupe_runtime::routing::{self, Solo};
use troupe_runtime::transport::{AskOne, Outcome};
use troupe_runtime::{Context, Decide, Decision, Entity, Refused, Registry, Router, command, query};

#[derive(Encode, Decode, Serialize)]
pub(crate) struct Note {
    text: String,
}

#[derive(Encode, Decode, Serialize)]
pub(crate) struct Written {
    text: String,
}

impl Entity for Note {
    const KIND: &'static str = "notes";
    type Event = Written;

    fn create(_key: &str) -> Self {
        Self { text: String::new() }
    }

    fn apply(&mut self, event: &Written) {
        self.text.clone_from(&event.text);
    }
}

#[command("write.v1", reply = usize)]
#[derive(Debug, Encode, Decode, Serialize, Deserialize)]
pub(crate) struct Write {
    pub(crate) text: String,
}

impl Decide<Write> for Note {
    fn decide(&self, ask: &Write, _ctx: &Context<'_>) -> Decision<Self, Write> {
        match ask.text.as_str() {
            "" => Decision::refuse(Refused::field("BAD_TEXT", "text", "must not be empty")),
            "again" if self.text == "again" => {
                Decision::refuse(Refused::new("SAID_BEFORE", "was said before"))
            }
            text => Decision::event(Written { text: text.to_owned() }).reply(text.len()),
        }
    }
}

#[command("write.v2", reply = usize)]
#[derive(Debug, Encode, Decode, Serialize, Deserialize)]
pub(crate) struct WriteLoud {
    pub(crate) text: String,
}

impl Decide<WriteLoud> for Note {
    fn decide(&self, ask: &WriteLoud, _ctx: &Context<'_>) -> Decision<Self, WriteLoud> {
        let text = ask.text.to_uppercase();
        Decision::event(Written { text }).reply(ask.text.len())
    }
}

#[query("read.v1", reply = String)]
#[derive(Debug, Encode, Decode, Serialize, Deserialize)]
pub(crate) struct Read {}

impl Answer<Read> for Note {
    fn answer(&self, _ask: &Read, _ctx: &Context<'_>) -> Result<String, Refused> {
        Ok(self.text.clone())
    }
}

pub(crate) fn registry() -> Registry {
    register(Registry::default())
}

/// The real kinds and the toy one.
pub(crate) fn platform() -> Registry {
    register(troupe_actors::registry())
}

fn register(registry: Registry) -> Registry {
    registry.kind::<Note>().command::<Note, Write>().command::<Note, WriteLoud>().query::<Note, Read>()
}

pub(crate) fn solo() -> (Router, Arc<Globals>) {
    Solo::router(registry())
}

/// A router that answers each ask with what the closure says.
pub(crate) fn scripted(
    registry: Registry,
    script: impl Fn(&AskOne) -> Outcome + Send + Sync + 'static,
) -> (Router, Arc<Globals>) {
    let router = routing::scripted(registry, move |asks| {
        let outcomes = asks.iter().map(&script).collect();
        Box::pin(std::future::ready(outcomes))
    });
    (router, Arc::default())
}

/// A router that never answers, and tells when it was asked.
pub(crate) fn stuck(asked: Arc<Notify>) -> (Router, Arc<Globals>) {
    let router = routing::scripted(registry(), move |_| {
        asked.notify_one();
        Box::pin(std::future::pending())
    });
    (router, Arc::default())
}
