//! Edges between jobs: `job2`, `IF x > 0 THEN job2`, `OTHERWISE job3`, of one job or of all jobs as a `dag`.

use crate::tree::{Fields, Report, Tree};

/// Sentences, written as one or as a list.
pub(super) fn sentences(tree: &Tree, path: &str, report: &Report) -> Vec<String> {
    let wrong = |other: &Tree| {
        let fix = "write a job's id, IF condition THEN id, or OTHERWISE id";
        report.add(path, format!("{} stands where an edge belongs", other.sort()), fix);
        None
    };
    match tree {
        Tree::Text(one) => vec![one.clone()],
        Tree::List(all) => all
            .iter()
            .filter_map(|one| match one {
                Tree::Text(one) => Some(one.clone()),
                other => wrong(other),
            })
            .collect(),
        other => {
            wrong(other);
            Vec::new()
        }
    }
}

/// Successors with their conditions.
pub(super) fn successors(sentences: &[String], path: &str, report: &Report) -> Vec<(String, String)> {
    let mut edges: Vec<(String, String)> = Vec::new();
    let mut conditions: Vec<String> = Vec::new();
    for (index, sentence) in sentences.iter().enumerate() {
        let words = sentence.trim();
        let (id, condition) = if let Some((condition, id)) = conditional(words) {
            conditions.push(condition.clone());
            (id, condition)
        } else if let Some(id) = after(words, "OTHERWISE") {
            if index + 1 < sentences.len() {
                report.add(path, "OTHERWISE is not the last way", "put it last");
            }
            let none_of = format!("!(({}))", conditions.join(") || ("));
            (id, if conditions.is_empty() { "true".to_owned() } else { none_of })
        } else if is_id(words) {
            (words.to_owned(), "true".to_owned())
        } else {
            let fix = "write a job's id, IF condition THEN id, or OTHERWISE id";
            report.add(path, format!("{sentence:?} is not understood"), fix);
            continue;
        };
        edges.retain(|(known, _)| *known != id);
        edges.push((id, condition));
    }
    edges
}

/// The text after a word, if it is an id.
fn after(sentence: &str, word: &str) -> Option<String> {
    let start = sentence.get(..word.len())?;
    let rest = sentence.get(word.len()..)?;
    (start.eq_ignore_ascii_case(word) && rest.starts_with(char::is_whitespace) && is_id(rest.trim()))
        .then(|| rest.trim().to_owned())
}

fn conditional(sentence: &str) -> Option<(String, String)> {
    let start = sentence.get(..2)?;
    let rest = sentence.get(2..)?;
    if !start.eq_ignore_ascii_case("if") || !rest.starts_with(char::is_whitespace) {
        return None;
    }
    let (before, id) = rest.trim_end().rsplit_once(char::is_whitespace)?;
    let before = before.trim_end();
    let cut = before.len().checked_sub(4)?;
    let (condition, then) = (before.get(..cut)?, before.get(cut..)?);
    let parted = condition.ends_with(char::is_whitespace) && then.eq_ignore_ascii_case("then");
    (parted && is_id(id) && !condition.trim().is_empty())
        .then(|| (condition.trim().to_owned(), id.to_owned()))
}

fn is_id(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// The edges of a `dag` by job, for jobs without edges of their own: `sequential`, `parallel`, or by id.
pub(super) fn dag(fields: &Fields<'_>, ids: &[String]) -> Vec<(String, Vec<String>)> {
    let path = fields.at("dag");
    match fields.tree("dag") {
        None => Vec::new(),
        Some(Tree::Text(order)) if order.eq_ignore_ascii_case("sequential") => {
            ids.windows(2).map(|pair| (pair[0].clone(), vec![pair[1].clone()])).collect()
        }
        Some(Tree::Text(order)) if order.eq_ignore_ascii_case("parallel") => Vec::new(),
        Some(Tree::Map(edges)) => edges
            .iter()
            .filter_map(|(id, edges)| {
                let path = format!("{path}.{id}");
                if !ids.contains(id) {
                    fields.report.add(
                        path,
                        format!("job {id:?} does not exist here"),
                        "name a job of this list",
                    );
                    return None;
                }
                Some((id.clone(), sentences(edges, &path, fields.report)))
            })
            .collect(),
        Some(other) => {
            let found = match other {
                Tree::Text(order) => format!("{order:?}"),
                other => other.sort().to_owned(),
            };
            fields.report.add(
                path,
                format!("{found} is not a dag"),
                "write sequential, parallel, or edges by job id",
            );
            Vec::new()
        }
    }
}
