//! Properties of a workflow over all its versions: owner and concurrency.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::tags::tags;
use super::{Tag, read_from_tree, words};
use crate::bounds;
use crate::tree::{Fields, Problems, Report, Tree};

words! {
    /// The rule for concurrent instances of a workflow.
    Rule {
        /// One at a time, the earliest first.
        Sequential = "SEQUENTIAL",
        /// The same, and a failed instance blocks the later ones until it is restarted or unblocked.
        StrictSequential = "STRICT_SEQUENTIAL",
        /// A new instance stops if another one runs.
        FirstOnly = "FIRST_ONLY",
        /// A new instance stops the running one.
        LastOnly = "LAST_ONLY",
        /// All at once, up to a concurrency limit.
        Parallel = "PARALLEL",
        /// The running instance continues; only the newest waiting one is kept.
        SerialLatestOnly = "SERIAL_LATEST_ONLY",
    }
}

/// The run strategy: a rule and a concurrency limit of instances. Zero pauses the workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunStrategy {
    pub rule: Rule,
    pub workflow_concurrency: u64,
}

impl RunStrategy {
    /// The rule with its default limit.
    #[must_use]
    pub fn of(rule: Rule) -> Self {
        let many = rule == Rule::Parallel;
        Self { rule, workflow_concurrency: if many { bounds::WORKFLOW_CONCURRENCY_DEFAULT } else { 1 } }
    }

    fn read(tree: &Tree, path: &str, report: &Report) -> Option<Self> {
        match tree {
            Tree::Text(word) => match Rule::named(word) {
                Some(rule) => Some(Self::of(rule)),
                None => {
                    let known: Vec<&str> = Rule::WORDS.iter().map(|(word, _)| *word).collect();
                    let fix = format!("use one of {}", known.join(", "));
                    report.add(path, format!("{word:?} is not known"), fix);
                    None
                }
            },
            Tree::Long(many) if *many >= 0 => {
                Some(Self { rule: Rule::Parallel, workflow_concurrency: u64::try_from(*many).ok()? })
            }
            _ => {
                let fields = Fields::of(tree, path, report)?;
                let rule = fields.word("rule", Rule::WORDS);
                if rule.is_none() && fields.tree("rule").is_none() {
                    report.add(fields.at("rule"), "is missing", "name the rule, such as SEQUENTIAL");
                }
                let many = fields.count("workflow_concurrency");
                fields.finish();
                let rule = rule?;
                Some(Self { rule, workflow_concurrency: many.unwrap_or(Self::of(rule).workflow_concurrency) })
            }
        }
    }
}

impl Default for RunStrategy {
    fn default() -> Self {
        Self::of(Rule::Sequential)
    }
}

impl Serialize for RunStrategy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("rule", &self.rule)?;
        map.serialize_entry("workflow_concurrency", &self.workflow_concurrency)?;
        map.end()
    }
}

/// A workflow's properties. Absent ones keep their earlier value.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Properties {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Kept and ignored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_control: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_strategy: Option<RunStrategy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_concurrency: Option<u64>,
    /// Kept and ignored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alerting: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alerting_disabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal_trigger_disabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_trigger_disabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<Tag>>,
}

impl Properties {
    pub(crate) fn read(tree: &Tree, path: &str, report: &Report) -> Option<Self> {
        let fields = Fields::of(tree, path, report)?;
        let owner = match fields.tree("owner") {
            Some(tree @ Tree::Map(_)) => {
                // Maestro's user may have more fields; the name identifies the user.
                let user = Fields::of(tree, &fields.at("owner"), report)?;
                user.needed("name", "name the owner")
            }
            _ => fields.text("owner"),
        };
        let strategy = fields.tree("run_strategy");
        let read = Self {
            owner,
            access_control: fields.tree("access_control").map(Tree::to_json),
            run_strategy: strategy
                .and_then(|tree| RunStrategy::read(tree, &fields.at("run_strategy"), report)),
            step_concurrency: fields.count("step_concurrency"),
            alerting: fields.tree("alerting").map(Tree::to_json),
            alerting_disabled: fields.boolean("alerting_disabled"),
            signal_trigger_disabled: fields.boolean("signal_trigger_disabled"),
            time_trigger_disabled: fields.boolean("time_trigger_disabled"),
            description: fields.text("description"),
            tags: fields.tree("tags").map(|_| tags(&fields)),
        };
        fields.finish();
        Some(read)
    }

    /// Reads properties without a workflow.
    ///
    /// # Errors
    /// With each unknown field and wrong type, by path.
    pub fn from_json(json: &serde_json::Value) -> Result<Self, Problems> {
        let report = Report::default();
        let read = Self::read(&Tree::from(json), "properties", &report);
        report.finish(read)
    }

    /// Merges these as a change over the earlier ones.
    #[must_use]
    pub fn over(self, before: Self) -> Self {
        Self {
            owner: self.owner.or(before.owner),
            access_control: self.access_control.or(before.access_control),
            run_strategy: self.run_strategy.or(before.run_strategy),
            step_concurrency: self.step_concurrency.or(before.step_concurrency),
            alerting: self.alerting.or(before.alerting),
            alerting_disabled: self.alerting_disabled.or(before.alerting_disabled),
            signal_trigger_disabled: self.signal_trigger_disabled.or(before.signal_trigger_disabled),
            time_trigger_disabled: self.time_trigger_disabled.or(before.time_trigger_disabled),
            description: self.description.or(before.description),
            tags: self.tags.or(before.tags),
        }
    }
}

read_from_tree!(RunStrategy, Properties);
