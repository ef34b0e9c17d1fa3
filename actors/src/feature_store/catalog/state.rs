//! State and decisions of the catalogue.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};
use serde::Serialize;
use troupe_runtime::entity::{Answer, Placement};
use troupe_runtime::{Context, Decide, Decision, Entity, Refused};

use super::messages::{Declare, Declared, EntityKey, GroupSpec, ListGroups, Op, Retire, Source};

/// Upper bound on the groups of a catalogue: every interaction is matched against each of them.
pub(super) const GROUPS_MAX: usize = 256;
/// Upper bound on the features of a group.
pub(super) const FEATURES_MAX: usize = 64;
/// Longest name, in bytes.
const NAME_BYTES_MAX: usize = 64;
/// Upper bound on the interaction types that a group names.
const EVENTS_MAX: usize = 32;
/// Longest interaction type, in bytes; the same bound as for recorded interactions.
const EVENT_BYTES_MAX: usize = 128;
/// Longest window: 400 days.
const WINDOW_MS_MAX: u64 = 400 * 86_400_000;
/// Shortest window: one hop of five minutes.
const WINDOW_MS_MIN: u64 = 300_000;

/// A declared group.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Group {
    /// The declaration.
    pub spec: GroupSpec,
    /// Number of changes, starting at 1.
    pub version: u32,
}

/// All groups. There is one catalogue, at [`Catalog::KEY`].
#[derive(Debug, Default, Encode, Decode, Serialize)]
pub struct Catalog {
    groups: BTreeMap<String, Group>,
    /// The highest version of any retired group. A later group starts above it, so that a name that is declared again
    /// never repeats a version. Nothing else of a retired group is stored.
    retired: u32,
}

/// An event of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize)]
pub enum Event {
    /// A group was declared or changed.
    Declared(Group),
    /// A group was retired.
    Retired(String),
}

impl Catalog {
    /// The key of the only catalogue.
    pub const KEY: &'static str = "features";

    /// The group with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Group> {
        self.groups.get(name)
    }

    /// Every group, by name.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.values()
    }

    /// Groups that observe interactions of this type.
    pub fn wanting(&self, kind: &str) -> impl Iterator<Item = &GroupSpec> {
        let wants =
            move |spec: &&GroupSpec| spec.events.is_empty() || spec.events.iter().any(|event| event == kind);
        self.groups.values().map(|group| &group.spec).filter(wants)
    }
}

impl GroupSpec {
    /// Every problem of the declaration: field and rule.
    #[must_use]
    pub fn problems(&self) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        if !is_name(&self.name) {
            problems.push(("name".to_owned(), name_rule()));
        }
        if let EntityKey::Context(field) = &self.entity
            && !is_name(field)
        {
            let what = "must be member, content or context:FIELD with a FIELD of letters, digits, _ and -";
            problems.push(("entity".to_owned(), what.to_owned()));
        }
        let unusable = |event: &String| event.is_empty() || event.len() > EVENT_BYTES_MAX;
        if self.events.len() > EVENTS_MAX || self.events.iter().any(unusable) {
            let what = format!("must be at most {EVENTS_MAX} types of 1 to {EVENT_BYTES_MAX} bytes");
            problems.push(("events".to_owned(), what));
        }
        if self.features.is_empty() || self.features.len() > FEATURES_MAX {
            problems.push(("features".to_owned(), format!("must be 1 to {FEATURES_MAX}")));
        }
        for (at, feature) in self.features.iter().enumerate() {
            if !is_name(&feature.name) {
                problems.push((format!("features[{at}].name"), name_rule()));
            }
            if self.features[..at].iter().any(|other| other.name == feature.name) {
                problems.push((format!("features[{at}].name"), "is listed twice".to_owned()));
            }
            if feature.of != Source::Value && feature.op != Op::Distinct {
                let what = "member and content need the operation distinct";
                problems.push((format!("features[{at}].of"), what.to_owned()));
            }
            if feature.window_ms != 0 && !(WINDOW_MS_MIN..=WINDOW_MS_MAX).contains(&feature.window_ms) {
                problems.push((format!("features[{at}].window"), "must be 5 minutes to 400 days".to_owned()));
            }
        }
        problems
    }
}

impl Entity for Catalog {
    const KIND: &'static str = "catalog";
    const PLACEMENT: Placement = Placement::Control;
    type Event = Event;

    fn create(_key: &str) -> Self {
        Self::default()
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::Declared(group) => {
                self.groups.insert(group.spec.name.clone(), group.clone());
            }
            Event::Retired(name) => {
                if let Some(group) = self.groups.remove(name) {
                    self.retired = self.retired.max(group.version);
                }
            }
        }
    }
}

impl Decide<Declare> for Catalog {
    fn decide(&self, ask: &Declare, ctx: &Context<'_>) -> Decision<Self, Declare> {
        if ctx.key != Self::KEY {
            return Decision::refuse(Refused::new(
                "ONE_CATALOG",
                format!("the catalogue is catalog/{}", Self::KEY),
            ));
        }
        let problems = ask.group.problems();
        if let Some((field, _)) = problems.first() {
            let all: Vec<String> = problems.iter().map(|(field, what)| format!("{field} {what}")).collect();
            return Decision::refuse(Refused::field("BAD_GROUP", format!("group.{field}"), all.join("; ")));
        }
        let name = &ask.group.name;
        let before = self.groups.get(name);
        if let Some(group) = before.filter(|group| group.spec == ask.group) {
            return Decision::unchanged().reply(Declared { version: group.version });
        }
        if before.is_none() && self.groups.len() >= GROUPS_MAX {
            let why = format!("the catalogue has {GROUPS_MAX} groups: retire one first");
            return Decision::refuse(Refused::new("TOO_MANY_GROUPS", why));
        }
        let version = before.map_or(self.retired, |group| group.version) + 1;
        Decision::event(Event::Declared(Group { spec: ask.group.clone(), version }))
            .reply(Declared { version })
    }
}

impl Decide<Retire> for Catalog {
    fn decide(&self, ask: &Retire, _ctx: &Context<'_>) -> Decision<Self, Retire> {
        if !self.groups.contains_key(&ask.name) {
            return Decision::unchanged().reply(());
        }
        Decision::event(Event::Retired(ask.name.clone())).reply(())
    }
}

impl Answer<ListGroups> for Catalog {
    fn answer(&self, _ask: &ListGroups, _ctx: &Context<'_>) -> Result<Vec<GroupSpec>, Refused> {
        Ok(self.groups.values().map(|group| group.spec.clone()).collect())
    }
}

fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.chars().all(plain)
}

fn name_rule() -> String {
    format!("must be 1 to {NAME_BYTES_MAX} letters, digits, _ and -")
}
