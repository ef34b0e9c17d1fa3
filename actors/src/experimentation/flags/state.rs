//! State and decisions of a flag.

use bincode::{Decode, Encode};
use serde::Serialize;
use serde_json::{Map, Value, json};
use troupe_flags::{growthbook, unleash};
use troupe_runtime::entity::{Answer, Globals, Placement};
use troupe_runtime::{Context, Decide, Decision, Entity, Refused};

use super::messages::{DefineFlag, Door, FlagView, GetFlag, Switch};
use super::prerequisites::{circle, parents};
use crate::experimentation::experiments::Experiment;
use crate::stored::NamedFields;

/// Upper bound on flags in a cluster.
pub const FLAGS_MAX: usize = 2_000;
/// Upper bound on the bytes of one definition.
const DEFINITION_BYTES_MAX: usize = 256 << 10;
const NAME_BYTES_MAX: usize = 128;

/// One flag, keyed by its name.
#[derive(Debug, Default, Encode, Decode, Serialize)]
pub struct Flag {
    door: Door,
    on: bool,
    definition: NamedFields<Value>,
}

/// An event of a flag.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
pub enum Event {
    /// The flag was defined, in the form that clients receive.
    Defined(Door, NamedFields<Value>),
    /// The flag was switched on or off.
    Switched(bool),
}

impl Flag {
    /// The definition, served or not; `None` if the flag is of another API or was never defined.
    #[must_use]
    pub fn defined(&self, door: Door) -> Option<&Value> {
        (self.door == door && !self.definition.0.is_null()).then_some(&self.definition.0)
    }

    /// The definition that clients of this API receive; `None` if the flag is off or of another API.
    #[must_use]
    pub fn served(&self, door: Door) -> Option<&Value> {
        self.defined(door).filter(|_| self.on)
    }
}

/// The features that GrowthBook clients receive: GrowthBook flags, and every running experiment under its own name.
/// The values of an experiment are the names of its variations.
#[must_use]
pub fn growthbook_features(globals: &Globals) -> Map<String, Value> {
    let mut features = Map::new();
    for (key, experiment) in globals.all::<Experiment>() {
        if let Some(feature) = experiment.feature(&key) {
            features.insert(key, feature);
        }
    }
    for (key, flag) in globals.all::<Flag>() {
        if let Some(definition) = flag.served(Door::Growthbook) {
            features.insert(key, definition.clone());
        }
    }
    features
}

/// The payload of `/api/client/features`.
#[must_use]
pub fn unleash_features(globals: &Globals) -> Value {
    let flags = globals.all::<Flag>();
    let features: Vec<&Value> = flags.iter().filter_map(|(_, flag)| flag.served(Door::Unleash)).collect();
    json!({ "version": 2, "features": features, "segments": [] })
}

impl Entity for Flag {
    const KIND: &'static str = "flags";
    const PLACEMENT: Placement = Placement::Control;
    type Event = Event;

    fn create(_key: &str) -> Self {
        Self::default()
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::Defined(door, definition) => {
                (self.door, self.definition, self.on) = (*door, definition.clone(), true);
            }
            Event::Switched(on) => self.on = *on,
        }
    }
}

impl Decide<DefineFlag> for Flag {
    fn decide(&self, ask: &DefineFlag, ctx: &Context<'_>) -> Decision<Self, DefineFlag> {
        if ctx.key.is_empty() || ctx.key.len() > NAME_BYTES_MAX || ctx.key.contains(char::is_control) {
            let why = format!("a flag's name must be 1 to {NAME_BYTES_MAX} bytes without control characters");
            return Decision::refuse(Refused::field("BAD_NAME", "key", why));
        }
        if ask.definition.0.to_string().len() > DEFINITION_BYTES_MAX {
            let why = format!("a definition must be at most {DEFINITION_BYTES_MAX} bytes");
            return Decision::refuse(Refused::field("TOO_LONG", "definition", why));
        }
        if self.definition.0.is_null() && ctx.globals.all::<Self>().len() >= FLAGS_MAX {
            return Decision::refuse(Refused::new(
                "TOO_MANY",
                format!("a cluster holds at most {FLAGS_MAX} flags"),
            ));
        }
        let compiled = match ask.door {
            Door::Unleash => for_unleash(ctx.key, &ask.definition.0),
            Door::Growthbook => for_growthbook(ctx, &ask.definition.0).map(|()| ask.definition.0.clone()),
        };
        match compiled {
            Err(refused) => Decision::refuse(refused),
            Ok(definition) if self.door == ask.door && self.on && self.definition.0 == definition => {
                Decision::unchanged().reply(())
            }
            Ok(definition) => Decision::event(Event::Defined(ask.door, NamedFields(definition))).reply(()),
        }
    }
}

