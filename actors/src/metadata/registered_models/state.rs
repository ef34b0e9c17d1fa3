//! State and decisions of a registered model.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::entity::Answer;
use troupe_runtime::{Command, Context, Decide, Decision, Entity, Refused, Timestamp};

use super::messages::{
    AddVersion, DescribeModel, DescribeVersion, DropAlias, GetRegistered, MoveStage, Register,
    RegisteredView, STAGE, SetAlias, VersionAdded, VersionRow,
};
use crate::coordination::directory::{Directory, Entry, Remove, Upsert};
use crate::metadata::flows::{Created, check_name, check_text};
use crate::metadata::lineage::{model_node, relate, run_node};
use crate::stored::NamedFields;

/// Upper bound on the versions of a model.
pub const VERSIONS_MAX: usize = 1_000;
const ALIASES_MAX: usize = 64;
const TAGS_MAX: usize = 64;
const TEXT_BYTES_MAX: usize = 4 << 10;
/// Stages of a version. A move to the first or the last archives no other version.
const STAGES: [&str; 4] = ["None", "Staging", "Production", "Archived"];

/// One registered model, keyed by its name.
#[derive(Debug, Default, Encode, Decode, Serialize)]
pub struct Registered {
    live: NamedFields<Live>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Live {
    view: RegisteredView,
    /// The highest number assigned so far.
    last: u32,
}

/// An event of a registered model.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
pub enum Event {
    /// The model changed.
    Changed(Box<NamedFields<Change>>, Timestamp),
}

/// A change of a registered model; stored by field name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Change {
    /// It was registered.
    Registered(Register),
    /// The model was described.
    Described(DescribeModel),
    /// The model was marked as deleted, with all its versions.
    Gone,
    /// A version was added.
    Added(u32, AddVersion),
    /// A version was described or deleted.
    Version(DescribeVersion),
    /// An alias was set to a version, or removed.
    Alias(String, Option<u32>),
}

impl Registered {
    fn known(&self) -> Result<&RegisteredView, Refused> {
        let view = &self.live.0.view;
        let unknown = || Refused::new("MODEL_NOT_FOUND", "unknown registered model");
        if view.known { Ok(view) } else { Err(unknown()) }
    }

    fn version(&self, version: u32) -> Result<&VersionRow, Refused> {
        let unknown = || Refused::new("VERSION_NOT_FOUND", format!("the model has no version {version}"));
        self.known()?.versions.get(&version).ok_or_else(unknown)
    }

    fn change<C: Command>(ctx: &Context<'_>, change: Change) -> Decision<Self, C> {
        Decision::event(Event::Changed(Box::new(NamedFields(change)), ctx.now))
    }
}

fn check_tags(
    set: &BTreeMap<String, String>,
    drop: &[String],
    held: &BTreeMap<String, String>,
) -> Result<(), Refused> {
    if drop.len() > TAGS_MAX {
        return Err(Refused::field("TOO_MANY_TAGS", "drop", format!("drop must be at most {TAGS_MAX}")));
    }
    drop.iter().try_for_each(|key| check_text("drop", key, 256))?;
    if held.len() + set.keys().filter(|key| !held.contains_key(*key)).count() > TAGS_MAX {
        return Err(Refused::field("TOO_MANY_TAGS", "tags", format!("tags must be at most {TAGS_MAX}")));
    }
    set.iter().try_for_each(|(key, value)| {
        check_text("tags.key", key, 256)?;
        check_text("tags.value", value, TEXT_BYTES_MAX)
    })
}

fn merge(held: &mut BTreeMap<String, String>, set: &BTreeMap<String, String>, drop: &[String]) {
    held.extend(set.clone());
    drop.iter().for_each(|key| {
        held.remove(key);
    });
}

/// Checks that clients can name the model in a URI: `models:/NAME@ALIAS` and `models:/NAME/VERSION`. Models that were
/// registered before this rule stay.
fn check_model_name(name: &str) -> Result<(), Refused> {
    if name.trim().is_empty() || name == "." || name.starts_with("..") || name.contains(':') {
        let why = "name must not be blank or '.', begin with '..', or have slashes or colons";
        return Err(Refused::field("BAD_NAME", "name", why));
    }
    Ok(())
}

