//! The state of a model's traffic, and its decisions.

use std::collections::VecDeque;

use bincode::{Decode, Encode};
use serde::Serialize;
use troupe_runtime::entity::{Answer, Placement};
use troupe_runtime::text::cut;
use troupe_runtime::{Command, Context, Decide, Decision, Entity, Refused, Timestamp};

use super::messages::{Change, GetTraffic, GiveBack, SetTraffic, TrafficSet, TrafficView, Waiter};
use super::queue::Waiters;
use super::split::{NAME_BYTES_MAX, Split};
use crate::models::{Model, Stage};
use crate::stored::{NamedFields, OptionalTail};

/// Retention of changes.
pub(super) const CHANGES_MAX: usize = 64;
const WHY_CHARS_MAX: usize = 200;
/// The refusal code while another holder has the traffic.
const HELD: &str = "HELD";

/// The traffic of one model, keyed by the model's name.
#[derive(Debug, Default, Encode, Decode, Serialize)]
pub struct Traffic {
    revision: u64,
    /// The holder of the split.
    by: Option<String>,
    split: NamedFields<Option<Split>>,
    changes: NamedFields<VecDeque<Change>>,
    waiting: OptionalTail<NamedFields<Waiters>>,
}

/// What happened to a model's traffic.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
pub enum Event {
    /// The split was set and is held.
    Set(NamedFields<Change>),
    /// The split was given back.
    GivenBack(NamedFields<Change>),
    /// A delivery joined the queue.
    Waits(NamedFields<Waiter>),
    /// A delivery left the queue.
    Left(String),
}

impl Traffic {
    /// The split; `None` if the champion serves all members.
    #[must_use]
    pub const fn split(&self) -> Option<&Split> {
        self.split.0.as_ref()
    }

    /// The holder.
    #[must_use]
    pub fn by(&self) -> Option<&str> {
        self.by.as_deref()
    }

    #[cfg(test)]
    pub(super) const fn revision(&self) -> u64 {
        self.revision
    }

    #[cfg(test)]
    pub(super) fn changes(&self) -> usize {
        self.changes.0.len()
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> Vec<&str> {
        self.waiting.0.0.iter().map(|waiter| waiter.by.as_str()).collect()
    }

    /// The split to set, if the sender may hold the traffic.
    fn checked(&self, ask: &SetTraffic, ctx: &Context<'_>) -> Result<Split, Refused> {
        if ask.by.is_empty() || ask.by.len() > NAME_BYTES_MAX || ask.id.len() > NAME_BYTES_MAX {
            let why = format!("by and id must be 1 to {NAME_BYTES_MAX} bytes");
            return Err(Refused::field("BAD_NAME", "by", why));
        }
        if let Some(holder) = self.by.as_ref().filter(|holder| **holder != ask.by) {
            let mut why = format!("{holder} holds the traffic of this model: wait for its end, or cancel it");
            let before = self.waiting.0.0.before(&ask.by);
            if before > 0 && ask.owner.is_some() {
                why = format!("{why}; {before} more came before");
            }
            return Err(Refused::new(HELD, why));
        }
        self.splits(ask, ctx)
    }

    /// Checks a split against the model's versions, and fills in the champion as production.
    fn splits(&self, ask: &SetTraffic, ctx: &Context<'_>) -> Result<Split, Refused> {
        let model = ctx.global::<Model>(ctx.key);
        let mut split = ask.split.0.clone();
        if split.production == 0 {
            let champion = model.as_ref().and_then(|model| model.at(Stage::Champion));
            let Some(champion) = champion else {
                let why = format!("{} has no champion yet: promote a first version", ctx.key);
                return Err(Refused::field("NO_VERSION", "split.production", why));
            };
            split.production = champion.version;
        }
        split.check()?;
        for (field, version) in [("production", split.production), ("canary", split.canary)] {
            let listed = model.as_ref().and_then(|model| model.version(version));
            if listed.is_none() {
                let why = format!("{} has no version {version}", ctx.key);
                return Err(Refused::field("NO_VERSION", format!("split.{field}"), why));
            }
            if field == "canary" && listed.is_some_and(|listed| listed.stage == Stage::Archived) {
                let why = format!("version {version} is archived: move it to staging before");
                return Err(Refused::field("ARCHIVED", "split.canary", why));
            }
        }
        Ok(split)
    }
}

/// The event of a new split.
fn set(by: &str, split: &Split, now: Timestamp) -> Event {
    Event::Set(NamedFields(Change {
        at: now,
        by: by.to_owned(),
        split: Some(split.clone()),
        why: String::new(),
    }))
}

fn answered<C: Command>(
    decision: Decision<Traffic, C>,
    ask: &SetTraffic,
    checked: &Result<Split, Refused>,
) -> Decision<Traffic, C> {
    let Some(owner) = &ask.owner else { return decision };
    let refused = checked.as_ref().err().map(|refused| format!("{}: {}", refused.code, refused.message));
    let split = NamedFields(checked.as_ref().ok().cloned());
    decision.tell(owner.clone(), &TrafficSet { id: ask.id.clone(), split, refused })
}

impl Entity for Traffic {
    const KIND: &'static str = "traffic";
    const PLACEMENT: Placement = Placement::Control;
    type Event = Event;

