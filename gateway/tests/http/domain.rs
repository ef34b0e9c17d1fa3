//! A domain of one kind: a listener remembers what it heard. Enough to see events arrive, and in which order.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use serde_json::json;
use troupe_actors::delivery::traffic::Role;
use troupe_gateway::{Allocation, Domain, Fault, FeatureValue, Group, Line, Problem};
use troupe_inference::Recommended;
use troupe_runtime::entity::{Answer, Globals};
use troupe_runtime::transport::AskOne;
use troupe_runtime::{
    Address, AskError, Command, Context, Decide, Decision, Entity, Query, Refused, Registry, wire,
};

use super::toy;

#[derive(Encode, Decode, Serialize)]
pub(crate) struct Listener {
    heard: Vec<Heard>,
}

#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub(crate) struct Heard {
    pub(crate) id: String,
    pub(crate) content: String,
    pub(crate) value: Option<f64>,
}

impl Entity for Listener {
    const KIND: &'static str = "listeners";
    type Event = Heard;

    fn create(_key: &str) -> Self {
        Self { heard: Vec::new() }
    }

    fn apply(&mut self, event: &Heard) {
        self.heard.push(event.clone());
    }
}

impl Command for Heard {
    const VERB: &'static str = "hear.v1";
    type Reply = bool;
    const REPEATABLE: bool = true;
}

impl Decide<Heard> for Listener {
    fn decide(&self, ask: &Heard, _ctx: &Context<'_>) -> Decision<Self, Heard> {
        if ask.value.is_some_and(|value| value > 5.0) {
            return Decision::refuse(Refused::field("BAD_VALUE", "value", "must be at most 5"));
        }
        if self.heard.iter().any(|heard| heard.id == ask.id) {
            return Decision::unchanged().reply(true);
        }
        Decision::event(ask.clone()).reply(false)
    }
}

/// What was heard, oldest first; as feature: how often.
#[derive(Debug, Encode, Decode, Serialize, Deserialize)]
pub(crate) struct Tell {}

impl Query for Tell {
    const VERB: &'static str = "tell.v1";
    type Reply = Vec<String>;
}

impl Answer<Tell> for Listener {
    fn answer(&self, _ask: &Tell, _ctx: &Context<'_>) -> Result<Vec<String>, Refused> {
        Ok(self.heard.iter().map(|heard| heard.content.clone()).collect())
    }
}

pub(crate) fn registry() -> Registry {
    toy::registry().kind::<Listener>().command::<Listener, Heard>().query::<Listener, Tell>()
}

/// The kind above, as the edge speaks to it.
pub(crate) struct Ears;

fn ask(key: &str, verb: &str, body: Vec<u8>) -> AskOne {
    AskOne {
        to: Address { kind: Listener::KIND.into(), key: key.to_owned() },
        verb: verb.to_owned(),
        body,
        key: None,
    }
}

fn decoded<T: bincode::Decode<()>>(reply: &[u8]) -> Result<T, AskError> {
    wire::decode(reply).map_err(AskError::Fault)
}

impl Domain for Ears {
    fn record(&self, event: Line<'_>) -> Result<AskOne, Fault> {
        if event.kind != "rating" {
            return Err(Fault::of("type", "UNKNOWN_TYPE", "must be rating"));
        }
        let id = event.event_id.map_or_else(|| format!("{}/{}", event.content, event.at), String::from);
        let heard = Heard { id, content: event.content.into_owned(), value: event.value };
        Ok(ask(&event.member, Heard::VERB, wire::encode(&heard)))
    }

    fn was_duplicate(&self, reply: &[u8]) -> Result<bool, AskError> {
        decoded(reply)
    }

    fn allocate(&self, _: &Globals, member: &str, experiment: Option<&str>) -> Result<Allocation, Problem> {
        match experiment {
            Some("none") => {
                Err(AskError::from(Refused::new("UNKNOWN_EXPERIMENT", "no such experiment")).into())
            }
            named => Ok(Allocation {
                model: "ears".into(),
                version: Some(member.len() as u32),
                role: Role::Experiment,
                variation: Some("b".into()),
                experiment: Some(named.unwrap_or("first").into()),
            }),
        }
    }

    fn inputs(&self, member: &Address) -> AskOne {
        ask(&member.key, Tell::VERB, wire::encode(&Tell {}))
    }

    fn history(&self, reply: &[u8]) -> Result<Vec<String>, AskError> {
        decoded(reply)
    }

    fn remember(&self, member: &Address, _: &Allocation, recommended: &Recommended) -> AskOne {
        let content = format!("shown {}", recommended.items.len());
        ask(&member.key, Heard::VERB, wire::encode(&Heard { id: content.clone(), content, value: None }))
    }

    fn title_of(&self, content: &str) -> AskOne {
        ask(&format!("title {content}"), Tell::VERB, wire::encode(&Tell {}))
    }

    fn title(&self, reply: &[u8]) -> Result<String, AskError> {
        decoded::<Vec<String>>(reply).map(|heard| heard.into_iter().next().unwrap_or_default())
    }

    fn groups(&self, _: &Globals) -> Vec<Group> {
        let group = |name: &str, by: &str| Group {
            name: name.into(),
            by: by.into(),
            features: vec!["count".into(), "last".into()],
        };
        vec![group("heard", "member"), group("played", "content")]
    }

    fn lookup(&self, _: &Group, id: &str, _: &[String]) -> AskOne {
        ask(id, Tell::VERB, wire::encode(&Tell {}))
    }

    fn looked_up(&self, reply: &[u8]) -> Result<Vec<FeatureValue>, AskError> {
        let heard: Vec<String> = decoded(reply)?;
        let present = |value| FeatureValue { value, status: "PRESENT".into(), at: Some(7) };
        let last = heard
            .last()
            .map_or(FeatureValue { value: json!(null), status: "NOT_FOUND".into(), at: None }, |last| {
                present(json!(last))
            });
        Ok(vec![present(json!(heard.len())), last])
    }

    fn member(&self, id: &str) -> Result<Address, Problem> {
        Address::parse_parts(Listener::KIND, id).map_err(|error| AskError::BadKey(error.to_string()).into())
    }
}
