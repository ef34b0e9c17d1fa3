//! State and decisions of a model.

use bincode::{Decode, Encode};
use serde::Serialize;
use troupe_runtime::entity::{Answer, Placement};
use troupe_runtime::{Context, Decide, Decision, Entity, Refused, Timestamp};

use super::messages::{
    Advance, Advanced, GetModel, ModelView, Promote, Promoted, Publish, Published, Stage, VersionView,
};
use crate::metadata::lineage::{model_node, relate};

/// Upper bound on the versions of a model.
pub(super) const VERSIONS_MAX: usize = 1_000;
/// Upper bound on the metrics of a version and on the parameters in its lineage.
pub(super) const FIGURES_MAX: usize = 256;
/// Longest name of an algorithm, data set, metric or parameter, in bytes.
pub(super) const NAME_BYTES_MAX: usize = 64;

/// One model.
#[derive(Debug, Default, Encode, Decode, Serialize)]
pub struct Model {
    revision: u64,
    versions: Vec<VersionView>,
}

/// An event of a model.
#[allow(clippy::large_enum_variant, reason = "a model has few events, and they are not kept")]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
pub enum Event {
    /// A version was published.
    Published {
        /// Its number.
        version: u32,
        /// The publication.
        published: Publish,
        /// Time of publication.
        at: Timestamp,
    },
    /// A version changed its stage.
    Promoted {
        /// Its number.
        version: u32,
        /// Its new stage.
        to: Stage,
    },
}

impl Model {
    /// The version at a stage that holds at most one.
    #[must_use]
    pub fn at(&self, stage: Stage) -> Option<&VersionView> {
        self.versions.iter().find(|version| version.stage == stage)
    }

    /// All versions, oldest first.
    pub fn versions(&self) -> impl Iterator<Item = &VersionView> {
        self.versions.iter()
    }

    /// A version by number.
    #[must_use]
    pub fn version(&self, version: u32) -> Option<&VersionView> {
        self.versions.iter().find(|found| found.version == version)
    }
}

impl Entity for Model {
    const KIND: &'static str = "models";
    const PLACEMENT: Placement = Placement::Control;
    type Event = Event;

    fn create(_key: &str) -> Self {
        Self::default()
    }

    fn apply(&mut self, event: &Event) {
        self.revision += 1;
        match event {
            Event::Published { version, published, at } => self.versions.push(VersionView {
                version: *version,
                stage: Stage::Staging,
                at: *at,
                published: published.clone(),
            }),
            Event::Promoted { version, to } => {
                if let Some(found) = self.versions.iter_mut().find(|found| found.version == *version) {
                    found.stage = *to;
                }
            }
        }
    }
}

impl Decide<Publish> for Model {
    fn decide(&self, ask: &Publish, ctx: &Context<'_>) -> Decision<Self, Publish> {
        if let Err(refused) = check(ask) {
            return Decision::refuse(refused);
        }
        // Archived versions do not match: a deterministic trainer may produce the same artifact again, and it must be
        // able to serve.
        let same = |held: &&VersionView| {
            held.stage != Stage::Archived
                && held.published.artifact == ask.artifact
                && held.published.vocabulary == ask.vocabulary
        };
        if let Some(held) = self.versions.iter().find(same) {
            return Decision::unchanged().reply(Published { version: held.version });
        }
        if self.versions.len() >= VERSIONS_MAX {
            let why = format!("the model has {VERSIONS_MAX} versions, publish under another name");
            return Decision::refuse(Refused::new("TOO_MANY_VERSIONS", why));
        }
        let version = self.versions.last().map_or(1, |last| last.version + 1);
        let decision = Decision::event(Event::Published { version, published: ask.clone(), at: ctx.now });
        // A version without a data set has no such lineage node; `relate` leaves that edge out.
        relate(decision, &format!("dataset:{}", ask.lineage.dataset), model_node(ctx.key, version), "trained")
            .reply(Published { version })
    }
}

