//! The entity of a run, and its events.

use bincode::{Decode, Encode};
use serde::Serialize;
use troupe_runtime::{Entity, Timestamp};
use troupe_workflows::status::InstanceStatus;

use super::change::{Change, Live};
use super::messages::Begin;
use super::past::attempts;
use crate::stored::NamedFields;

/// The key of an instance's run.
#[must_use]
pub fn key_of(workflow: &str, instance: u64) -> String {
    format!("{workflow}:{instance}")
}

/// One run, keyed by workflow and instance; a child run's key continues its parent's.
#[derive(Debug, Default, Encode, Decode, Serialize)]
pub struct WorkflowRun {
    pub(super) begun: Option<Box<Begin>>,
    pub(super) created: Timestamp,
    pub(super) live: NamedFields<Live>,
}

/// An event of a run.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
pub enum Event {
    /// The run began.
    Begun(Box<Begin>, Timestamp),
    /// A command changed the run.
    Changed(Box<NamedFields<Change>>),
    /// The run and its state were removed.
    Forgotten,
}

impl WorkflowRun {
    /// Whether it has begun and has not ended.
    pub(super) fn goes_on(&self) -> bool {
        self.begun.is_some() && !self.live.0.head.status.is_terminal()
    }

    /// The status of the present run.
    #[must_use]
    pub fn status(&self) -> InstanceStatus {
        self.live.0.head.status
    }
}

impl Entity for WorkflowRun {
    const KIND: &'static str = "workflow-runs";
    type Event = Event;

    fn create(_key: &str) -> Self {
        Self::default()
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::Begun(begin, at) => {
                self.begun = Some(begin.clone());
                self.created = *at;
            }
            Event::Changed(change) => self.live.0.fold(&change.0),
            Event::Forgotten => *self = Self::default(),
        }
    }

    fn size(&self) -> usize {
        let steps: usize = self.live.0.iterations.values().map(|iteration| iteration.steps.len()).sum();
        let defined = self.begun.as_ref().map_or(0, |begun| 512 + begun.steps().len() * 1_024);
        size_of::<Self>() + defined + steps * 768 + attempts(&self.live.0.past) * 128
    }
}
