//! State and decisions of a member.

use bincode::{Decode, Encode};
use serde::Serialize;
use troupe_runtime::entity::Answer;
use troupe_runtime::{Address, Context, Decide, Decision, Entity, Refused, Timestamp};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::history::History;
use super::messages::{
    GetHistory, GetInputs, GetPredictions, GetProfile, HistoryView, Inputs, Predictions, Profile,
    ProfileView, Record, Recorded, Remember, Remembered, SetProfile,
};
use crate::coordination::directory::Directory;
use crate::experimentation::experiments::Experiment;
use crate::experimentation::exposures::{CountExposure, Exposures};
use crate::experimentation::participants::{Expose, Measure, Participant};
use crate::feature_store::catalog::{Catalog, EntityKey};
use crate::feature_store::values::{Features, Observe};
use crate::observability::monitors::{MemberEvent, Monitor};
use crate::profiles::content::{Content, Count};

/// How far event time may be ahead of the cluster's clock.
const AHEAD_MAX_MS: u64 = DAY_MS;
const DAY_MS: u64 = 24 * 3_600 * 1_000;
/// Longest id, type or context value, in bytes.
const TEXT_BYTES_MAX: usize = 128;
/// Upper bound on the context fields of an interaction, and on the attributes of a profile.
const CONTEXT_MAX: usize = 16;
/// Longest name of an experiment or variation, in bytes; the same bound as in experiments.
const NAME_BYTES_MAX: usize = 64;
/// Upper bound on the items stored of one answer.
const ITEMS_MAX: usize = 100;
/// Upper bound on stored exposures; above it the oldest are forgotten and would count again.
const EXPOSURES_MAX: usize = 64;

/// One member.
#[derive(Debug, Default, Encode, Decode, Serialize)]
pub struct Member {
    profile: Option<Box<Profile>>,
    history: History,
    recorded: u64,
    exposures: Vec<(String, String)>,
    predictions: Option<Box<Predictions>>,
}

/// An event of a member.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
pub enum Event {
    /// An interaction was recorded.
    Recorded {
        /// Its id.
        id: u64,
        /// The content.
        content: String,
        /// Type of the interaction.
        kind: String,
        /// Value of the interaction.
        value: Option<f32>,
        /// Event time.
        at: Timestamp,
    },
    /// The profile was replaced.
    ProfileSet(Profile),
    /// The member was shown an answer.
    Remembered(Predictions),
    /// The member was exposed to a variation for the first time.
    Exposed {
        /// The experiment.
        experiment: String,
        /// The variation.
        variation: String,
    },
}

impl Entity for Member {
    const KIND: &'static str = "members";
    type Event = Event;

    fn create(_key: &str) -> Self {
        Self::default()
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::Recorded { id, content, kind, value, at } => {
                self.history.add(*id, content, kind, *value, *at);
                self.recorded += 1;
            }
            Event::ProfileSet(profile) => self.profile = Some(Box::new(profile.clone())),
            Event::Remembered(predictions) => self.predictions = Some(Box::new(predictions.clone())),
            Event::Exposed { experiment, variation } => {
                if self.exposures.len() >= EXPOSURES_MAX {
                    self.exposures.remove(0);
                }
                self.exposures.push((experiment.clone(), variation.clone()));
            }
        }
    }

    fn size(&self) -> usize {
        let predictions = self.predictions.as_ref().map_or(0, |predictions| {
            size_of::<Predictions>() + predictions.items.iter().map(|item| item.len() + 24).sum::<usize>()
        });
        let exposures: usize = self.exposures.iter().map(|(a, b)| a.len() + b.len() + 48).sum();
        size_of::<Self>() + self.history.heap_bytes() + predictions + exposures
    }
}

impl Decide<Record> for Member {
    fn decide(&self, ask: &Record, ctx: &Context<'_>) -> Decision<Self, Record> {
        if let Err(refused) = check(ask, ctx) {
            return Decision::refuse(refused);
        }
        let id = ask.id();
        if self.history.knows(id) {
            return Decision::unchanged().reply(Recorded { duplicate: true });
        }
        if self.history.is_beyond(ask.at) {
            let why = "at is older than every interaction the member still knows, so it may be a repeat";
            return Decision::refuse(Refused::field("TOO_OLD", "at", why));
        }
        let event = Event::Recorded {
            id,
            content: ask.content.clone(),
            kind: ask.kind.clone(),
            value: ask.value,
            at: ask.at,
        };
        let count = Count { value: ask.value, at: ask.at };
        let decision = Decision::event(event).tell(Content::address(&ask.content), &count);
        let decision = self.tell_monitors(observe(decision, ask, ctx), ask, ctx);
        let decision = measure(decision, ask, ctx);
        decision.reply(Recorded { duplicate: false })
    }
}

