//! State and decisions of a feature entity.

use bincode::{Decode, Encode};
use serde::Serialize;
use troupe_runtime::entity::Answer;
use troupe_runtime::{Context, Decide, Decision, Entity, Refused, Timestamp};

use super::messages::{LookedUp, Lookup, Observe, Status, Value};
use super::tile::Tiles;
use crate::feature_store::catalog::{Anchor, Catalog, FeatureSpec, Group};

/// Upper bound on interactions that wait for a group unknown to the catalogue. A member may know a group a moment
/// before the node that holds its values. Further interactions are refused.
pub const WAITING_MAX: usize = 64;

/// Values of one group for one member, content or context value.
#[derive(Debug, Default, Encode, Decode, Serialize)]
pub struct Features {
    /// The group's version that the tiles belong to; 0 before the first.
    version: u32,
    anchor: Anchor,
    names: Vec<String>,
    tiles: Vec<Tiles>,
    /// Event time of the newest interaction, at most the clock when it was observed; `None` before the first.
    newest: Option<Timestamp>,
    /// Interactions that arrived before the group's shape.
    waiting: Vec<(Observe, Timestamp)>,
}

/// An event of a feature entity.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
pub enum Event {
    /// The group's shape was set or changed; values are cleared.
    Shaped {
        /// The group's version.
        version: u32,
        /// The end of windows.
        anchor: Anchor,
        /// The features.
        features: Vec<FeatureSpec>,
    },
    /// An interaction was observed.
    Observed(Observe),
    /// An interaction with an event time ahead of the clock was observed.
    Ahead {
        /// The interaction.
        seen: Observe,
        /// The clock at that moment.
        now: Timestamp,
    },
}

impl Features {
    /// The key of a member's group, in the member's shard: both change in one log entry.
    #[must_use]
    pub fn member_key(member: &str, group: &str) -> String {
        format!("{{{member}}}:{group}")
    }

    /// The key for a content's group.
    #[must_use]
    pub fn content_key(content: &str, group: &str) -> String {
        format!("{{c:{content}}}:{group}")
    }

    /// The key of a context value's group.
    #[must_use]
    pub fn context_key(value: &str, group: &str) -> String {
        format!("{{x:{value}}}:{group}")
    }

    fn take(&mut self, seen: &Observe, clock: Timestamp) {
        if self.version == 0 {
            self.waiting.push((*seen, clock));
            return;
        }
        let head = seen.at.min(clock).max(self.newest.unwrap_or_default());
        self.newest = Some(head);
        self.tiles.iter_mut().for_each(|tiles| tiles.observe(seen, head));
    }
}

impl Entity for Features {
    const KIND: &'static str = "features";
    type Event = Event;

    fn create(_key: &str) -> Self {
        Self::default()
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::Shaped { version, anchor, features } => {
                self.version = *version;
                self.anchor = *anchor;
                self.names = features.iter().map(|feature| feature.name.clone()).collect();
                self.tiles = features
                    .iter()
                    .map(|feature| Tiles::new(feature.op, feature.of, feature.window_ms))
                    .collect();
                self.newest = None;
                for (seen, clock) in std::mem::take(&mut self.waiting) {
                    self.take(&seen, clock);
                }
            }
            Event::Observed(seen) => self.take(seen, seen.at),
            Event::Ahead { seen, now } => self.take(seen, *now),
        }
    }

    fn size(&self) -> usize {
        size_of::<Self>()
            + self.names.iter().map(|name| name.len() + size_of::<String>()).sum::<usize>()
            + self.tiles.iter().map(|tiles| size_of::<Tiles>() + tiles.heap_bytes()).sum::<usize>()
            + self.waiting.capacity() * size_of::<(Observe, Timestamp)>()
    }
}