/// Checks that an alias has only letters, digits, `_` and `-`, and is not a word that clients read as a version.
fn check_alias(alias: &str) -> Result<(), Refused> {
    check_name("alias", alias, false)?;
    let bad = |why: String| Err(Refused::field("BAD_NAME", "alias", why));
    if !alias.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-')) {
        return bad("alias must have only letters, digits, '_' and '-'".to_owned());
    }
    let number = alias.strip_prefix(['v', 'V']).unwrap_or_default();
    if alias.eq_ignore_ascii_case("latest") || !number.is_empty() && number.chars().all(char::is_numeric) {
        return bad(format!("alias {alias:?} is reserved: clients read it as a version"));
    }
    Ok(())
}

impl Entity for Registered {
    const KIND: &'static str = "registered-models";
    type Event = Event;

    fn create(_key: &str) -> Self {
        Self::default()
    }

    fn apply(&mut self, event: &Event) {
        let Event::Changed(change, at) = event;
        let Live { view, last } = &mut self.live.0;
        view.changed = *at;
        match &change.0 {
            Change::Registered(register) => {
                view.known = true;
                view.at = *at;
                view.description.clone_from(&register.description);
                view.tags.clone_from(&register.tags);
            }
            Change::Described(describe) => {
                if let Some(description) = &describe.description {
                    view.description.clone_from(description);
                }
                merge(&mut view.tags, &describe.tags, &describe.drop);
            }
            Change::Gone => *view = RegisteredView::default(),
            Change::Added(version, added) => {
                *last = *version;
                let row = VersionRow { version: *version, at: *at, changed: *at, added: added.clone() };
                view.versions.insert(*version, row);
            }
            Change::Version(describe) if describe.delete => {
                view.versions.remove(&describe.version);
                view.aliases.retain(|_, version| *version != describe.version);
            }
            Change::Version(describe) => {
                let Some(row) = view.versions.get_mut(&describe.version) else { return };
                row.changed = *at;
                if let Some(description) = &describe.description {
                    row.added.description.clone_from(description);
                }
                merge(&mut row.added.tags, &describe.tags, &describe.drop);
            }
            Change::Alias(alias, Some(version)) => {
                view.aliases.insert(alias.clone(), *version);
            }
            Change::Alias(alias, None) => {
                view.aliases.remove(alias);
            }
        }
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.live.0.view.versions.len() * 1_024
    }
}

impl Decide<Register> for Registered {
    fn decide(&self, ask: &Register, ctx: &Context<'_>) -> Decision<Self, Register> {
        if self.live.0.view.known {
            return Decision::unchanged().reply(Created { fresh: false });
        }
        let checked = check_name("name", ctx.key, false)
            .and_then(|()| check_model_name(ctx.key))
            .and_then(|()| check_text("description", &ask.description, TEXT_BYTES_MAX))
            .and_then(|()| check_tags(&ask.tags, &[], &BTreeMap::new()));
        if let Err(refused) = checked {
            return Decision::refuse(refused);
        }
        let entry = Entry { key: ctx.key.to_owned(), state: "active".to_owned(), ..Entry::default() };
        Self::change(ctx, Change::Registered(ask.clone()))
            .tell(Directory::of::<Self>(), &Upsert { entry })
            .reply(Created { fresh: true })
    }
}

impl Decide<DescribeModel> for Registered {
    fn decide(&self, ask: &DescribeModel, ctx: &Context<'_>) -> Decision<Self, DescribeModel> {
        let checked = self.known().and_then(|view| {
            check_text("description", ask.description.as_deref().unwrap_or_default(), TEXT_BYTES_MAX)?;
            check_tags(&ask.tags, &ask.drop, &view.tags)
        });
        if let Err(refused) = checked {
            return Decision::refuse(refused);
        }
        if ask.deleted == Some(true) {
            let strike = Remove { key: ctx.key.to_owned() };
            return Self::change(ctx, Change::Gone).tell(Directory::of::<Self>(), &strike).reply(());
        }
        Self::change(ctx, Change::Described(ask.clone())).reply(())
    }
}

