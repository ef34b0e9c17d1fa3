//! The short notation of Maestro's YAML, which its Python package writes. It has jobs in place of steps, parameters as
//! plain keys (`!name<type>(mode)`), and edges between jobs as sentences (`IF x > 0 THEN job2`). It is converted to the
//! long notation, which is then read.

mod edges;
mod jobs;
mod params;

use jobs::jobs;
use params::{map, parsed};

use crate::tree::{Fields, Report, Tree, at};

/// Whether a document is in the short notation: one key, `Workflow` or `workflow`, with jobs below it.
fn inner(tree: &Tree) -> Option<(&str, &Tree)> {
    let Tree::Map(entries) = tree else { return None };
    let [(key, inner)] = entries.as_slice() else { return None };
    let short = key == "Workflow" || (key == "workflow" && inner.get("jobs").is_some());
    short.then_some((key.as_str(), inner))
}

/// Whether a document is in the short notation.
pub(super) fn is_short(tree: &Tree) -> bool {
    inner(tree).is_some()
}

/// The long notation of a document; `None` if it is not in the short notation.
pub(super) fn expand(tree: &Tree, report: &Report) -> Option<Tree> {
    let (key, tree) = inner(tree)?;
    let fields = Fields::of(tree, key, report)?;
    let keep = |name: &'static str| fields.tree(name).map(|value| (name.to_owned(), value.clone()));
    let mut properties: Vec<(String, Tree)> =
        ["owner", "description", "tags"].into_iter().filter_map(keep).collect();
    let rule = fields.tree("run_strategy").cloned();
    let many = fields.tree("workflow_concurrency").cloned();
    match (rule, many) {
        (Some(rule), None) => properties.push(("run_strategy".into(), rule)),
        (Some(rule), Some(many)) => {
            properties.push(("run_strategy".into(), map([("rule", rule), ("workflow_concurrency", many)])));
        }
        (None, Some(many)) => properties.push(("run_strategy".into(), many)),
        (None, None) => {}
    }
    let names = ["id", "name", "description", "tags", "timeout", "criticality"];
    let mut workflow: Vec<(String, Tree)> = names.into_iter().filter_map(keep).collect();
    let steps = jobs(&fields, 1);
    workflow.push(("steps".into(), Tree::List(steps)));
    let own = fields.rest().into_iter().map(|(name, value)| (name, at(key, name), value));
    let params = parsed(own, report);
    if !params.is_empty() {
        workflow.push(("params".into(), Tree::Map(params)));
    }
    Some(map([("properties", Tree::Map(properties)), ("workflow", Tree::Map(workflow))]))
}

/// A path of the long notation as a path of the short one.
pub(super) fn author_path(path: &str) -> String {
    path.replace("steps[", "jobs[").replace(".step.", ".job.").replace(".params.", ".")
}
