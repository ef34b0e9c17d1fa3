//! A kind of one's own, from nothing to a cluster of three nodes.
//!
//! A `watchlists` entity keeps the contents that a member wants to see. This file holds all of it: the events, the
//! messages, the decisions, the registration, and the binary. Copy it, rename things, and run:
//!
//! ```text
//! cargo run -p entity -- up --config examples/entity/cluster.toml
//! curl -s localhost:8201/v1/actors/watchlists/42/add -d '{"content": "7"}'
//! curl -s localhost:8202/v1/actors/watchlists/42/get -d '{}'
//! ```
//!
//! or from Python, with `pip install ./sdk/python`:
//!
//! ```text
//! from troupe import Client
//! client = Client(["127.0.0.1:8201", "127.0.0.1:8202", "127.0.0.1:8203"])
//! client.ask("watchlists", "42", "add", {"content": "8"})
//! client.ask("watchlists", "42", "get", {})        # {'contents': ['7', '8'], 'full': False}
//! ```
//!
//! The binary has every other command of `troupe` as well: `status`, `shards`, `ask`, `journal`, `drain`.

use std::process::ExitCode;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::entity::Answer;
use troupe_runtime::{Context, Decide, Decision, Entity, Refused, Registry, Timestamp, command, query};

/// Contents on one list. Every state has a bound: it is checkpointed and sent whole.
const CONTENTS_MAX: usize = 500;

// 1. The state, and the facts that it is folded from.

/// What one member wants to see, in the order of adding.
#[derive(Debug, Default, Encode, Decode, Serialize)]
struct Watchlist {
    contents: Vec<(String, Timestamp)>,
}

/// What happened to a watchlist. Events are stored for good: a later version adds variants at the end only.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize)]
enum Event {
    Added { content: String, at: Timestamp },
    Removed { content: String },
}

impl Entity for Watchlist {
    const KIND: &'static str = "watchlists";
    type Event = Event;

    fn create(_key: &str) -> Self {
        Self::default()
    }

    /// Folds an event, on the leader and on every follower. It reads nothing but its arguments.
    fn apply(&mut self, event: &Event) {
        match event {
            Event::Added { content, at } => self.contents.push((content.clone(), *at)),
            Event::Removed { content } => self.contents.retain(|(held, _)| held != content),
        }
    }
}

// 2. The messages: what changes the state, and what reads it.

/// Puts a content on the list. Sent again it changes nothing, so the router may repeat it: `repeatable`.
#[command("add.v1", reply = Length, repeatable)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Add {
    content: String,
}

/// Takes a content off the list.
#[command("remove.v1", reply = Length, repeatable)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Remove {
    content: String,
}

/// The answer to [`Add`] and [`Remove`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
struct Length {
    contents: u32,
}

/// Asks for the list.
#[query("get.v1", reply = View)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Get {}

/// The answer to [`Get`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
struct View {
    contents: Vec<String>,
    full: bool,
}

// 3. The decisions. They run on the shard's leader alone, and are pure: time comes with the context.

impl Watchlist {
    fn holds(&self, content: &str) -> bool {
        self.contents.iter().any(|(held, _)| held == content)
    }

    fn length(&self, more: i32) -> Length {
        let length = i64::try_from(self.contents.len()).unwrap_or(i64::MAX) + i64::from(more);
        Length { contents: u32::try_from(length).unwrap_or(0) }
    }
}

impl Decide<Add> for Watchlist {
    fn decide(&self, ask: &Add, ctx: &Context<'_>) -> Decision<Self, Add> {
        if ask.content.is_empty() {
            return Decision::refuse(Refused::field("BAD_CONTENT", "content", "give the content's id"));
        }
        if self.holds(&ask.content) {
            return Decision::unchanged().reply(self.length(0));
        }
        if self.contents.len() >= CONTENTS_MAX {
            let why = format!("the list has {CONTENTS_MAX} contents: remove one first");
            return Decision::refuse(Refused::new("TOO_MANY_CONTENTS", why));
        }
        let added = Event::Added { content: ask.content.clone(), at: ctx.now };
        Decision::event(added).reply(self.length(1))
    }
}

impl Decide<Remove> for Watchlist {
    fn decide(&self, ask: &Remove, _ctx: &Context<'_>) -> Decision<Self, Remove> {
        if !self.holds(&ask.content) {
            return Decision::unchanged().reply(self.length(0));
        }
        Decision::event(Event::Removed { content: ask.content.clone() }).reply(self.length(-1))
    }
}

impl Answer<Get> for Watchlist {
    fn answer(&self, _ask: &Get, _ctx: &Context<'_>) -> Result<View, Refused> {
        let contents = self.contents.iter().map(|(content, _)| content.clone()).collect();
        Ok(View { contents, full: self.contents.len() >= CONTENTS_MAX })
    }
}

// 4. The binary: the platform's kinds and this one.

fn registry() -> Registry {
    troupe_actors::registry()
        .kind::<Watchlist>()
        .command::<Watchlist, Add>()
        .command::<Watchlist, Remove>()
        .query::<Watchlist, Get>()
}

fn main() -> ExitCode {
    troupe_cli::run(registry)
}

// 5. The tests. Decisions need no cluster; `Solo` runs every kind in memory.

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use troupe_runtime::routing::{Solo, ask, tell};

    use super::*;

    #[tokio::test]
    async fn a_list_holds_each_content_once_and_in_order() {
        let (router, _) = Solo::router(registry());
        let within = Duration::from_secs(1);
        for (content, contents) in [("7", 1), ("8", 2), ("7", 2)] {
            let add = Add { content: content.to_owned() };
            assert_eq!(tell::<Watchlist, Add>(&router, "42", &add, within).await, Ok(Length { contents }));
        }
        let remove = Remove { content: "7".to_owned() };
        let removed = tell::<Watchlist, Remove>(&router, "42", &remove, within).await;
        assert_eq!(removed, Ok(Length { contents: 1 }));
        let view = ask::<Watchlist, Get>(&router, "42", &Get {}, within).await;
        assert_eq!(view, Ok(View { contents: vec!["8".to_owned()], full: false }));
    }

    #[tokio::test]
    async fn a_list_refuses_an_empty_content_and_one_too_many() {
        let (router, _) = Solo::router(registry());
        let within = Duration::from_secs(1);
        for at in 0..=CONTENTS_MAX {
            let add = Add { content: at.to_string() };
            let added = tell::<Watchlist, Add>(&router, "42", &add, within).await;
            assert_eq!(added.is_ok(), at < CONTENTS_MAX, "{at}: {added:?}");
        }
        let empty = Add { content: String::new() };
        let refused = tell::<Watchlist, Add>(&router, "1", &empty, within).await.expect_err("it has no id");
        assert_eq!(refused.code(), "BAD_CONTENT");
    }
}
