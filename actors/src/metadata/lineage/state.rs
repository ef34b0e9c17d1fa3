//! State and decisions of a lineage node.

use bincode::{Decode, Encode};
use serde::Serialize;
use troupe_runtime::entity::Answer;
use troupe_runtime::text::cut;
use troupe_runtime::{Address, Command, Context, Decide, Decision, Entity, Refused, Timestamp};

use super::messages::{GetLineage, LineageView, Link, Linked, Relate};

/// Upper bound on the edges of a node in one direction.
pub const EDGES_MAX: usize = 256;
/// Longest name of a node, in bytes: it is a key.
pub const NODE_BYTES_MAX: usize = 256;
/// Prefixes of node names.
pub const PREFIXES: [&str; 6] = ["run:", "artifact:", "model:", "deployment:", "workflow:", "dataset:"];
const HOW_BYTES_MAX: usize = 32;

/// The node of a run.
#[must_use]
pub fn run_node(run_key: &str) -> String {
    format!("run:{run_key}")
}

/// The node of a version of a model.
#[must_use]
pub fn model_node(name: &str, version: impl std::fmt::Display) -> String {
    format!("model:{name}@{version}")
}

/// Checks that a name is one of a node.
///
/// # Errors
/// The field at fault, with the rule.
pub fn check_node(field: &str, node: &str) -> Result<(), Refused> {
    let named = PREFIXES.iter().any(|prefix| node.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty()));
    if !named || node.len() > NODE_BYTES_MAX || node.chars().any(char::is_control) {
        let why = format!(
            "{field} must be one of {} and an id, as in model:movies@3, at most {NODE_BYTES_MAX} bytes",
            PREFIXES.join(" ")
        );
        return Err(Refused::field("BAD_NODE", field, why));
    }
    Ok(())
}

/// Adds an edge to a decision, as an effect. An edge with an end that is not a node name is left out.
#[must_use]
pub fn relate<E: Entity, C: Command>(
    decision: Decision<E, C>,
    from: &str,
    to: String,
    how: &str,
) -> Decision<E, C> {
    if check_node("from", from).is_err() || check_node("to", &to).is_err() {
        return decision;
    }
    decision.tell(Address::of::<Lineage>(from), &Relate { to, how: how.to_owned() })
}

/// One node, keyed by its name.
#[derive(Debug, Default, Encode, Decode, Serialize)]
pub struct Lineage {
    from: Vec<Link>,
    to: Vec<Link>,
    dropped: u64,
}

/// An event of a lineage node.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize)]
pub enum Event {
    /// A node was derived from this one.
    Led(String, String, Timestamp),
    /// This node was derived from another one.
    Came(String, String, Timestamp),
    /// An edge was dropped at the bound.
    Dropped,
}

impl Entity for Lineage {
    const KIND: &'static str = "lineage";
    type Event = Event;

    fn create(_key: &str) -> Self {
        Self::default()
    }

    fn apply(&mut self, event: &Event) {
        let link = |node: &String, how: &String, at: &Timestamp| Link {
            node: node.clone(),
            how: how.clone(),
            at: *at,
        };
        match event {
            Event::Led(node, how, at) => self.to.push(link(node, how, at)),
            Event::Came(node, how, at) => self.from.push(link(node, how, at)),
            Event::Dropped => self.dropped += 1,
        }
    }

    fn size(&self) -> usize {
        size_of::<Self>() + (self.from.len() + self.to.len()) * 192
    }
}

impl Decide<Relate> for Lineage {
    fn decide(&self, ask: &Relate, ctx: &Context<'_>) -> Decision<Self, Relate> {
        if let Err(refused) = check_node("from", ctx.key).and_then(|()| check_node("to", &ask.to)) {
            return Decision::refuse(refused);
        }
        if ask.to == ctx.key {
            return Decision::refuse(Refused::field("BAD_NODE", "to", "to must differ from from"));
        }
        if self.to.iter().any(|link| link.node == ask.to) {
            return Decision::unchanged().reply(());
        }
        let how: String = ask.how.chars().filter(|c| !c.is_control()).take(HOW_BYTES_MAX).collect();
        if self.to.len() >= EDGES_MAX {
            return Decision::event(Event::Dropped).reply(());
        }
        Decision::event(Event::Led(ask.to.clone(), how.clone(), ctx.now))
            .tell(Address::of::<Self>(ask.to.clone()), &Linked { from: ctx.key.to_owned(), how })
            .reply(())
    }
}

impl Decide<Linked> for Lineage {
    fn decide(&self, ask: &Linked, ctx: &Context<'_>) -> Decision<Self, Linked> {
        if let Err(refused) = check_node("from", &ask.from) {
            return Decision::refuse(refused);
        }
        if self.from.iter().any(|link| link.node == ask.from) {
            return Decision::unchanged().reply(());
        }
        if self.from.len() >= EDGES_MAX {
            return Decision::event(Event::Dropped).reply(());
        }
        let how = cut(&ask.how, HOW_BYTES_MAX);
        Decision::event(Event::Came(ask.from.clone(), how, ctx.now)).reply(())
    }
}

impl Answer<GetLineage> for Lineage {
    fn answer(&self, _ask: &GetLineage, _ctx: &Context<'_>) -> Result<LineageView, Refused> {
        Ok(LineageView { from: self.from.clone(), to: self.to.clone(), dropped: self.dropped })
    }
}