impl Member {
    /// Sends the interaction to every monitor that reads events of this type.
    fn tell_monitors(
        &self,
        mut decision: Decision<Self, Record>,
        ask: &Record,
        ctx: &Context<'_>,
    ) -> Decision<Self, Record> {
        let Some(monitors) = Directory::read::<Monitor>(ctx.globals) else { return decision };
        let mut happening = None;
        for entry in monitors.wanting(&ask.kind) {
            #[allow(clippy::cast_precision_loss, reason = "a share of a hash")]
            let drawn =
                (xxh3_64_with_seed(entry.key.as_bytes(), ask.id()) >> 11) as f64 / (1_u64 << 53) as f64;
            if drawn < f64::from(entry.share) {
                let happening = happening.get_or_insert_with(|| self.happening(ask));
                decision = decision.tell(Address::of::<Monitor>(entry.key.clone()), happening);
            }
        }
        decision
    }

    #[allow(clippy::cast_precision_loss, reason = "times and counts far below 2^53")]
    fn happening(&self, ask: &Record) -> MemberEvent {
        let before = self.history.newest().next().map(|newest| newest.at);
        let shown = self.predictions.as_deref();
        MemberEvent {
            value: ask.value.map(f64::from),
            hour: (ask.at.0 % DAY_MS) as f64 / (DAY_MS / 24) as f64,
            gap_s: before.map(|before| ask.at.0.saturating_sub(before.0) as f64 / 1_000.0),
            history: self.history.len() as f64,
            repeat: self.history.newest().any(|met| met.content == ask.content),
            missed: shown.map(|shown| !shown.items.contains(&ask.content)),
        }
    }
}

/// Sends the interaction to every feature group that observes it.
fn observe(
    mut decision: Decision<Member, Record>,
    ask: &Record,
    ctx: &Context<'_>,
) -> Decision<Member, Record> {
    let Some(catalog) = ctx.global::<Catalog>(Catalog::KEY) else { return decision };
    let observed = Observe {
        at: ask.at,
        value: ask.value,
        member: xxh3_64(ctx.key.as_bytes()),
        content: xxh3_64(ask.content.as_bytes()),
    };
    for group in catalog.wanting(&ask.kind) {
        let key = match &group.entity {
            EntityKey::Member => Features::member_key(ctx.key, &group.name),
            EntityKey::Content => Features::content_key(&ask.content, &group.name),
            EntityKey::Context(field) => match ask.context.iter().find(|(name, _)| name == field) {
                Some((_, value)) => Features::context_key(value, &group.name),
                None => continue,
            },
        };
        decision = decision.tell(Address::of::<Features>(key), &observed);
    }
    decision
}

/// Sends the interaction to the member's participant, if a running experiment measures events of this type.
fn measure(decision: Decision<Member, Record>, ask: &Record, ctx: &Context<'_>) -> Decision<Member, Record> {
    let experiments = Directory::read::<Experiment>(ctx.globals);
    if experiments.is_none_or(|experiments| experiments.wanting(&ask.kind).next().is_none()) {
        return decision;
    }
    let measure = Measure { kind: ask.kind.clone(), value: ask.value, at: ask.at };
    decision.tell(Address::of::<Participant>(ctx.key), &measure)
}

fn check(ask: &Record, ctx: &Context<'_>) -> Result<(), Refused> {
    // Ids become parts of the keys of contents and features, which have their own bound.
    for (field, text) in [("member", ctx.key), ("content", &ask.content), ("type", &ask.kind)] {
        if text.is_empty() || text.len() > TEXT_BYTES_MAX || text.contains(char::is_control) {
            let why = format!("{field} must be 1 to {TEXT_BYTES_MAX} bytes without control characters");
            return Err(Refused::field("BAD_ID", field, why));
        }
    }
    if ask.content.contains(['{', '}']) {
        return Err(Refused::field("BAD_ID", "content", "content must not contain braces"));
    }
    if ask.value.is_some_and(|value| !value.is_finite()) {
        return Err(Refused::field("NOT_FINITE", "value", "value must be a finite number"));
    }
    if ask.at.0 > ctx.now.0 + AHEAD_MAX_MS {
        return Err(Refused::field("FROM_THE_FUTURE", "at", "at is more than a day ahead of the clock"));
    }
    let unusable = |text: &str| text.len() > TEXT_BYTES_MAX || text.contains(char::is_control);
    let bad = |(name, value): &(String, String)| unusable(name) || unusable(value);
    if ask.context.len() > CONTEXT_MAX || ask.context.iter().any(bad) {
        let why = format!(
            "context must have at most {CONTEXT_MAX} entries of {TEXT_BYTES_MAX} bytes without control characters"
        );
        return Err(Refused::field("BAD_CONTEXT", "context", why));
    }
    Ok(())
}

