//! One version of a workflow.

use serde::Serialize;

use super::tags::tags;
use super::{
    ParamDefinitions, Quantity, SignalTrigger, Step, Tag, TimeTrigger, params, read_from_tree, words,
};
use crate::Ordered;
use crate::tree::{Fields, Report, Tree};

words! {
    /// The importance of the workflow.
    Criticality {
        Critical = "CRITICAL",
        High = "HIGH",
        Medium = "MEDIUM",
        Low = "LOW",
    }
}

/// A workflow: its steps and its triggers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Workflow {
    pub id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Quantity>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub time_triggers: Vec<TimeTrigger>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub signal_triggers: Vec<SignalTrigger>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub criticality: Option<Criticality>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_step_concurrency: Option<u64>,
    #[serde(skip_serializing_if = "Ordered::is_empty")]
    pub params: ParamDefinitions,
    pub steps: Vec<Step>,
}

impl Workflow {
    /// A workflow with only an id and steps.
    #[must_use]
    pub fn new(id: impl Into<String>, steps: Vec<Step>) -> Self {
        Self {
            id: id.into(),
            name: None,
            description: None,
            tags: Vec::new(),
            timeout: None,
            time_triggers: Vec::new(),
            signal_triggers: Vec::new(),
            criticality: None,
            instance_step_concurrency: None,
            params: ParamDefinitions::new(),
            steps,
        }
    }

    /// Its name, or its id as default.
    #[must_use]
    pub fn name_or_id(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.id)
    }

    /// A step by its id, nested ones included.
    #[must_use]
    pub fn step(&self, id: &str) -> Option<&Step> {
        fn find<'a>(steps: &'a [Step], id: &str) -> Option<&'a Step> {
            steps.iter().find_map(|step| if step.id == id { Some(step) } else { find(step.inner(), id) })
        }
        find(&self.steps, id)
    }

    pub(crate) fn read(tree: &Tree, path: &str, report: &Report) -> Option<Self> {
        let fields = Fields::of(tree, path, report)?;
        if fields.tree("steps").is_none() {
            report.add(fields.at("steps"), "is missing", "define at least one step");
        }
        let timeout = fields.tree("timeout");
        let read = Self {
            id: fields.needed("id", "give the workflow an id").unwrap_or_default(),
            name: fields.text("name"),
            description: fields.text("description"),
            tags: tags(&fields),
            timeout: timeout.and_then(|tree| Quantity::read(tree, &fields.at("timeout"), report)),
            time_triggers: all(&fields, "time_triggers", TimeTrigger::read),
            signal_triggers: all(&fields, "signal_triggers", SignalTrigger::read),
            criticality: fields.word("criticality", Criticality::WORDS),
            instance_step_concurrency: fields.count("instance_step_concurrency"),
            params: params(&fields, "params"),
            steps: all(&fields, "steps", Step::read),
        };
        fields.finish();
        Some(read)
    }
}

fn all<T>(
    fields: &Fields<'_>,
    name: &'static str,
    read: impl Fn(&Tree, &str, &Report) -> Option<T>,
) -> Vec<T> {
    fields.list(name).into_iter().filter_map(|(path, tree)| read(tree, &path, fields.report)).collect()
}

read_from_tree!(Workflow);