fn for_growthbook(ctx: &Context<'_>, definition: &Value) -> Result<(), Refused> {
    if ctx.global::<Experiment>(ctx.key).is_some_and(|experiment| experiment.running().is_some()) {
        let why = format!("a running experiment is served to clients as {:?}: choose another name", ctx.key);
        return Err(Refused::field("BAD_NAME", "key", why));
    }
    checked(ctx.key, definition)?;
    let Some(path) = circle(ctx.globals, ctx.key, definition) else { return Ok(()) };
    let why = format!("the prerequisite depends on {:?}: break the circle of prerequisites", ctx.key);
    Err(Refused::field("CIRCLE", format!("definition.{path}"), why))
}

/// Refuses a feature that GrowthBook clients would repair, ignore or fail on. Prerequisites need not exist yet: they
/// may be defined later.
pub(crate) fn checked(name: &str, definition: &Value) -> Result<(), Refused> {
    let mut features = Map::from_iter([(name.to_owned(), definition.clone())]);
    for (_, parent) in parents(definition) {
        features.entry(parent).or_insert_with(|| json!({}));
    }
    let payload: growthbook::Payload = serde_path_to_error::deserialize(&json!({ "features": features }))
        .map_err(|error| {
            let path = error.path().to_string();
            let field =
                format!("definition{}", path.strip_prefix(&format!("features.{name}")).unwrap_or_default());
            Refused::field("BAD_DEFINITION", field, error.inner().to_string())
        })?;
    let own = format!("features.{name}.");
    let problems = growthbook::validate(payload, growthbook::Dialect::default());
    // A circle is reported for the flag that closes it, where all flags are known.
    match problems.iter().find_map(|problem| Some((problem.path.strip_prefix(&own)?, problem))) {
        None => Ok(()),
        Some((path, problem)) => {
            let why = format!("{}: {}", problem.found, problem.fix);
            Err(Refused::field("BAD_DEFINITION", format!("definition.{path}"), why))
        }
    }
}

fn for_unleash(name: &str, definition: &Value) -> Result<Value, Refused> {
    let unfit = |at: &str, error: &serde_path_to_error::Error<serde_json::Error>| {
        let path = error.path().to_string();
        let field = if path == "." { at.to_owned() } else { format!("{at}.{path}") };
        Refused::field("BAD_DEFINITION", field, error.inner().to_string())
    };
    let refused = |refused: unleash::Refused| {
        let field = format!("definition.{}", refused.path.trim_start_matches("features[0]."));
        Refused::field("BAD_DEFINITION", field, refused.to_string())
    };
    let feature: unleash::Feature = match definition.get("experiment") {
        Some(experiment) => {
            let experiment: unleash::Experiment = serde_path_to_error::deserialize(experiment)
                .map_err(|error| unfit("definition.experiment", &error))?;
            unleash::from_experiment(&experiment).map_err(refused)?
        }
        None => serde_path_to_error::deserialize(definition).map_err(|error| unfit("definition", &error))?,
    };
    if feature.name != name {
        let why = format!("the definition names {:?} but the flag is {name:?}: use one name", feature.name);
        return Err(Refused::field("BAD_NAME", "definition.name", why));
    }
    let alone = unleash::Features { version: 2, features: vec![feature], segments: Vec::new() };
    let toggles = unleash::Toggles::compile(&alone).map_err(refused)?;
    if let Some((_, why)) = toggles.held_off().next() {
        let why = format!("clients would ignore the whole flag: {why}");
        return Err(Refused::field("BAD_DEFINITION", "definition", why));
    }
    serde_json::to_value(&alone.features[0])
        .map_err(|error| Refused::field("BAD_DEFINITION", "definition", error.to_string()))
}

impl Decide<Switch> for Flag {
    fn decide(&self, ask: &Switch, _ctx: &Context<'_>) -> Decision<Self, Switch> {
        if self.definition.0.is_null() {
            return Decision::refuse(Refused::new("UNDEFINED", "define the flag first"));
        }
        if self.on == ask.on {
            return Decision::unchanged().reply(());
        }
        Decision::event(Event::Switched(ask.on)).reply(())
    }
}

impl Answer<GetFlag> for Flag {
    fn answer(&self, _ask: &GetFlag, _ctx: &Context<'_>) -> Result<FlagView, Refused> {
        Ok(FlagView { door: self.door, on: self.on, definition: self.definition.clone() })
    }
}
