//! The state of a deployment, and its events.

use bincode::{Decode, Encode};
use serde::Serialize;
use troupe_runtime::entity::Answer;
use troupe_runtime::{Context, Entity, Refused, Timestamp};

use super::messages::GetDeployment;
use super::run::{Change, Run};
use crate::stored::NamedFields;

/// One execution of a pipeline, keyed `PIPELINE:N`.
#[derive(Debug, Default, Encode, Decode, Serialize)]
pub struct Deployment {
    run: NamedFields<Run>,
}

/// An event of a deployment.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
pub enum Event {
    /// The run changed, at this time.
    Changed(NamedFields<Change>, Timestamp),
}

impl Deployment {
    /// The run.
    #[must_use]
    pub const fn run(&self) -> &Run {
        &self.run.0
    }

    pub(super) fn known(&self, key: &str) -> Result<(), Refused> {
        if self.run.0.begun.is_some() {
            return Ok(());
        }
        Err(Refused::field("UNKNOWN_DEPLOYMENT", "id", format!("unknown execution {key:?}")))
    }

    pub(super) fn running(&self, key: &str) -> Result<(), Refused> {
        self.known(key)?;
        if self.run.0.status.is_over() {
            let why = format!("{key} is {}: start the pipeline again", self.run.0.status.label());
            return Err(Refused::new("ENDED", why));
        }
        Ok(())
    }
}

impl Entity for Deployment {
    const KIND: &'static str = "deployments";
    type Event = Event;

    fn create(_key: &str) -> Self {
        Self::default()
    }

    fn apply(&mut self, event: &Event) {
        let Event::Changed(change, at) = event;
        self.run.0.apply(&change.0, *at);
    }

    fn size(&self) -> usize {
        let stages = self.run.0.stages.len() * 2_000;
        size_of::<Self>() + stages + self.run.0.notes.len() * 250 + self.run.0.weights.len() * 16
    }
}

impl Answer<GetDeployment> for Deployment {
    fn answer(&self, _ask: &GetDeployment, ctx: &Context<'_>) -> Result<NamedFields<Run>, Refused> {
        self.known(ctx.key)?;
        Ok(self.run.clone())
    }
}