impl Decide<AddVersion> for Registered {
    fn decide(&self, ask: &AddVersion, ctx: &Context<'_>) -> Decision<Self, AddVersion> {
        let checked = self.known().and_then(|view| {
            check_text("source", &ask.source, 2_048)?;
            check_text("run_id", &ask.run_id, 256)?;
            check_text("source", &ask.path, 1_024)?;
            check_text("description", &ask.description, TEXT_BYTES_MAX)?;
            check_tags(&ask.tags, &[], &BTreeMap::new())?;
            if view.versions.len() >= VERSIONS_MAX {
                let why = format!("the model has {VERSIONS_MAX} versions: delete some first");
                return Err(Refused::new("TOO_MANY_VERSIONS", why));
            }
            Ok(())
        });
        if let Err(refused) = checked {
            return Decision::refuse(refused);
        }
        let version = self.live.0.last + 1;
        let mut decision = Self::change(ctx, Change::Added(version, ask.clone()));
        if let Some(run) = &ask.run {
            let (from, to) = (run_node(run), model_node(ctx.key, version));
            decision = relate(decision, &from, to.clone(), "registered");
            if !ask.path.is_empty() {
                let artifact = format!("artifact:{run}/{}", ask.path);
                decision = relate(decision, &from, artifact.clone(), "logged");
                decision = relate(decision, &artifact, to, "registered");
            }
        }
        decision.reply(VersionAdded { version })
    }
}

impl Decide<DescribeVersion> for Registered {
    fn decide(&self, ask: &DescribeVersion, ctx: &Context<'_>) -> Decision<Self, DescribeVersion> {
        let checked = self.version(ask.version).and_then(|row| {
            check_text("description", ask.description.as_deref().unwrap_or_default(), TEXT_BYTES_MAX)?;
            check_tags(&ask.tags, &ask.drop, &row.added.tags)
        });
        match checked {
            Err(refused) => Decision::refuse(refused),
            Ok(()) => Self::change(ctx, Change::Version(ask.clone())).reply(()),
        }
    }
}

impl Decide<MoveStage> for Registered {
    fn decide(&self, ask: &MoveStage, ctx: &Context<'_>) -> Decision<Self, MoveStage> {
        let Some(stage) = STAGES.into_iter().find(|stage| stage.eq_ignore_ascii_case(&ask.stage)) else {
            let why = format!("stage must be one of {}", STAGES.join(", "));
            return Decision::refuse(Refused::field("BAD_STAGE", "stage", why));
        };
        if let Err(refused) = self.version(ask.version) {
            return Decision::refuse(refused);
        }
        let moved = |version: u32, to: &str| {
            let mut change = DescribeVersion { version, ..DescribeVersion::default() };
            if to == STAGES[0] {
                change.drop.push(STAGE.to_owned());
            } else {
                change.tags.insert(STAGE.to_owned(), to.to_owned());
            }
            Event::Changed(Box::new(NamedFields(Change::Version(change))), ctx.now)
        };
        let mut decision = Decision::event(moved(ask.version, stage));
        if ask.archive && matches!(stage, "Staging" | "Production") {
            let held = |row: &&VersionRow| {
                row.version != ask.version && row.added.tags.get(STAGE).is_some_and(|held| held == stage)
            };
            for row in self.live.0.view.versions.values().filter(held) {
                decision = decision.and(moved(row.version, "Archived"));
            }
        }
        decision.reply(())
    }
}

impl Decide<SetAlias> for Registered {
    fn decide(&self, ask: &SetAlias, ctx: &Context<'_>) -> Decision<Self, SetAlias> {
        let checked = self.version(ask.version).and_then(|_| check_alias(&ask.alias));
        if let Err(refused) = checked {
            return Decision::refuse(refused);
        }
        let aliases = &self.live.0.view.aliases;
        if !aliases.contains_key(&ask.alias) && aliases.len() >= ALIASES_MAX {
            let why = format!("a model has at most {ALIASES_MAX} aliases: delete some first");
            return Decision::refuse(Refused::field("TOO_MANY", "alias", why));
        }
        Self::change(ctx, Change::Alias(ask.alias.clone(), Some(ask.version))).reply(())
    }
}

impl Decide<DropAlias> for Registered {
    fn decide(&self, ask: &DropAlias, ctx: &Context<'_>) -> Decision<Self, DropAlias> {
        match self.known() {
            Err(refused) => Decision::refuse(refused),
            Ok(view) if !view.aliases.contains_key(&ask.alias) => Decision::unchanged().reply(()),
            Ok(_) => Self::change(ctx, Change::Alias(ask.alias.clone(), None)).reply(()),
        }
    }
}

impl Answer<GetRegistered> for Registered {
    fn answer(&self, _ask: &GetRegistered, _ctx: &Context<'_>) -> Result<RegisteredView, Refused> {
        Ok(self.live.0.view.clone())
    }
}