impl Decide<Observe> for Features {
    fn decide(&self, ask: &Observe, ctx: &Context<'_>) -> Decision<Self, Observe> {
        if ask.value.is_some_and(|value| !value.is_finite()) {
            return Decision::refuse(Refused::field("NOT_FINITE", "value", "value must be a finite number"));
        }
        let observed =
            if ask.at > ctx.now { Event::Ahead { seen: *ask, now: ctx.now } } else { Event::Observed(*ask) };
        let newer = with_group(ctx, |group| group.filter(|group| group.version > self.version).map(shape));
        if let Some(shaped) = newer.flatten() {
            return Decision::event(shaped).and(observed).reply(());
        }
        if self.version == 0 && self.waiting.len() >= WAITING_MAX {
            let why = format!("the group of {} is not declared", ctx.key);
            return Decision::refuse(Refused::new("NO_GROUP", why));
        }
        Decision::event(observed).reply(())
    }
}

impl Answer<Lookup> for Features {
    fn answer(&self, ask: &Lookup, ctx: &Context<'_>) -> Result<LookedUp, Refused> {
        let found = with_group(ctx, |group| match group {
            None => GroupVersion::Retired,
            Some(group) if group.version > self.version => GroupVersion::Newer(self.as_of(group)),
            Some(_) => GroupVersion::Current,
        });
        Ok(match found {
            Some(GroupVersion::Newer(shaped)) => shaped.look_up(ask, ctx.now),
            Some(GroupVersion::Retired) => {
                let nothing = Value { value: None, status: Status::NotFound, at: None };
                LookedUp { names: ask.features.clone(), values: vec![nothing; ask.features.len()] }
            }
            // Without a catalogue, as during a node's start, the entity answers in its own shape.
            Some(GroupVersion::Current) | None => self.look_up(ask, ctx.now),
        })
    }
}

/// The entity's shape compared with the catalogue's.
enum GroupVersion {
    Current,
    Newer(Features),
    Retired,
}

impl Features {
    fn look_up(&self, ask: &Lookup, now: Timestamp) -> LookedUp {
        let at = ask.at.unwrap_or(match self.anchor {
            Anchor::Now => now,
            Anchor::LastEvent => self.newest.unwrap_or(now),
        });
        let names = if ask.features.is_empty() { self.names.clone() } else { ask.features.clone() };
        let values = names.iter().map(|name| self.value(name, at)).collect();
        LookedUp { names, values }
    }

    /// The entity after its next interaction: in the group's new shape, with the waiting interactions applied.
    fn as_of(&self, group: &Group) -> Self {
        let mut shaped = Self { waiting: self.waiting.clone(), ..Self::default() };
        shaped.apply(&shape(group));
        shaped
    }

    fn value(&self, name: &str, at: Timestamp) -> Value {
        let nothing = |status| Value { value: None, status, at: None };
        let place = self.names.iter().position(|held| held == name);
        let Some(tiles) = place.and_then(|place| self.tiles.get(place)) else {
            return nothing(Status::NotFound);
        };
        if self.newest.is_none() {
            return nothing(Status::NotFound);
        }
        let window = tiles.window(at);
        if window.is_empty() {
            return nothing(Status::OutsideMaxAge);
        }
        let last = Some(window.last());
        match window.value(tiles.op()) {
            Some(value) => Value { value: Some(value), status: Status::Present, at: last },
            None => Value { value: None, status: Status::NullValue, at: last },
        }
    }
}

fn shape(group: &Group) -> Event {
    Event::Shaped { version: group.version, anchor: group.spec.anchor, features: group.spec.features.clone() }
}

/// Applies `look` to the declared group that the entity's key names; `None` without a catalogue.
fn with_group<R>(ctx: &Context<'_>, look: impl FnOnce(Option<&Group>) -> R) -> Option<R> {
    let catalog = ctx.global::<Catalog>(Catalog::KEY)?;
    let group = ctx.key.rsplit_once(':').and_then(|(_, name)| catalog.get(name));
    Some(look(group))
}
