//! Signals that a step waits for, that it raises at its end, and that start a workflow.

use serde::Serialize;

use super::{ParamDefinition, ParamDefinitions, params, read_from_tree, words};
use crate::Ordered;
use crate::tree::{Fields, Report, Tree};

words! {
    /// The comparison of a signal's parameter with the wanted value.
    Operator {
        Equals = "=",
        GreaterThan = ">",
        GreaterThanEquals = ">=",
        LessThan = "<",
        LessThanEquals = "<=",
    }
}

impl Operator {
    /// Whether a signal's value satisfies the wanted one; numbers compare as numbers, others as text.
    #[must_use]
    pub fn holds(self, carried: &crate::params::Value, wanted: &crate::params::Value) -> bool {
        use crate::params::Value;
        let order = match (carried, wanted) {
            (Value::Long(carried), Value::Long(wanted)) => carried.cmp(wanted),
            (carried, wanted) => carried.to_text().cmp(&wanted.to_text()),
        };
        match self {
            Self::Equals => order.is_eq(),
            Self::GreaterThan => order.is_gt(),
            Self::GreaterThanEquals => order.is_ge(),
            Self::LessThan => order.is_lt(),
            Self::LessThanEquals => order.is_le(),
        }
    }
}

/// The condition of a step on a parameter of an awaited signal.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MatchParam {
    pub param: ParamDefinition,
    pub operator: Operator,
}

/// A signal that a step waits for before it starts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SignalDependency {
    /// May contain `${params}`.
    pub name: String,
    #[serde(skip_serializing_if = "Ordered::is_empty")]
    pub match_params: Ordered<MatchParam>,
}

/// A signal that a step raises when it has succeeded.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SignalOutput {
    /// May contain `${params}`.
    pub name: String,
    /// Strings and longs that subscribers match.
    #[serde(skip_serializing_if = "Ordered::is_empty")]
    pub params: ParamDefinitions,
    /// Further values without matching.
    #[serde(skip_serializing_if = "Ordered::is_empty")]
    pub payload: ParamDefinitions,
}

/// The condition of a trigger on a signal's parameter: a string or a long.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TriggerMatch {
    pub value: crate::params::Value,
    pub operator: Operator,
}

/// One of the signals that a trigger waits for.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct SignalTriggerEntry {
    #[serde(skip_serializing_if = "Ordered::is_empty")]
    pub match_params: Ordered<TriggerMatch>,
    /// Join keys: the n-th parameter must have the same value in all signals of the trigger.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub join_keys: Vec<String>,
}

/// Signals that together start an instance.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct SignalTrigger {
    /// By signal name.
    pub definitions: Ordered<SignalTriggerEntry>,
    #[serde(skip_serializing_if = "Ordered::is_empty")]
    pub params: ParamDefinitions,
    /// A condition; signals for which it is false are consumed without a start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// An expression with the request id: two starts with the same id are one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dedup_expr: Option<String>,
}

impl MatchParam {
    fn read(tree: &Tree, path: &str, report: &Report) -> Option<Self> {
        let fields = Fields::of(tree, path, report)?;
        if fields.tree("param").is_none() {
            report.add(fields.at("param"), "is missing", "define what to compare with");
        }
        let param = fields.tree("param");
        let param = param.and_then(|tree| ParamDefinition::read(tree, &fields.at("param"), report));
        let operator = operator(&fields);
        fields.finish();
        Some(Self { param: param?, operator: operator? })
    }
}

fn operator(fields: &Fields<'_>) -> Option<Operator> {
    if fields.tree("operator").is_none() {
        fields.report.add(fields.at("operator"), "is missing", "use one of =, >, >=, <, <=");
    }
    fields.word("operator", Operator::WORDS)
}

impl SignalDependency {
    pub(crate) fn read(tree: &Tree, path: &str, report: &Report) -> Option<Self> {
        let fields = Fields::of(tree, path, report)?;
        let name = fields.needed("name", "name the signal");
        let match_params = fields.entries("match_params").into_iter().filter_map(|(key, path, tree)| {
            MatchParam::read(tree, &path, report).map(|wanted| (key.to_owned(), wanted))
        });
        let match_params = match_params.collect();
        fields.finish();
        Some(Self { name: name?, match_params })
    }
}

impl SignalOutput {
    pub(crate) fn read(tree: &Tree, path: &str, report: &Report) -> Option<Self> {
        let fields = Fields::of(tree, path, report)?;
        let name = fields.needed("name", "name the signal");
        let (sent, payload) = (params(&fields, "params"), params(&fields, "payload"));
        fields.finish();
        Some(Self { name: name?, params: sent, payload })
    }
}

impl TriggerMatch {
    fn read(tree: &Tree, path: &str, report: &Report) -> Option<Self> {
        let fields = Fields::of(tree, path, report)?;
        let value = match fields.tree("value") {
            Some(Tree::Text(text)) => Some(crate::params::Value::String(text.clone())),
            Some(Tree::Long(value)) => Some(crate::params::Value::Long(*value)),
            other => {
                let sort = other.map_or("nothing", Tree::sort);
                let what = format!("{sort} stands where a string or a whole number belongs");
                report.add(fields.at("value"), what, "write a string or a whole number");
                None
            }
        };
        let operator = operator(&fields);
        fields.finish();
        Some(Self { value: value?, operator: operator? })
    }
}

impl SignalTriggerEntry {
    fn read(tree: &Tree, path: &str, report: &Report) -> Option<Self> {
        let fields = Fields::of(tree, path, report)?;
        let match_params = fields.entries("match_params").into_iter().filter_map(|(key, path, tree)| {
            TriggerMatch::read(tree, &path, report).map(|wanted| (key.to_owned(), wanted))
        });
        let read = Self { match_params: match_params.collect(), join_keys: fields.texts("join_keys") };
        fields.finish();
        Some(read)
    }
}

impl SignalTrigger {
    pub(crate) fn read(tree: &Tree, path: &str, report: &Report) -> Option<Self> {
        let fields = Fields::of(tree, path, report)?;
        let definitions = fields.entries("definitions").into_iter().filter_map(|(key, path, tree)| {
            let entry = if matches!(tree, Tree::Null) {
                Some(SignalTriggerEntry::default())
            } else {
                SignalTriggerEntry::read(tree, &path, report)
            };
            entry.map(|entry| (key.to_owned(), entry))
        });
        let read = Self {
            definitions: definitions.collect(),
            params: params(&fields, "params"),
            condition: fields.text("condition"),
            dedup_expr: fields.text("dedup_expr"),
        };
        fields.finish();
        Some(read)
    }
}

read_from_tree!(MatchParam, SignalDependency, SignalOutput, TriggerMatch, SignalTriggerEntry, SignalTrigger);
