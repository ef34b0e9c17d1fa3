//! A workflow, and the facts about it.

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

/// Versions that are kept, beside the active one and those that instances wait for.
pub(super) const VERSIONS_MAX: usize = 20;
/// Versions that are kept in all; beyond it none is taken.
pub(super) const VERSIONS_HELD_MAX: usize = 64;
/// Instances that wait or run.
pub(super) const OPEN_MAX: usize = 1_000;
/// Instances that are remembered after their end.
const OVER_MAX: usize = 500;
/// Requests of instances that were forgotten: the same one again is still the same instance.
const REQUESTS_MAX: usize = 4_000;
const TIMELINE_MAX: usize = 200;
/// Raises that one trigger has heard of one signal and not used yet.
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
    /// The start, until it begins. Earlier builds wrote the definition beside it; it is its version's, which is kept.
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

/// Parameters of raises that a trigger has heard, oldest first, with their numbers.
pub(super) type Raises = VecDeque<(u64, BTreeMap<String, String>)>;

/// A forgotten instance: the sum of its request, its number and version, and how it ended.
pub(super) type Past = ((u64, u64), u64, u64, InstanceStatus);

/// The sum by which a request of a forgotten instance is known.
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
    /// What triggers have heard, by trigger and signal.
    pub(super) heard: BTreeMap<String, Raises>,
    pub(super) breakpoints: BTreeSet<String>,
    pub(super) timeline: VecDeque<(Timestamp, String)>,
}

/// One workflow, keyed by its id.
#[derive(Debug, Default, Encode, Decode, Serialize)]
pub struct Workflow {
    pub(super) known: NamedFields<Known>,
}

/// A fact about a workflow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Fact {
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
    /// Only what holds of the workflow as a whole.
    Properties(Box<Properties>),
    /// Everything is forgotten but how far the numbers of versions and instances are.
    Deleted,
}

/// What happened to a workflow.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
pub struct Event(Box<NamedFields<Fact>>);

impl Event {
    pub(super) fn of(fact: Fact) -> Self {
        Self(Box::new(NamedFields(fact)))
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
            Fact::Pushed { version, workflow, properties, by, at } => {
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
            Fact::Activated(version) => known.active = *version,
            Fact::Instance(number, instance) => {
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
            Fact::Heard(name, raises) if raises.is_empty() => {
                known.heard.remove(name);
            }
            Fact::Heard(name, raises) => {
                known.heard.insert(name.clone(), raises.clone());
            }
            Fact::Breakpoint(step, true) => {
                known.breakpoints.insert(step.clone());
            }
            Fact::Breakpoint(step, false) => {
                known.breakpoints.remove(step);
            }
            Fact::Properties(properties) => known.properties.clone_from(properties),
            Fact::Deleted => {
                let (newest, started) = (known.newest, known.started);
                *known = Known { newest, started, ..Known::default() };
            }
            Fact::Line(at, words) => {
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
