//! The entity of a permit, and its decisions.

use std::collections::{BTreeSet, VecDeque};

use bincode::{Decode, Encode};
use serde::Serialize;
use troupe_runtime::entity::Answer;
use troupe_runtime::text::cut;
use troupe_runtime::{Address, Command, Context, Decide, Decision, Entity, Refused};

use super::messages::{Acquire, GetPermit, PermitView, Permitted, Release, SetPermit};

/// Recorded holders; beyond this count a permit grants requests without recording them.
pub const HELD_MAX: usize = 10_000;
/// The largest concurrency limit.
pub const MOST_MAX: u64 = 5_000;
/// The prefix of permits with the limit in their name: the number after it, up to a colon.
pub(crate) const NAMED: &str = "steps-in:";
const WAITING_MAX: usize = 10_000;
const TEXT_BYTES_MAX: usize = 300;
/// Grants of one decision, so that a log entry does not grow with the queue.
const PASSES_MAX: usize = 64;
const SHOWN_MAX: usize = 100;

/// One permit, keyed by its tag.
#[derive(Debug, Default, Encode, Decode, Serialize)]
pub struct Permit {
    most: Option<u64>,
    by: String,
    held: BTreeSet<String>,
    waiting: VecDeque<(String, Address)>,
}

/// An event of a permit.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize)]
pub enum Event {
    /// The limit was set.
    Set(Option<u64>, String),
    /// A holder waits.
    Waits(String, Address),
    /// A holder received the permit.
    Held(String),
    /// A holder released the permit, or cancelled its request.
    Released(String),
}

impl Entity for Permit {
    const KIND: &'static str = "permits";
    type Event = Event;

    fn create(key: &str) -> Self {
        let named = key.strip_prefix(NAMED).and_then(|rest| rest.split(':').next()?.parse().ok());
        Self { most: named.filter(|most| (1..=MOST_MAX).contains(most)), ..Self::default() }
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::Set(most, by) => {
                self.most = *most;
                self.by.clone_from(by);
            }
            Event::Waits(id, owner) => self.waiting.push_back((id.clone(), owner.clone())),
            Event::Held(id) => {
                self.waiting.retain(|(waits, _)| waits != id);
                self.held.insert(id.clone());
            }
            Event::Released(id) => {
                self.waiting.retain(|(waits, _)| waits != id);
                self.held.remove(id);
            }
        }
    }

    fn size(&self) -> usize {
        size_of::<Self>() + (self.held.len() + self.waiting.len()) * 96
    }
}

impl Permit {
    fn room(&self) -> bool {
        self.most.is_none_or(|most| (self.held.len() as u64) < most)
    }

    /// Applies `events` and grants free permits in the order of the requests.
    fn pass<C: Command>(&self, events: Vec<Event>, ctx: &Context<'_>) -> Decision<Self, C> {
        let mut next = Self {
            most: self.most,
            by: self.by.clone(),
            held: self.held.clone(),
            waiting: self.waiting.clone(),
        };
        let mut decision = Decision::unchanged();
        for event in events {
            next.apply(&event);
            decision = decision.and(event);
        }
        for _ in 0..PASSES_MAX {
            let Some((id, owner)) = next.waiting.front().filter(|_| next.room()).cloned() else { break };
            let event = Event::Held(id.clone());
            next.apply(&event);
            decision = decision.and(event).tell(owner, &permitted(ctx.key, id, ""));
        }
        decision
    }
}

fn permitted(tag: &str, id: String, refused: &str) -> Permitted {
    Permitted { tag: tag.to_owned(), id, refused: refused.to_owned() }
}

impl Decide<SetPermit> for Permit {
    fn decide(&self, ask: &SetPermit, ctx: &Context<'_>) -> Decision<Self, SetPermit> {
        if ask.most.is_some_and(|most| most > MOST_MAX) {
            let why = format!("at most {MOST_MAX} may hold a permit: use less, or remove the limit");
            return Decision::refuse(Refused::field("TOO_MANY", "most", why));
        }
        if ask.most == self.most {
            return Decision::unchanged().reply(());
        }
        let by = cut(&ask.by, 128);
        self.pass(vec![Event::Set(ask.most, by)], ctx).reply(())
    }
}

impl Decide<Acquire> for Permit {
    fn decide(&self, ask: &Acquire, ctx: &Context<'_>) -> Decision<Self, Acquire> {
        let refuse = |why: &str| {
            let reply = permitted(ctx.key, ask.id.clone(), why);
            Decision::unchanged().tell(ask.owner.clone(), &reply).reply(())
        };
        if self.held.contains(&ask.id) || self.waiting.iter().any(|(id, _)| *id == ask.id) {
            return Decision::unchanged().reply(());
        }
        if ask.id.is_empty() || ask.id.len() > TEXT_BYTES_MAX {
            return refuse("its name is too long");
        }
        if self.waiting.len() >= WAITING_MAX {
            return refuse("too many wait for it: try again later");
        }
        if self.held.len() >= HELD_MAX {
            return refuse("");
        }
        self.pass(vec![Event::Waits(ask.id.clone(), ask.owner.clone())], ctx).reply(())
    }
}

impl Decide<Release> for Permit {
    fn decide(&self, ask: &Release, ctx: &Context<'_>) -> Decision<Self, Release> {
        if !self.held.contains(&ask.id) && !self.waiting.iter().any(|(id, _)| *id == ask.id) {
            return Decision::unchanged().reply(());
        }
        self.pass(vec![Event::Released(ask.id.clone())], ctx).reply(())
    }
}

impl Answer<GetPermit> for Permit {
    fn answer(&self, _ask: &GetPermit, _ctx: &Context<'_>) -> Result<PermitView, Refused> {
        Ok(PermitView {
            most: self.most,
            by: self.by.clone(),
            held: self.held.len() as u64,
            waiting: self.waiting.len() as u64,
            holders: self.held.iter().take(SHOWN_MAX).cloned().collect(),
        })
    }
}
