//! The entity of a workflow, and its events.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use troupe_runtime::{Entity, Timestamp};
use troupe_workflows::definition::{Properties, Workflow as Definition};
use troupe_workflows::status::InstanceStatus;

use super::messages::{RestartInstance, StartWorkflow};
use crate::orchestrator::runs::{Counts, Parent};
use crate::stored::NamedFields;

/// Kept versions, in addition to the active one and those of waiting instances.
pub(super) const VERSIONS_MAX: usize = 20;
/// All kept versions; beyond the limit a push is refused.
pub(super) const VERSIONS_HELD_MAX: usize = 64;
/// Limit of instances that wait or run.
pub(super) const OPEN_MAX: usize = 1_000;
/// Retention of ended instances.
const OVER_MAX: usize = 500;
/// Kept request ids of forgotten instances: a repeated request still finds its instance.
const REQUESTS_MAX: usize = 4_000;
const TIMELINE_MAX: usize = 200;
/// Waiting raises of one signal for one trigger.
pub(super) const HEARD_MAX: usize = 64;

/// One version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Version {
    pub(super) workflow: Definition,
    pub(super) at: Timestamp,
    pub(super) by: String,
}

/// One instance, as its workflow knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Instance {
    pub(super) version: u64,
    pub(super) run: u64,
    pub(super) status: InstanceStatus,
    pub(super) request_id: String,
    pub(super) initiator: Json,
    pub(super) notify: Option<Parent>,
    /// The start, until it begins. Earlier builds also stored the definition here; now the version keeps it.
    pub(super) waits: Option<Box<(Option<Definition>, StartWorkflow)>>,
    /// The restart, until it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) again: Option<Box<RestartInstance>>,
    pub(super) created: Timestamp,
    pub(super) ended: Option<Timestamp>,
    pub(super) stopping: bool,
    pub(super) blocks: bool,
    pub(super) why: String,
    pub(super) counts: Counts,
}

/// The waiting raises of a trigger, oldest first: number and parameters.
pub(super) type Raises = VecDeque<(u64, BTreeMap<String, String>)>;

/// A forgotten instance: the hash of its request id, its number, version and final status.
pub(super) type Past = ((u64, u64), u64, u64, InstanceStatus);

/// The hash of a request id.
pub(super) fn sum_of(request: &str) -> (u64, u64) {
    let sum = xxhash_rust::xxh3::xxh3_128(request.as_bytes());
    #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
    let halves = ((sum >> 64) as u64, sum as u64);
    halves
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Known {
    pub(super) properties: Properties,
    pub(super) versions: BTreeMap<u64, Version>,
    pub(super) newest: u64,
    pub(super) active: Option<u64>,
    pub(super) started: u64,
    pub(super) instances: BTreeMap<u64, Instance>,
    /// Oldest first.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub(super) past: VecDeque<Past>,
    /// Waiting raises by trigger and signal.
    pub(super) heard: BTreeMap<String, Raises>,
    pub(super) breakpoints: BTreeSet<String>,
    pub(super) timeline: VecDeque<(Timestamp, String)>,
}

/// One workflow, keyed by its id.
#[derive(Debug, Default, Encode, Decode, Serialize)]
pub struct Workflow {
    pub(super) known: NamedFields<Known>,
}

/// A stored change of a workflow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Change {
    Pushed {
        version: u64,
        workflow: Box<Definition>,
        properties: Box<Properties>,
        by: String,
        at: Timestamp,
    },
    Activated(Option<u64>),
    Instance(u64, Box<Instance>),
    Heard(String, Raises),
    Breakpoint(String, bool),
    Line(Timestamp, String),
    /// The properties changed.
    Properties(Box<Properties>),
    /// The workflow was deleted; the counters of versions and instances stay.
    Deleted,
}

/// An event of a workflow.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
pub struct Event(Box<NamedFields<Change>>);

impl Event {
    pub(super) fn of(change: Change) -> Self {
        Self(Box::new(NamedFields(change)))
    }
}

impl Entity for Workflow {
    const KIND: &'static str = "workflows";
    type Event = Event;

    fn create(_key: &str) -> Self {
        Self::default()
    }

    fn apply(&mut self, event: &Event) {
        let known = &mut self.known.0;
        match &event.0.0 {
            Change::Pushed { version, workflow, properties, by, at } => {
                let pushed = Version { workflow: workflow.as_ref().clone(), at: *at, by: by.clone() };
                known.versions.insert(*version, pushed);
                known.newest = known.newest.max(*version);
                known.properties = properties.as_ref().clone();
                while known.versions.len() > VERSIONS_MAX {
                    let waits = |version: u64| {
                        let mut waiting =
                            known.instances.values().filter(|instance| instance.waits.is_some());
                        waiting.any(|instance| instance.version == version)
                    };
                    let mut free = known
                        .versions
                        .keys()
                        .filter(|version| known.active != Some(**version) && known.newest != **version);
                    let Some(oldest) = free.find(|version| !waits(**version)).copied() else { break };
                    known.versions.remove(&oldest);
                }
            }
            Change::Activated(version) => known.active = *version,
            Change::Instance(number, instance) => {
                known.started = known.started.max(*number);
                known.instances.insert(*number, instance.as_ref().clone());
                let over = |instance: &Instance| instance.status.is_terminal() && !instance.blocks;
                while known.instances.values().filter(|instance| over(instance)).count() > OVER_MAX {
                    let oldest = known.instances.iter().find(|(_, instance)| over(instance));
                    let Some(oldest) = oldest.map(|(number, _)| *number) else { break };
                    if let Some(gone) = known.instances.remove(&oldest) {
                        known.past.push_back((sum_of(&gone.request_id), oldest, gone.version, gone.status));
                    }
                    if known.past.len() > REQUESTS_MAX {
                        known.past.pop_front();
                    }
                }
            }
            Change::Heard(name, raises) if raises.is_empty() => {
                known.heard.remove(name);
            }
            Change::Heard(name, raises) => {
                known.heard.insert(name.clone(), raises.clone());
            }
            Change::Breakpoint(step, true) => {
                known.breakpoints.insert(step.clone());
            }
            Change::Breakpoint(step, false) => {
                known.breakpoints.remove(step);
            }
            Change::Properties(properties) => known.properties.clone_from(properties),
            Change::Deleted => {
                let (newest, started) = (known.newest, known.started);
                *known = Known { newest, started, ..Known::default() };
            }
            Change::Line(at, words) => {
                known.timeline.push_back((*at, words.clone()));
                if known.timeline.len() > TIMELINE_MAX {
                    known.timeline.pop_front();
                }
            }
        }
    }

    fn size(&self) -> usize {
        let known = &self.known.0;
        size_of::<Self>() + known.versions.len() * 8_192 + known.instances.len() * 512 + known.past.len() * 48
    }
}
