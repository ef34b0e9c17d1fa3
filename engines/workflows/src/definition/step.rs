//! Step definitions: type, successors and failure mode.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::tags::tags;
use super::{
    ParamDefinitions, Quantity, RetryPolicy, SignalDependency, SignalOutput, Tag, params, read_from_tree,
    words,
};
use crate::Ordered;
use crate::bounds::DEPTH_MAX;
use crate::tree::{Fields, Report, Tree};

words! {
    /// The types of steps, including those that contain other steps.
    StepType {
        NoOp = "NoOp",
        Sleep = "Sleep",
        Http = "Http",
        Command = "Command",
        Train = "Train",
        Evaluate = "Evaluate",
        Publish = "Publish",
        Deploy = "Deploy",
        Titus = "Titus",
        Notebook = "Notebook",
        Kubernetes = "Kubernetes",
        Join = "Join",
        Foreach = "foreach",
        While = "while",
        Subworkflow = "subworkflow",
        Template = "template",
    }
}

words! {
    /// The effect of a failed step on its instance.
    FailureMode {
        /// Steps that do not follow it continue, then the instance fails; the default.
        FailAfterRunning = "FAIL_AFTER_RUNNING",
        /// Running steps are stopped, and the instance fails.
        FailImmediately = "FAIL_IMMEDIATELY",
        /// The step completes with an error, and the instance continues.
        IgnoreFailure = "IGNORE_FAILURE",
    }
}

/// The successors of a step.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Transition {
    /// Derived from the successors if empty; otherwise it must agree with them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub predecessors: Vec<String>,
    /// By step id: the condition for taking the edge.
    #[serde(skip_serializing_if = "Ordered::is_empty")]
    pub successors: Ordered<String>,
}

/// The kind of a step.
#[derive(Debug, Clone, PartialEq)]
pub enum StepKind {
    /// `step`: one of the types without nested steps.
    Typed { step_type: StepType, sub_type: Option<String> },
    /// `subworkflow`: an instance of another workflow, named by the parameters `subworkflow_id` and
    /// `subworkflow_version`.
    Subworkflow {
        /// Whether the step waits for the instance's end; true by default.
        sync: Option<bool>,
        /// Whether only the step's own parameters are passed on; false by default.
        explicit_params: Option<bool>,
    },
    /// `foreach`: its steps run once for each combination of the arrays in `loop_params`.
    Foreach { concurrency: Option<u64>, strict_ordering: Option<bool>, steps: Vec<Step> },
    /// `while`: its steps repeat while the condition over `loop_params` holds.
    While { condition: String, steps: Vec<Step> },
    /// `template`: a registered job type.
    Template { sub_type: Option<String>, sub_type_version: Option<String> },
}

/// A step of a workflow.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub id: String,
    pub name: Option<String>,
    pub description: Option<String>,
    pub transition: Transition,
    pub failure_mode: Option<FailureMode>,
    /// Only typed steps have a retry policy; the others are never retried as a whole.
    pub retry_policy: Option<RetryPolicy>,
    pub tags: Vec<Tag>,
    pub timeout: Option<Quantity>,
    pub signal_dependencies: Vec<SignalDependency>,
    pub signal_outputs: Vec<SignalOutput>,
    pub params: ParamDefinitions,
    pub kind: StepKind,
}

impl Step {
    /// A step with only an id and a kind.
    #[must_use]
    pub fn new(id: impl Into<String>, kind: StepKind) -> Self {
        Self {
            id: id.into(),
            name: None,
            description: None,
            transition: Transition::default(),
            failure_mode: None,
            retry_policy: None,
            tags: Vec::new(),
            timeout: None,
            signal_dependencies: Vec::new(),
            signal_outputs: Vec::new(),
            params: ParamDefinitions::new(),
            kind,
        }
    }

    /// Its type.
    #[must_use]
    pub fn step_type(&self) -> StepType {
        match &self.kind {
            StepKind::Typed { step_type, .. } => *step_type,
            StepKind::Subworkflow { .. } => StepType::Subworkflow,
            StepKind::Foreach { .. } => StepType::Foreach,
            StepKind::While { .. } => StepType::While,
            StepKind::Template { .. } => StepType::Template,
        }
    }

