//! Jobs of the short notation as steps.

use super::edges;
use super::params::{map, parsed, text};
use crate::bounds::DEPTH_MAX;
use crate::tree::{Fields, Report, Tree, at};

/// The jobs of a workflow or loop, with the edges of its `dag`.
pub(super) fn jobs(fields: &Fields<'_>, depth: usize) -> Vec<Tree> {
    if depth > DEPTH_MAX {
        let what = format!("loops are nested deeper than {DEPTH_MAX} levels");
        fields.report.add(fields.at("jobs"), what, "move the inner jobs to a subworkflow");
        return Vec::new();
    }
    let list = fields.list("jobs");
    let ids: Vec<String> = list.iter().filter_map(|(_, job)| id(job)).collect();
    let added = edges::dag(fields, &ids);
    list.iter().filter_map(|(path, job)| one(job, path, fields.report, &added, depth)).collect()
}

fn id(job: &Tree) -> Option<String> {
    let Tree::Map(entries) = job else { return None };
    match entries.first()?.1.get("id")? {
        Tree::Text(id) => Some(id.clone()),
        Tree::Long(id) => Some(id.to_string()),
        _ => None,
    }
}

fn one(
    job: &Tree,
    path: &str,
    report: &Report,
    added: &[(String, Vec<String>)],
    depth: usize,
) -> Option<Tree> {
    let fix = "write job, subworkflow, foreach or while with the job under it";
    let Tree::Map(entries) = job else {
        report.add(path, format!("{} stands where a job belongs", job.sort()), fix);
        return None;
    };
    let [(kind, inner)] = entries.as_slice() else {
        report.add(path, format!("{} keys stand where one kind of job belongs", entries.len()), fix);
        return None;
    };
    let path = at(path, kind);
    let fields = Fields::of(inner, &path, report)?;
    let names = ["id", "name", "description", "failure_mode", "tags", "timeout"];
    let keep = |name: &'static str| fields.tree(name).map(|value| (name.to_owned(), value.clone()));
    let mut step: Vec<(String, Tree)> = names.into_iter().filter_map(keep).collect();
    let own = fields.tree("transition").map(|tree| edges::sentences(tree, &fields.at("transition"), report));
    let own = own.filter(|sentences| !sentences.is_empty());
    let dag =
        id(job).and_then(|id| added.iter().find(|(from, _)| *from == id)).map(|(_, edges)| edges.clone());
    if let Some(sentences) = own.or(dag) {
        let edges = edges::successors(&sentences, &fields.at("transition"), report);
        let edges = edges.into_iter().map(|(id, condition)| (id, Tree::Text(condition))).collect();
        step.push(("transition".into(), map([("successors", Tree::Map(edges))])));
    }
    let mut params = Vec::new();
    let wrapper = match kind.as_str() {
        "job" => {
            typed(&fields, &mut step);
            "step"
        }
        "subworkflow" => {
            subworkflow(&fields, &mut step, &mut params, id(job));
            "subworkflow"
        }
        "foreach" => {
            step.extend(
                fields
                    .tree("concurrency")
                    .or_else(|| fields.tree("job_concurrency"))
                    .map(|many| ("concurrency".to_owned(), many.clone())),
            );
            params.push(("loop_params".to_owned(), loop_params(&fields)));
            step.push(("steps".into(), Tree::List(jobs(&fields, depth + 1))));
            "foreach"
        }
        "while" => {
            step.extend(keep("condition"));
            params.push(("loop_params".to_owned(), loop_params(&fields)));
            step.push(("steps".into(), Tree::List(jobs(&fields, depth + 1))));
            "while"
        }
        other => {
            report.add(&path, format!("{other:?} is not a kind of job"), fix);
            return None;
        }
    };
    let rest = fields.rest().into_iter().map(|(name, value)| (name, at(&path, name), value));
    let mut all = parsed(rest, report);
    all.extend(params);
    if !all.is_empty() {
        step.push(("params".into(), Tree::Map(all)));
    }
    Some(map([(wrapper, Tree::Map(step))]))
}

fn typed(fields: &Fields<'_>, step: &mut Vec<(String, Tree)>) {
    fields.tree("type_version");
    match fields.tree("type") {
        // A shell line becomes a command.
        Some(Tree::Text(name)) if name.eq_ignore_ascii_case("shell") => {
            step.push(("type".into(), text("Command")));
            step.push(("sub_type".into(), text(name)));
        }
        Some(name) => step.push(("type".into(), name.clone())),
        None => {}
    }
}

fn subworkflow(
    fields: &Fields<'_>,
    step: &mut Vec<(String, Tree)>,
    params: &mut Vec<(String, Tree)>,
    id: Option<String>,
) {
    for name in ["sync", "explicit_params"] {
        step.extend(fields.tree(name).map(|value| (name.to_owned(), value.clone())));
    }
    let named = |names: [&'static str; 3]| {
        let found: Vec<_> = names.into_iter().filter_map(|name| fields.text(name)).collect();
        found.into_iter().next()
    };
    let string = |value: &str| map([("value", text(value)), ("type", text("STRING"))]);
    // A subworkflow without a workflow id starts the workflow with its own name.
    if let Some(workflow) = named(["workflow_id", "subworkflow_id", "workflow_id"]).or(id) {
        params.push(("subworkflow_id".into(), string(&workflow)));
    }
    if let Some(version) = named(["version", "subworkflow_version", "workflow_version"]) {
        params.push(("subworkflow_version".into(), string(&version)));
    }
}

/// The values of a loop: `loop_params` or `params`, and `ranges` of numbers.
fn loop_params(fields: &Fields<'_>) -> Tree {
    let mut entries = fields.entries("loop_params");
    entries.extend(fields.entries("params"));
    let mut all = parsed(entries, fields.report);
    for (name, path, range) in fields.entries("ranges") {
        let part = |key: &str, place: usize| match range {
            Tree::List(parts) => parts.get(place),
            range => range.get(key),
        };
        let number = |key: &str, place: usize, otherwise: &str| match part(key, place) {
            None | Some(Tree::Null) => Some(otherwise.to_owned()),
            Some(Tree::Long(value)) => Some(value.to_string()),
            Some(_) => None,
        };
        let parts = (number("from", 0, "0"), number("to", 1, ""), number("increment", 2, "1"));
        match parts {
            (Some(from), Some(to), Some(by)) if !to.is_empty() => {
                let expression = format!("Util.intsBetween({from}, {to}, {by})");
                all.push((
                    name.to_owned(),
                    map([("expression", text(&expression)), ("type", text("LONG_ARRAY"))]),
                ));
            }
            _ => fields.report.add(path, "is not a range", "write from, to and increment as whole numbers"),
        }
    }
    map([("value", Tree::Map(all)), ("type", text("MAP"))])
}
