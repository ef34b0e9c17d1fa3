//! YAML to a tree, from the parser's events. References to anchors are copied, and the copies count against the limit:
//! a few lines of YAML could expand to billions of nodes.

use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::Tree;

/// Values in one document, copies by reference included.
const NODES_MAX: usize = 200_000;
/// Nesting limit of lists and objects.
const DEPTH_MAX: usize = 100;

/// An error of YAML with its position.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {what}")]
pub struct YamlError {
    pub line: usize,
    pub column: usize,
    pub what: String,
}

/// Reads one document of YAML 1.2.
///
/// # Errors
/// With the position, if it is not YAML, has more than one document, or expands beyond the limits.
pub fn yaml(text: &str) -> Result<Tree, YamlError> {
    let mut builder = Builder::default();
    let mut documents = 0;
    for next in Parser::new_from_str(text) {
        let (event, span) = next.map_err(|error| YamlError {
            line: error.marker().line(),
            column: error.marker().col() + 1,
            what: error.info().to_owned(),
        })?;
        if let Event::DocumentStart(_) = event {
            documents += 1;
            if documents > 1 {
                return Err(wrong(&span, "a second document begins; send one at a time"));
            }
        }
        builder.take(event, &span)?;
    }
    Ok(builder.root.unwrap_or(Tree::Null))
}

fn wrong(span: &Span, what: impl Into<String>) -> YamlError {
    YamlError { line: span.start.line(), column: span.start.col() + 1, what: what.into() }
}

/// An open list or object.
enum Open {
    List(Vec<Tree>),
    Map { entries: Vec<(String, Tree)>, seen: HashSet<String>, key: Option<String> },
}

#[derive(Default)]
struct Builder {
    /// With its anchor, or zero.
    open: Vec<(Open, usize)>,
    anchors: HashMap<usize, (Tree, usize)>,
    nodes: usize,
    root: Option<Tree>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: &Span) -> Result<(), YamlError> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let value = scalar(&text, style, tag.as_deref(), span)?;
                self.close(value, anchor, 1, span)
            }
            Event::SequenceStart(anchor, _) => self.begin(Open::List(Vec::new()), anchor, span),
            Event::MappingStart(anchor, _) => {
                let map = Open::Map { entries: Vec::new(), seen: HashSet::new(), key: None };
                self.begin(map, anchor, span)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some((open, anchor)) = self.open.pop() else {
                    return Err(wrong(span, "something ends that did not begin"));
                };
                let value = match open {
                    Open::List(values) => Tree::List(values),
                    Open::Map { entries, .. } => Tree::Map(entries),
                };
                self.close(value, anchor, 0, span)
            }
            Event::Alias(anchor) => {
                let Some((value, nodes)) = self.anchors.get(&anchor).cloned() else {
                    return Err(wrong(span, "refers to an anchor that is not closed yet"));
                };
                self.close(value, 0, nodes, span)
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, open: Open, anchor: usize, span: &Span) -> Result<(), YamlError> {
        if self.open.len() >= DEPTH_MAX {
            return Err(wrong(span, format!("nested deeper than {DEPTH_MAX} levels; make it flatter")));
        }
        self.count(1, span)?;
        self.open.push((open, anchor));
        Ok(())
    }

    fn count(&mut self, nodes: usize, span: &Span) -> Result<(), YamlError> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > NODES_MAX {
            return Err(wrong(
                span,
                format!("stands for more than {NODES_MAX} values; use fewer references"),
            ));
        }
        Ok(())
    }

    /// Adds a complete value to its parent.
    fn close(&mut self, value: Tree, anchor: usize, nodes: usize, span: &Span) -> Result<(), YamlError> {
        self.count(nodes, span)?;
        if anchor > 0 {
            let size = size(&value);
            self.count(size, span)?;
            self.anchors.insert(anchor, (value.clone(), size));
        }
        match self.open.last_mut() {
            None => self.root = Some(value),
            Some((Open::List(values), _)) => values.push(value),
            Some((Open::Map { entries, seen, key }, _)) => match key.take() {
                Some(name) => entries.push((name, value)),
                None => {
                    let name = match value {
                        Tree::Text(text) => text,
                        Tree::Long(number) => number.to_string(),
                        Tree::Double(number) => number.to_string(),
                        Tree::Boolean(flag) => flag.to_string(),
                        Tree::Null => "null".to_owned(),
                        Tree::List(_) | Tree::Map(_) => {
                            return Err(wrong(span, "a key is a list or an object; use a string"));
                        }
                    };
                    if !seen.insert(name.clone()) {
                        return Err(wrong(span, format!("the key {name:?} comes twice; keep one")));
                    }
                    *key = Some(name);
                }
            },
        }
        Ok(())
    }
}

fn size(value: &Tree) -> usize {
    match value {
        Tree::List(values) => 1 + values.iter().map(size).sum::<usize>(),
        Tree::Map(entries) => 1 + entries.iter().map(|(_, value)| size(value)).sum::<usize>(),
        _ => 1,
    }
}

/// A scalar by the core schema of YAML 1.2.
fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>, span: &Span) -> Result<Tree, YamlError> {
    let plain = matches!(style, ScalarStyle::Plain);
    match tag {
        Some(tag) if tag.is_yaml_core_schema() && tag.suffix == "str" => {
            return Ok(Tree::Text(text.to_owned()));
        }
        None if !plain => return Ok(Tree::Text(text.to_owned())),
        _ => {}
    }
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Tree::Null,
        "true" | "True" | "TRUE" => Tree::Boolean(true),
        "false" | "False" | "FALSE" => Tree::Boolean(false),
        _ => {
            let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
            if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
                let parsed = text.parse().map(Tree::Long);
                return parsed
                    .map_err(|_| wrong(span, format!("{text} does not fit a whole number of 64 bits")));
            }
            let number = digits.starts_with(|first: char| first.is_ascii_digit() || first == '.')
                && digits.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
            match text.parse::<f64>() {
                Ok(value) if number && value.is_finite() => Tree::Double(value),
                _ => Tree::Text(text.to_owned()),
            }
        }
    })
}