    /// Its failure mode, or Maestro's default.
    #[must_use]
    pub fn failure_mode_or_default(&self) -> FailureMode {
        self.failure_mode.unwrap_or(FailureMode::FailAfterRunning)
    }

    /// The nested steps of a foreach or while.
    #[must_use]
    pub fn inner(&self) -> &[Self] {
        match &self.kind {
            StepKind::Foreach { steps, .. } | StepKind::While { steps, .. } => steps,
            _ => &[],
        }
    }

    /// The key of this kind in a definition.
    pub(crate) fn wrapper(&self) -> &'static str {
        match &self.kind {
            StepKind::Typed { .. } => "step",
            StepKind::Subworkflow { .. } => "subworkflow",
            StepKind::Foreach { .. } => "foreach",
            StepKind::While { .. } => "while",
            StepKind::Template { .. } => "template",
        }
    }

    pub(crate) fn read(tree: &Tree, path: &str, report: &Report) -> Option<Self> {
        Self::read_at(tree, path, report, 1)
    }

    fn read_at(tree: &Tree, path: &str, report: &Report, depth: usize) -> Option<Self> {
        let fix = "write {\"step\": {...}}, or subworkflow, foreach, while or template instead of step";
        let Tree::Map(entries) = tree else {
            report.add(path, format!("{} stands where a step belongs", tree.sort()), fix);
            return None;
        };
        let [(wrapper, inner)] = entries.as_slice() else {
            report.add(path, format!("{} keys stand where one kind of step belongs", entries.len()), fix);
            return None;
        };
        let path = format!("{path}.{wrapper}");
        let fields = Fields::of(inner, &path, report)?;
        let kind = match wrapper.as_str() {
            "step" => typed(&fields),
            "subworkflow" => Some(StepKind::Subworkflow {
                sync: fields.boolean("sync"),
                explicit_params: fields.boolean("explicit_params"),
            }),
            "foreach" => Some(StepKind::Foreach {
                concurrency: fields.count("concurrency"),
                strict_ordering: fields.boolean("strict_ordering"),
                steps: steps(&fields, depth),
            }),
            "while" => Some(StepKind::While {
                condition: fields.needed("condition", "write when the loop goes on").unwrap_or_default(),
                steps: steps(&fields, depth),
            }),
            "template" => Some(StepKind::Template {
                sub_type: fields.text("sub_type"),
                sub_type_version: fields.text("sub_type_version"),
            }),
            other => {
                report.add(&path, format!("{other:?} is not a kind of step"), fix);
                return None;
            }
        };
        let typed = wrapper == "step";
        let policy = if typed { fields.tree("retry_policy") } else { None };
        let timeout = fields.tree("timeout");
        let step = Self {
            id: fields.needed("id", "give the step an id").unwrap_or_default(),
            name: fields.text("name"),
            description: fields.text("description"),
            transition: transition(&fields),
            failure_mode: fields.word("failure_mode", FailureMode::WORDS),
            retry_policy: policy.and_then(|tree| RetryPolicy::read(tree, &fields.at("retry_policy"), report)),
            tags: tags(&fields),
            timeout: timeout.and_then(|tree| Quantity::read(tree, &fields.at("timeout"), report)),
            signal_dependencies: signals(&fields, "signal_dependencies", SignalDependency::read),
            signal_outputs: signals(&fields, "signal_outputs", SignalOutput::read),
            params: params(&fields, "params"),
            kind: kind?,
        };
        fields.finish();
        Some(step)
    }
}

/// A list of signals; older definitions nest it in `definitions`.
fn signals<T>(
    fields: &Fields<'_>,
    name: &'static str,
    read: fn(&Tree, &str, &Report) -> Option<T>,
) -> Vec<T> {
    if let Some(tree @ Tree::Map(_)) = fields.tree(name) {
        let Some(inner) = Fields::of(tree, &fields.at(name), fields.report) else { return Vec::new() };
        let list = inner.list("definitions");
        let values = list.into_iter().filter_map(|(path, tree)| read(tree, &path, fields.report)).collect();
        inner.finish();
        return values;
    }
    fields.list(name).into_iter().filter_map(|(path, tree)| read(tree, &path, fields.report)).collect()
}

