//! Canary configs, in the control group, so that every node reads them locally.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::entity::{Answer, Placement};
use troupe_runtime::{Context, Decide, Decision, Entity, Refused, Timestamp, command, query};
use troupe_statistics::canary::CanaryConfig;

use crate::stored::NamedFields;

/// Maximum number of configs of a cluster.
const CONFIGS_MAX: usize = 1_000;

/// One config, keyed by its id.
#[derive(Debug, Default, Encode, Decode, Serialize)]
pub struct StoredConfig {
    config: Option<NamedFields<CanaryConfig>>,
    updated: Timestamp,
}

/// What happened to a config.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
pub enum Event {
    /// Written, at this time.
    Put(Box<NamedFields<CanaryConfig>>, Timestamp),
    /// Deleted.
    Deleted,
}

/// Writes the config.
#[command("put.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PutConfig {
    /// The whole config.
    pub config: NamedFields<CanaryConfig>,
}

/// Deletes the config. Running canaries have their own copy.
#[command("delete.v1", reply = bool, repeatable)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct DeleteConfig {}

/// Reads the config.
#[query("get.v1", reply = Option<NamedFields<CanaryConfig>>)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetConfig {}

impl StoredConfig {
    /// The config; `None` if it was never written or was deleted.
    #[must_use]
    pub fn config(&self) -> Option<&CanaryConfig> {
        self.config.as_ref().map(|config| &config.0)
    }

    /// Time of the last write.
    #[must_use]
    pub const fn updated(&self) -> Timestamp {
        self.updated
    }
}

impl Entity for StoredConfig {
    const KIND: &'static str = "canary-configs";
    const PLACEMENT: Placement = Placement::Control;
    type Event = Event;

    fn create(_key: &str) -> Self {
        Self::default()
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::Put(config, at) => (self.config, self.updated) = (Some(config.as_ref().clone()), *at),
            Event::Deleted => self.config = None,
        }
    }
}

/// The first problem of a config, as a refusal.
pub(super) fn check(config: &CanaryConfig, path: &str) -> Result<(), Refused> {
    let problems = config.validate();
    let Some(first) = problems.first() else { return Ok(()) };
    let more = if problems.len() > 1 { format!("; {} more", problems.len() - 1) } else { String::new() };
    Err(Refused::field("BAD_CONFIG", format!("{path}{}", first.path), format!("{}{more}", first.why)))
}

impl Decide<PutConfig> for StoredConfig {
    fn decide(&self, ask: &PutConfig, ctx: &Context<'_>) -> Decision<Self, PutConfig> {
        if let Err(refused) = check(&ask.config.0, "") {
            return Decision::refuse(refused);
        }
        let others =
            ctx.globals.all::<Self>().into_iter().filter(|(_, stored)| stored.config.is_some()).count();
        if self.config.is_none() && others >= CONFIGS_MAX {
            return Decision::refuse(Refused::new(
                "TOO_MANY",
                format!("a cluster has {CONFIGS_MAX} configs at most: delete one first"),
            ));
        }
        if self.config.as_ref() == Some(&ask.config) {
            return Decision::unchanged().reply(());
        }
        Decision::event(Event::Put(Box::new(ask.config.clone()), ctx.now)).reply(())
    }
}

impl Decide<DeleteConfig> for StoredConfig {
    fn decide(&self, _ask: &DeleteConfig, _ctx: &Context<'_>) -> Decision<Self, DeleteConfig> {
        if self.config.is_none() {
            return Decision::unchanged().reply(false);
        }
        Decision::event(Event::Deleted).reply(true)
    }
}

impl Answer<GetConfig> for StoredConfig {
    fn answer(
        &self,
        _ask: &GetConfig,
        _ctx: &Context<'_>,
    ) -> Result<Option<NamedFields<CanaryConfig>>, Refused> {
        Ok(self.config.clone())
    }
}
