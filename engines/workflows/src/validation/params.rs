//! Checks of parameters: names, expressions, references and cycles.

use std::collections::HashSet;

use super::names;
use crate::bounds::{PARAMS_MAX, RESERVED_PARAMS};
use crate::definition::{Literal, ParamBody, ParamDefinition, ParamDefinitions};
use crate::expression::Program;
use crate::params::referenced;
use crate::tree::{Report, at};

/// The names in scope.
#[derive(Clone)]
pub(super) struct Names<'a> {
    own: HashSet<String>,
    /// The ids of all steps.
    pub(super) steps: &'a HashSet<&'a str>,
    pub(super) signals: HashSet<&'a String>,
    /// In a template; its parameters are not known at validation.
    pub(super) open: bool,
}

impl<'a> Names<'a> {
    pub(super) fn new(steps: &'a HashSet<&'a str>) -> Self {
        Self { own: HashSet::new(), steps, signals: HashSet::new(), open: false }
    }

    pub(super) fn add<S: AsRef<str>>(&mut self, names: impl IntoIterator<Item = S>) {
        self.own.extend(names.into_iter().map(|name| name.as_ref().to_owned()));
    }

    fn knows(&self, name: &str) -> bool {
        if self.open || self.own.contains(name) {
            return true;
        }
        let Some(first) = name.find("__") else { return false };
        let step = |cut: usize| name.get(..cut).is_some_and(|step| self.steps.contains(step));
        step(first) || step(first + 1) || self.signals.iter().any(|signal| name.get(..first) == Some(signal))
    }

    /// Checks that the references of a text exist.
    pub(super) fn check_text(&self, text: &str, path: &str, report: &Report) {
        for name in referenced(text) {
            self.check_name(name, path, report);
        }
    }

    fn check_name(&self, name: &str, path: &str, report: &Report) {
        if !self.knows(name) {
            let what = format!("refers to {name}, which is not a parameter in scope");
            report.add(path, what, "define it, or write a dollar twice before a plain name");
        }
    }

    /// Checks that an expression parses and its references exist.
    pub(super) fn check_expression(&self, expression: &str, path: &str, report: &Report) {
        match Program::parse(expression) {
            Err(error) => {
                let position = format!("line {}, column {}", error.line, error.column);
                report.add(path, format!("is not an expression: {} at {position}", error.what), error.fix);
            }
            Ok(program) => {
                if let Some(line) = program.endless_line() {
                    let what = format!("has a loop without an end in line {line}");
                    report.add(path, what, "leave it by break or return, or write a condition");
                }
                for name in program.references() {
                    if !self.knows(name) {
                        let what = format!("refers to {name}, which is not a parameter in scope");
                        report.add(path, what, "define it, or put a string in quotes");
                    }
                }
            }
        }
    }
}

/// Checks the definitions of one object within the names in scope.
pub(super) fn check(params: &ParamDefinitions, path: &str, scope: &Names<'_>, report: &Report) {
    if params.len() > PARAMS_MAX {
        report.add(
            path,
            format!("{} parameters are more than {PARAMS_MAX}", params.len()),
            "use maps, or fewer",
        );
    }
    let mut names = scope.clone();
    names.add(params.keys());
    for (name, param) in params {
        let path = at(path, name);
        names::id(name, &path, report, false);
        if RESERVED_PARAMS.contains(&name.as_str()) {
            report.add(&path, format!("{name} is kept for the system"), "use another name");
        }
        if param.source.is_some() || param.internal_mode.is_some() {
            report.add(&path, "sets what only the system sets", "remove source and internal_mode");
        }
        definition(param, &path, &names, report);
    }
    cycles(params, path, scope, report);
}

/// Checks one definition.
pub(super) fn definition(param: &ParamDefinition, path: &str, names: &Names<'_>, report: &Report) {
    if let Some(validator) = param.validator.as_ref().filter(|validator| !validator.starts_with('@')) {
        let mut with_param = names.clone();
        with_param.add(["param"]);
        with_param.check_expression(validator, &at(path, "validator"), report);
    }
    names::tags(&param.tags, &at(path, "tags"), report);
    match &param.body {
        ParamBody::Open => {}
        ParamBody::Expression(expression) => {
            names.check_expression(expression, &at(path, "expression"), report)
        }
        ParamBody::Literal(literal) => match literal {
            Literal::String(text) => names.check_text(text, &at(path, "value"), report),
            Literal::StringArray(texts) => {
                for (index, text) in texts.iter().enumerate() {
                    names.check_text(text, &format!("{path}.value[{index}]"), report);
                }
            }
            Literal::StringMap(entries) => {
                for (key, text) in entries {
                    names.check_text(key, &at(path, "value"), report);
                    names.check_text(text, &format!("{path}.value.{key}"), report);
                }
            }
            Literal::Map(entries) => {
                for (key, param) in entries {
                    definition(param, &format!("{path}.value.{key}"), names, report);
                }
            }
            _ => {}
        },
    }
}

/// Checks for reference cycles. A name of an outer scope refers to the outer parameter.
fn cycles(params: &ParamDefinitions, path: &str, scope: &Names<'_>, report: &Report) {
    let references: Vec<Vec<usize>> = params
        .values()
        .map(|param| {
            let names = references(param).into_iter().filter(|name| !scope.own.contains(name));
            names.filter_map(|name| params.get_index_of(&name)).collect()
        })
        .collect();
    // Parameters without remaining references are removed; those that stay are on a cycle or lead to one.
    let mut left: HashSet<usize> = (0..params.len()).collect();
    loop {
        let free: Vec<usize> = left
            .iter()
            .copied()
            .filter(|index| !references[*index].iter().any(|to| left.contains(to)))
            .collect();
        if free.is_empty() {
            break;
        }
        left.retain(|index| !free.contains(index));
    }
    let Some(first) = left.iter().min().copied() else { return };
    let mut way = vec![first];
    while let Some(next) = references[way[way.len() - 1]].iter().find(|to| left.contains(to)) {
        if let Some(start) = way.iter().position(|seen| seen == next) {
            let names: Vec<&str> = way[start..]
                .iter()
                .filter_map(|index| params.get_index(*index))
                .map(|(name, _)| name.as_str())
                .collect();
            let what = format!("the parameters refer to each other in a cycle: {}", names.join(" -> "));
            report.add(at(path, names[0]), what, "break the cycle");
            return;
        }
        way.push(*next);
    }
}

fn references(param: &ParamDefinition) -> Vec<String> {
    let texts = |text: &String| referenced(text).into_iter().map(str::to_owned).collect::<Vec<_>>();
    match &param.body {
        ParamBody::Open => Vec::new(),
        ParamBody::Expression(expression) => {
            Program::parse(expression).map(|program| program.references().to_vec()).unwrap_or_default()
        }
        ParamBody::Literal(Literal::String(text)) => texts(text),
        ParamBody::Literal(Literal::StringArray(all)) => all.iter().flat_map(texts).collect(),
        ParamBody::Literal(Literal::StringMap(all)) => {
            all.iter().flat_map(|(key, text)| [texts(key), texts(text)]).flatten().collect()
        }
        ParamBody::Literal(Literal::Map(all)) => all.values().flat_map(references).collect(),
        ParamBody::Literal(_) => Vec::new(),
    }
}