fn check(ask: &Publish) -> Result<(), Refused> {
    if ask.algorithm.is_empty() || ask.algorithm.len() > NAME_BYTES_MAX {
        let why = format!("algorithm must be 1 to {NAME_BYTES_MAX} bytes");
        return Err(Refused::field("BAD_NAME", "algorithm", why));
    }
    if ask.lineage.dataset.len() > NAME_BYTES_MAX {
        let why = format!("dataset must be at most {NAME_BYTES_MAX} bytes");
        return Err(Refused::field("BAD_NAME", "lineage.dataset", why));
    }
    if ask.items == 0 {
        return Err(Refused::field("NO_ITEMS", "items", "items must be at least 1"));
    }
    for (field, figures) in [("metrics", &ask.metrics), ("lineage.parameters", &ask.lineage.parameters)] {
        if figures.len() > FIGURES_MAX || figures.keys().any(|name| name.len() > NAME_BYTES_MAX) {
            let why = format!("{field} must be at most {FIGURES_MAX} with names of {NAME_BYTES_MAX} bytes");
            return Err(Refused::field("TOO_MANY", field, why));
        }
        if figures.values().any(|figure| !figure.is_finite()) {
            return Err(Refused::field("NOT_FINITE", field, format!("{field} must be finite numbers")));
        }
    }
    if !ask.lineage.seconds.is_finite() {
        return Err(Refused::field("NOT_FINITE", "lineage.seconds", "seconds must be a finite number"));
    }
    Ok(())
}

impl Model {
    /// The events that move a version to a stage. `seen` is the revision that the caller read, if any.
    fn promoted(&self, version: u32, to: Stage, seen: Option<u64>) -> Result<Vec<Event>, Refused> {
        let Some(found) = self.version(version) else {
            let why = format!("the model has no version {version}");
            return Err(Refused::field("NO_VERSION", "version", why));
        };
        if found.stage == to {
            return Ok(Vec::new());
        }
        if seen.is_some_and(|seen| seen != self.revision) {
            let why = format!("the model is at revision {}: read it again", self.revision);
            return Err(Refused::field("STALE", "seen", why));
        }
        if found.stage == Stage::Champion {
            let why = "the champion leaves its stage only when another version is promoted to champion";
            return Err(Refused::new("IS_CHAMPION", why));
        }
        let mut events = vec![Event::Promoted { version, to }];
        if let Stage::Champion | Stage::Challenger = to
            && let Some(before) = self.at(to)
        {
            events.push(Event::Promoted { version: before.version, to: Stage::Archived });
        }
        Ok(events)
    }
}

impl Decide<Promote> for Model {
    fn decide(&self, ask: &Promote, _ctx: &Context<'_>) -> Decision<Self, Promote> {
        match self.promoted(ask.version, ask.to, Some(ask.seen)) {
            Err(refused) => Decision::refuse(refused),
            Ok(events) => {
                let revision = self.revision + events.len() as u64;
                events.into_iter().fold(Decision::unchanged(), Decision::and).reply(Promoted { revision })
            }
        }
    }
}

impl Decide<Advance> for Model {
    fn decide(&self, ask: &Advance, _ctx: &Context<'_>) -> Decision<Self, Advance> {
        let (events, refused) = match self.promoted(ask.version, ask.to, None) {
            Ok(events) => (events, None),
            Err(refused) => (Vec::new(), Some(format!("{}: {}", refused.code, refused.message))),
        };
        let advanced = Advanced { id: ask.id.clone(), refused };
        let decision = events.into_iter().fold(Decision::unchanged(), Decision::and);
        decision.tell(ask.owner.clone(), &advanced).reply(())
    }
}

impl Answer<GetModel> for Model {
    fn answer(&self, _ask: &GetModel, _ctx: &Context<'_>) -> Result<ModelView, Refused> {
        Ok(ModelView { revision: self.revision, versions: self.versions.clone() })
    }
}
