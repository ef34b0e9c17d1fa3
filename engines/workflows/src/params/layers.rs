//! The layers of a workflow's and of a step's parameters.

use std::collections::HashSet;

use super::{
    Merge, ParamError, Parameter, Parameters, merge, parameters, step_defaults, type_defaults,
    workflow_defaults,
};
use crate::definition::{
    InternalMode, Literal, ParamBody, ParamDefinition, ParamDefinitions, ParamMode, ParamSource, Step,
    Workflow,
};

/// The parameters of a run and their source.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The source of the start: `LAUNCH`, `RESTART`, `SIGNAL`, `TIME_TRIGGER`, `SUBWORKFLOW`, `FOREACH`, `WHILE`.
    pub source: ParamSource,
    /// A parent started it, rather than a person or a trigger.
    pub upstream: bool,
    /// The parameters that it sets.
    pub params: ParamDefinitions,
    /// For a restart the parameters of the run before.
    pub before: Option<Parameters>,
}

impl Run {
    /// A new run by a person.
    #[must_use]
    pub fn launch(params: ParamDefinitions) -> Self {
        Self { source: ParamSource::Launch, upstream: false, params, before: None }
    }

    fn merge(&self) -> Merge {
        Merge { source: self.source, upstream: self.upstream, restart: self.before.is_some() }
    }
}

/// The parameters of a workflow's run before evaluation: defaults, definition, run. Defaults without a reference are
/// dropped, to keep an instance small.
///
/// A restart begins with the run before. Its evaluated values stay, except `IMMUTABLE` ones, which are evaluated again,
/// and those that the restart sets.
///
/// # Errors
/// If a mode or type forbids a value of the run, or a required parameter has no value.
pub fn workflow_params(workflow: &Workflow, run: &Run) -> Result<Parameters, ParamError> {
    let mut definitions = ParamDefinitions::new();
    if let Some(before) = &run.before {
        let old: ParamDefinitions =
            before.iter().map(|(name, param)| (name.clone(), param.definition.clone())).collect();
        merge(&mut definitions, &old, Merge::by(ParamSource::System))?;
    } else {
        let mut needed = needed_defaults(workflow);
        needed.extend(run.params.keys().cloned());
        let mut defaults = workflow_defaults();
        defaults.retain(|name, _| needed.contains(name));
        merge(&mut definitions, &defaults, Merge::by(ParamSource::SystemDefault))?;
        merge(
            &mut definitions,
            &workflow.params,
            Merge { upstream: run.upstream, ..Merge::by(ParamSource::Definition) },
        )?;
    }
    merge(&mut definitions, &run.params, run.merge())?;
    let mut params = parameters(clean(definitions)?);
    if let Some(before) = &run.before {
        keep(&mut params, before, &run.params);
    }
    Ok(params)
}

/// The values of the run before that a restart keeps.
fn keep(params: &mut Parameters, before: &Parameters, set: &ParamDefinitions) {
    for (name, param) in params {
        if set.contains_key(name) || param.definition.mode_or_default() == ParamMode::Immutable {
            continue;
        }
        if let Some(old) = before.get(name) {
            param.evaluated.clone_from(&old.evaluated);
            param.evaluated_time = old.evaluated_time;
        }
    }
}