impl Decide<SetProfile> for Member {
    fn decide(&self, ask: &SetProfile, _ctx: &Context<'_>) -> Decision<Self, SetProfile> {
        let texts = [("gender", &ask.profile.gender), ("occupation", &ask.profile.occupation)];
        for (field, text) in texts {
            if text.as_ref().is_some_and(|text| text.len() > TEXT_BYTES_MAX) {
                let why = format!("{field} must be at most {TEXT_BYTES_MAX} bytes");
                return Decision::refuse(Refused::field("TOO_LONG", field, why));
            }
        }
        let attributes = &ask.profile.attributes;
        let long = |(name, value): (&String, &String)| name.len().max(value.len()) > TEXT_BYTES_MAX;
        if attributes.len() > CONTEXT_MAX || attributes.iter().any(long) {
            let why = format!("attributes must be at most {CONTEXT_MAX} of {TEXT_BYTES_MAX} bytes");
            return Decision::refuse(Refused::field("TOO_LONG", "attributes", why));
        }
        if self.profile.as_deref() == Some(&ask.profile) {
            return Decision::unchanged().reply(());
        }
        Decision::event(Event::ProfileSet(ask.profile.clone())).reply(())
    }
}

impl Decide<Remember> for Member {
    fn decide(&self, ask: &Remember, ctx: &Context<'_>) -> Decision<Self, Remember> {
        let long = |item: &String| item.len() > TEXT_BYTES_MAX;
        if ask.items.len() > ITEMS_MAX || ask.items.iter().any(long) {
            let why = format!("items must be at most {ITEMS_MAX} of {TEXT_BYTES_MAX} bytes");
            return Decision::refuse(Refused::field("TOO_MANY", "items", why));
        }
        if ask.model.is_empty() || ask.model.len() > NAME_BYTES_MAX {
            let why = format!("model must be 1 to {NAME_BYTES_MAX} bytes");
            return Decision::refuse(Refused::field("BAD_NAME", "model", why));
        }
        if let Some((experiment, variation)) = &ask.exposure
            && experiment.len().max(variation.len()) > NAME_BYTES_MAX
        {
            let why = format!("experiment and variation must be at most {NAME_BYTES_MAX} bytes");
            return Decision::refuse(Refused::field("BAD_NAME", "exposure", why));
        }
        let predictions = Predictions {
            model: ask.model.clone(),
            version: ask.version,
            items: ask.items.clone(),
            at: ctx.now,
        };
        let decision = Decision::event(Event::Remembered(predictions));
        let Some((experiment, variation)) = ask.exposure.clone() else {
            return decision.reply(Remembered { first_exposure: false });
        };
        let expose = Expose { experiment: experiment.clone(), variation: variation.clone() };
        // Sent on every exposure: only the participant knows whether it was counted since the experiment's last plan.
        let decision = match ctx.global::<Experiment>(&experiment).is_some_and(|known| known.measures()) {
            true => decision.tell(Address::of::<Participant>(ctx.key), &expose),
            false => decision,
        };
        if self.exposures.contains(&(experiment.clone(), variation.clone())) {
            return decision.reply(Remembered { first_exposure: false });
        }
        let counter = Exposures::address(&experiment, &variation, ctx.key);
        decision
            .and(Event::Exposed { experiment, variation })
            .tell(counter, &CountExposure { at: ctx.now })
            .reply(Remembered { first_exposure: true })
    }
}

impl Answer<GetProfile> for Member {
    fn answer(&self, _ask: &GetProfile, _ctx: &Context<'_>) -> Result<ProfileView, Refused> {
        Ok(ProfileView {
            profile: self.profile.as_deref().cloned(),
            recorded: self.recorded,
            exposures: self.exposures.clone(),
        })
    }
}

impl Answer<GetHistory> for Member {
    fn answer(&self, ask: &GetHistory, _ctx: &Context<'_>) -> Result<HistoryView, Refused> {
        let interactions = self.history.newest().take(ask.limit as usize).collect();
        Ok(HistoryView { interactions, recorded: self.recorded })
    }
}

impl Answer<GetInputs> for Member {
    fn answer(&self, _ask: &GetInputs, _ctx: &Context<'_>) -> Result<Inputs, Refused> {
        Ok(Inputs { contents: self.history.contents() })
    }
}

impl Answer<GetPredictions> for Member {
    fn answer(&self, _ask: &GetPredictions, _ctx: &Context<'_>) -> Result<Option<Predictions>, Refused> {
        Ok(self.predictions.as_deref().cloned())
    }
}