fn typed(fields: &Fields<'_>) -> Option<StepKind> {
    let known: Vec<_> = StepType::WORDS
        .iter()
        .copied()
        .filter(|(_, sort)| {
            !matches!(sort, StepType::Foreach | StepType::While | StepType::Subworkflow | StepType::Template)
        })
        .collect();
    if fields.tree("type").is_none() {
        fields.report.add(fields.at("type"), "is missing", "name the type, such as NoOp or Http");
        return None;
    }
    let step_type = fields.word("type", &known);
    let sub_type = fields.text("sub_type");
    Some(StepKind::Typed { step_type: step_type?, sub_type })
}

fn steps(fields: &Fields<'_>, depth: usize) -> Vec<Step> {
    if depth >= DEPTH_MAX {
        fields.report.add(
            fields.at("steps"),
            format!("loops are nested deeper than {DEPTH_MAX} levels"),
            "move the inner steps to a subworkflow",
        );
        return Vec::new();
    }
    fields
        .list("steps")
        .into_iter()
        .filter_map(|(path, tree)| Step::read_at(tree, &path, fields.report, depth + 1))
        .collect()
}

fn transition(fields: &Fields<'_>) -> Transition {
    let Some(tree) = fields.tree("transition") else { return Transition::default() };
    let Some(inner) = Fields::of(tree, &fields.at("transition"), fields.report) else {
        return Transition::default();
    };
    let mut successors = Ordered::new();
    for (step, path, tree) in inner.entries("successors") {
        match tree {
            Tree::Text(condition) => {
                successors.insert(step.to_owned(), condition.clone());
            }
            Tree::Boolean(always) => {
                successors.insert(step.to_owned(), always.to_string());
            }
            other => {
                let what = format!("{} stands where an expression belongs", other.sort());
                fields.report.add(path, what, "write an expression such as \"true\"");
            }
        }
    }
    let read = Transition { predecessors: inner.texts("predecessors"), successors };
    inner.finish();
    read
}

read_from_tree!(Step);

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.wrapper(), &Fielded(self))?;
        map.end()
    }
}

/// The fields of a step without the enclosing key.
struct Fielded<'a>(&'a Step);

impl Serialize for Fielded<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let step = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &step.id)?;
        optional(&mut map, "name", step.name.as_ref())?;
        optional(&mut map, "description", step.description.as_ref())?;
        map.serialize_entry("transition", &step.transition)?;
        kind(&mut map, &step.kind)?;
        optional(&mut map, "failure_mode", step.failure_mode.as_ref())?;
        optional(&mut map, "retry_policy", step.retry_policy.as_ref())?;
        some(&mut map, "tags", &step.tags)?;
        optional(&mut map, "timeout", step.timeout.as_ref())?;
        some(&mut map, "signal_dependencies", &step.signal_dependencies)?;
        some(&mut map, "signal_outputs", &step.signal_outputs)?;
        if !step.params.is_empty() {
            map.serialize_entry("params", &step.params)?;
        }
        some(&mut map, "steps", step.inner())?;
        map.end()
    }
}

fn optional<M: SerializeMap, T: Serialize>(
    map: &mut M,
    name: &'static str,
    value: Option<&T>,
) -> Result<(), M::Error> {
    match value {
        Some(value) => map.serialize_entry(name, value),
        None => Ok(()),
    }
}

fn some<M: SerializeMap, T: Serialize>(
    map: &mut M,
    name: &'static str,
    values: &[T],
) -> Result<(), M::Error> {
    if values.is_empty() { Ok(()) } else { map.serialize_entry(name, values) }
}

fn kind<M: SerializeMap>(map: &mut M, kind: &StepKind) -> Result<(), M::Error> {
    match kind {
        StepKind::Typed { step_type, sub_type } => {
            map.serialize_entry("type", step_type)?;
            optional(map, "sub_type", sub_type.as_ref())
        }
        StepKind::Subworkflow { sync, explicit_params } => {
            optional(map, "sync", sync.as_ref())?;
            optional(map, "explicit_params", explicit_params.as_ref())
        }
        StepKind::Foreach { concurrency, strict_ordering, .. } => {
            optional(map, "concurrency", concurrency.as_ref())?;
            optional(map, "strict_ordering", strict_ordering.as_ref())
        }
        StepKind::While { condition, .. } => map.serialize_entry("condition", condition),
        StepKind::Template { sub_type, sub_type_version } => {
            optional(map, "sub_type", sub_type.as_ref())?;
            optional(map, "sub_type_version", sub_type_version.as_ref())
        }
    }
}
