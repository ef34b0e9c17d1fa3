//! How a feature entity decides.

use bincode::{Decode, Encode};
use serde::Serialize;
use troupe_runtime::entity::Answer;
use troupe_runtime::{Context, Decide, Decision, Entity, Refused, Timestamp};

use super::messages::{LookedUp, Lookup, Observe, Status, Value};
use super::tile::Tiles;
use crate::catalog::{Anchor, Catalog, FeatureSpec, Group};

/// Values of one group for one member, content or circumstance.
#[derive(Debug, Default, Encode, Decode, Serialize)]
pub struct Features {
    /// The group's version that the tiles were made for; zero before the first interaction.
    version: u32,
    anchor: Anchor,
    names: Vec<String>,
    tiles: Vec<Tiles>,
    newest: Timestamp,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
pub enum Event {
    /// The group's shape, first or changed: values begin anew.
    Shaped {
        /// The group's version.
        version: u32,
        /// Where windows end.
        anchor: Anchor,
        /// The features.
        features: Vec<FeatureSpec>,
    },
    /// An interaction was seen.
    Observed(Observe),
}

impl Features {
    /// The key for a member's group: in the member's own shard, so that both change in one entry.
    #[must_use]
    pub fn member_key(member: &str, group: &str) -> String {
        format!("{{{member}}}:{group}")
    }

    /// The key for a content's group.
    #[must_use]
    pub fn content_key(content: &str, group: &str) -> String {
        format!("{{c:{content}}}:{group}")
    }

    /// The key for a circumstance's group.
    #[must_use]
    pub fn context_key(value: &str, group: &str) -> String {
        format!("{{x:{value}}}:{group}")
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
                self.newest = Timestamp(0);
            }
            Event::Observed(seen) => {
                self.newest = self.newest.max(seen.at);
                self.tiles.iter_mut().for_each(|tiles| tiles.observe(seen));
            }
        }
    }

    fn size(&self) -> usize {
        size_of::<Self>()
            + self.names.iter().map(|name| name.len() + 24).sum::<usize>()
            + self.tiles.iter().map(|tiles| size_of::<Tiles>() + tiles.heap_bytes()).sum::<usize>()
    }
}

impl Decide<Observe> for Features {
    fn decide(&self, ask: &Observe, ctx: &Context<'_>) -> Decision<Self, Observe> {
        let Some(group) = group_of(ctx) else {
            return Decision::refuse(Refused::new(
                "NO_GROUP",
                format!("{} is of no declared group", ctx.key),
            ));
        };
        let observed = Event::Observed(*ask);
        if group.version == self.version {
            return Decision::event(observed).reply(());
        }
        let shaped = Event::Shaped {
            version: group.version,
            anchor: group.spec.anchor,
            features: group.spec.features,
        };
        Decision::event(shaped).and(observed).reply(())
    }
}

impl Answer<Lookup> for Features {
    fn answer(&self, ask: &Lookup, ctx: &Context<'_>) -> Result<LookedUp, Refused> {
        let at = ask.at.unwrap_or(match self.anchor {
            Anchor::Now => ctx.now,
            Anchor::LastEvent => self.newest,
        });
        let names = if ask.features.is_empty() { self.names.clone() } else { ask.features.clone() };
        let values = names.iter().map(|name| self.value(name, at)).collect();
        Ok(LookedUp { names, values })
    }
}

impl Features {
    fn value(&self, name: &str, at: Timestamp) -> Value {
        let nothing = |status| Value { value: None, status, at: None };
        let Some(tiles) =
            self.names.iter().position(|held| held == name).and_then(|place| self.tiles.get(place))
        else {
            return nothing(Status::NotFound);
        };
        if self.newest == Timestamp(0) {
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

/// The declared group that the entity's key ends in.
fn group_of(ctx: &Context<'_>) -> Option<Group> {
    let (_, name) = ctx.key.rsplit_once(':')?;
    ctx.global::<Catalog>(Catalog::KEY)?.get(name).cloned()
}