    fn create(_key: &str) -> Self {
        Self::default()
    }

    fn apply(&mut self, event: &Event) {
        let waiting = &mut self.waiting.0.0;
        let (change, by) = match event {
            Event::Waits(waiter) => return waiting.wait(&waiter.0),
            Event::Left(by) => return waiting.leave(by),
            Event::Set(change) => {
                waiting.leave(&change.0.by);
                (change, Some(change.0.by.clone()))
            }
            Event::GivenBack(change) => (change, None),
        };
        self.revision += 1;
        self.by = by;
        self.split.0 = change.0.split.clone();
        self.changes.0.push_back(change.0.clone());
        while self.changes.0.len() > CHANGES_MAX {
            self.changes.0.pop_front();
        }
    }
}

impl Decide<SetTraffic> for Traffic {
    fn decide(&self, ask: &SetTraffic, ctx: &Context<'_>) -> Decision<Self, SetTraffic> {
        let checked = self.checked(ask, ctx);
        let decision = match &checked {
            Err(refused) if ask.owner.is_none() => return Decision::refuse(refused.clone()),
            Err(refused) if refused.code == HELD => match self.waiting.0.0.next(ask, ctx.now) {
                Some(waiter) => Decision::event(Event::Waits(NamedFields(waiter))).reply(self.revision),
                None => Decision::unchanged().reply(self.revision),
            },
            Err(_) => Decision::unchanged().reply(self.revision),
            Ok(split) if self.by.as_ref() == Some(&ask.by) && self.split() == Some(split) => {
                Decision::unchanged().reply(self.revision)
            }
            Ok(split) => Decision::event(set(&ask.by, split, ctx.now)).reply(self.revision + 1),
        };
        answered(decision, ask, &checked)
    }
}

impl Decide<GiveBack> for Traffic {
    fn decide(&self, ask: &GiveBack, ctx: &Context<'_>) -> Decision<Self, GiveBack> {
        if self.by.as_ref() != Some(&ask.by) {
            return match self.waiting.0.0.of(&ask.by) {
                Some(_) => Decision::event(Event::Left(ask.by.clone())).reply(false),
                None => Decision::unchanged().reply(false),
            };
        }
        let split = if ask.keep { self.split.0.clone() } else { None };
        let why = cut(&ask.why, WHY_CHARS_MAX);
        let change = Change { at: ctx.now, by: ask.by.clone(), split, why };
        self.next(Decision::event(Event::GivenBack(NamedFields(change))), ctx).reply(true)
    }
}

impl Traffic {
    /// Gives free traffic to the first delivery in the queue with a valid split. Deliveries before it get a refusal
    /// and leave.
    fn next<C: Command>(&self, decision: Decision<Self, C>, ctx: &Context<'_>) -> Decision<Self, C> {
        let mut decision = decision;
        for waiter in self.waiting.0.0.iter() {
            let ask = waiter.ask();
            let splits = self.splits(&ask, ctx);
            decision = answered(decision, &ask, &splits);
            match splits {
                Ok(split) => return decision.and(set(&waiter.by, &split, ctx.now)),
                Err(_) => decision = decision.and(Event::Left(waiter.by.clone())),
            }
        }
        decision
    }
}

impl Answer<GetTraffic> for Traffic {
    fn answer(&self, _ask: &GetTraffic, _ctx: &Context<'_>) -> Result<TrafficView, Refused> {
        Ok(TrafficView {
            revision: self.revision,
            by: self.by.clone(),
            split: self.split.clone(),
            changes: NamedFields(self.changes.0.iter().cloned().collect()),
            waiting: NamedFields(self.waiting.0.0.iter().cloned().collect()),
        })
    }
}