/// The parameters of a step's attempt before evaluation, in the order of layers: defaults, `schema` (a template's
/// parameters, else empty), the type's defaults, run values without a definition, the definition, run values.
///
/// # Errors
/// If a mode or type forbids a value of the run, or a required parameter has no value.
pub fn step_params(step: &Step, schema: &ParamDefinitions, run: &Run) -> Result<Parameters, ParamError> {
    let mut definitions = ParamDefinitions::new();
    let words = words_of(&step.params);
    let mut defaults = step_defaults();
    defaults.retain(|name, _| words.contains(name) || schema.contains_key(name));
    merge(&mut definitions, &defaults, Merge::by(ParamSource::SystemDefault))?;
    merge(&mut definitions, schema, Merge::by(ParamSource::TemplateSchema))?;
    merge(&mut definitions, &type_defaults(step.step_type()), Merge::by(ParamSource::SystemDefault))?;
    let unknown: ParamDefinitions = run
        .params
        .iter()
        .filter(|(name, _)| !step.params.contains_key(*name))
        .map(|(name, param)| (name.clone(), param.clone()))
        .collect();
    let user = Merge { upstream: false, ..run.merge() };
    merge(&mut definitions, &unknown, user)?;
    merge(&mut definitions, &step.params, Merge::by(ParamSource::Definition))?;
    merge(&mut definitions, &run.params, user)?;
    let mut params = parameters(clean(definitions)?);
    if let Some(before) = &run.before {
        keep(&mut params, before, &run.params);
    }
    Ok(params)
}

/// Removes optional parameters without a value, and checks the required ones.
fn clean(definitions: ParamDefinitions) -> Result<ParamDefinitions, ParamError> {
    let mut cleaned = ParamDefinitions::with_capacity(definitions.len());
    for (name, param) in definitions {
        if param.body == ParamBody::Open {
            if param.internal_mode == Some(InternalMode::Optional) {
                continue;
            }
            return Err(ParamError::Missing { name });
        }
        let body = match param.body {
            ParamBody::Literal(Literal::Map(entries)) => {
                let entries = clean(entries).map_err(|error| match error {
                    ParamError::Missing { name: inner } => {
                        ParamError::Missing { name: format!("{name}.{inner}") }
                    }
                    other => other,
                })?;
                if entries.is_empty() && param.internal_mode == Some(InternalMode::Optional) {
                    continue;
                }
                ParamBody::Literal(Literal::Map(entries))
            }
            body => body,
        };
        cleaned.insert(name, ParamDefinition { body, ..param });
    }
    Ok(cleaned)
}

/// The default parameters to which a workflow refers, directly or through other defaults. `RUN_TS` is always included,
/// so that subworkflows share their parent's time.
#[must_use]
pub fn needed_defaults(workflow: &Workflow) -> HashSet<String> {
    let defaults = workflow_defaults();
    let text = serde_json::to_string(workflow).unwrap_or_default();
    let mut needed: HashSet<String> =
        words(&text).filter(|word| defaults.contains_key(*word)).map(str::to_owned).collect();
    needed.insert("RUN_TS".to_owned());
    let mut open: Vec<String> = needed.iter().cloned().collect();
    while let Some(name) = open.pop() {
        let Some(ParamBody::Expression(expression)) = defaults.get(&name).map(|param| &param.body) else {
            continue;
        };
        for word in words(expression) {
            if defaults.contains_key(word) && needed.insert(word.to_owned()) {
                open.push(word.to_owned());
            }
        }
    }
    needed
}

fn words_of(params: &ParamDefinitions) -> HashSet<String> {
    if params.is_empty() {
        return HashSet::new();
    }
    let text = serde_json::to_string(params).unwrap_or_default();
    words(&text).map(str::to_owned).collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

impl Parameter {
    /// The definition that a parent passes down: its value replaces its expression.
    #[must_use]
    pub fn passed_down(&self) -> ParamDefinition {
        let literal = self.evaluated.clone().and_then(super::Value::into_literal);
        match literal {
            Some(literal) => ParamDefinition {
                body: ParamBody::Literal(as_declared(literal, self)),
                ..self.definition.clone()
            },
            None => self.definition.clone(),
        }
    }
}

/// Restores the type of a map of strings.
fn as_declared(literal: Literal, param: &Parameter) -> Literal {
    match (param.definition.param_type, literal) {
        (crate::definition::ParamType::StringMap, Literal::Map(entries)) => Literal::StringMap(
            entries
                .into_iter()
                .filter_map(|(key, value)| match value.body {
                    ParamBody::Literal(Literal::String(text)) => Some((key, text)),
                    _ => None,
                })
                .collect(),
        ),
        (_, literal) => literal,
    }
}
