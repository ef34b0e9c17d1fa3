//! Parameters as plain keys: `name`, `!name` (an expression), `name<long>`, `name<array<string>>(constant)`.

use crate::bounds::PARAM_DEPTH_MAX;
use crate::definition::{ParamMode, ParamType};
use crate::tree::{Report, Tree, at};

pub(super) fn map<const N: usize>(entries: [(&str, Tree); N]) -> Tree {
    Tree::Map(entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

pub(super) fn text(text: &str) -> Tree {
    Tree::Text(text.to_owned())
}

/// Definitions in the long notation.
pub(super) fn parsed<'a>(
    entries: impl IntoIterator<Item = (&'a str, String, &'a Tree)>,
    report: &Report,
) -> Vec<(String, Tree)> {
    nested(entries, report, 0)
}

fn nested<'a>(
    entries: impl IntoIterator<Item = (&'a str, String, &'a Tree)>,
    report: &Report,
    depth: usize,
) -> Vec<(String, Tree)> {
    let mut all: Vec<(String, Tree)> = Vec::new();
    for (key, path, value) in entries {
        let Some((name, definition)) = one(key, &path, value, report, depth) else { continue };
        if all.iter().any(|(known, _)| *known == name) {
            report.add(path, format!("the parameter {name} is defined twice"), "keep one of the two");
            continue;
        }
        all.push((name, definition));
    }
    all
}

fn one(key: &str, path: &str, value: &Tree, report: &Report, depth: usize) -> Option<(String, Tree)> {
    if depth > PARAM_DEPTH_MAX {
        report.add(
            path,
            format!("maps are nested deeper than {PARAM_DEPTH_MAX} levels"),
            "make them flatter",
        );
        return None;
    }
    let key = key.trim();
    let (is_expression, rest) = match key.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, key),
    };
    let mut name = rest;
    let mut mode = None;
    if let (Some(start), Some(inner)) = (name.rfind('('), name.strip_suffix(')')) {
        let word = inner.get(start + 1..).unwrap_or_default().trim();
        mode = ParamMode::named(word);
        if mode.is_none() {
            let known: Vec<&str> = ParamMode::ALL.iter().map(|mode| mode.word()).collect();
            report.add(path, format!("{word:?} is not a mode"), format!("use one of {}", known.join(", ")));
            return None;
        }
        name = name[..start].trim();
    }
    let mut sort = None;
    if let (Some(start), Some(inner)) = (name.find('<'), name.strip_suffix('>')) {
        let word = inner.get(start + 1..).unwrap_or_default().trim();
        sort = named(word);
        if sort.is_none() {
            let fix = "use string, long, double, boolean, map, pmap or array<..>";
            report.add(path, format!("{word:?} is not a type"), fix);
            return None;
        }
        name = name[..start].trim();
    }
    if name.is_empty() {
        report.add(path, "names no parameter", "write a name");
        return None;
    }
    let mut definition = Vec::new();
    if is_expression {
        let expression = match value {
            Tree::Text(text) => text.clone(),
            other => crate::params::Value::plain(other).to_text(),
        };
        definition.push(("expression".to_owned(), text(&expression)));
    } else {
        let implied = implied(value);
        if matches!(value, Tree::Null) {
            report.add(path, "has no value", "write one, or remove it");
            return None;
        }
        sort = sort.or(implied).or(Some(ParamType::StringArray));
        let value = match (sort, value) {
            (Some(ParamType::Map), Tree::Map(entries)) => {
                let entries = entries.iter().map(|(key, value)| (key.as_str(), at(path, key), value));
                Tree::Map(nested(entries, report, depth + 1))
            }
            _ => value.clone(),
        };
        definition.push(("value".to_owned(), value));
    }
    definition.push(("type".to_owned(), text(sort.unwrap_or(ParamType::String).word())));
    if let Some(mode) = mode {
        definition.push(("mode".to_owned(), text(mode.word())));
    }
    Some((name.to_owned(), Tree::Map(definition)))
}

fn named(word: &str) -> Option<ParamType> {
    let word = word.to_ascii_uppercase();
    if let Some(element) = word.strip_prefix("ARRAY<").and_then(|rest| rest.strip_suffix('>')) {
        return ParamType::named(&format!("{}_ARRAY", element.trim()));
    }
    match word.as_str() {
        "PMAP" => Some(ParamType::Map),
        "MAP" => Some(ParamType::StringMap),
        word => ParamType::named(word),
    }
}

/// The type of a bare value; `None` for an empty list.
fn implied(value: &Tree) -> Option<ParamType> {
    Some(match value {
        Tree::Null => return None,
        Tree::Text(_) => ParamType::String,
        Tree::Long(_) => ParamType::Long,
        Tree::Double(_) => ParamType::Double,
        Tree::Boolean(_) => ParamType::Boolean,
        Tree::Map(entries) if entries.is_empty() => ParamType::Map,
        Tree::Map(entries) if entries.iter().all(|(_, value)| matches!(value, Tree::Text(_))) => {
            ParamType::StringMap
        }
        Tree::Map(_) => ParamType::Map,
        Tree::List(values) => match values.first()? {
            Tree::Long(_) if values.iter().any(|value| matches!(value, Tree::Double(_))) => {
                ParamType::DoubleArray
            }
            Tree::Long(_) => ParamType::LongArray,
            Tree::Double(_) => ParamType::DoubleArray,
            Tree::Boolean(_) => ParamType::BooleanArray,
            _ => ParamType::StringArray,
        },
    })
}
