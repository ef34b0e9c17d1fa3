//! Prerequisites of a definition, direct and transitive.

use std::collections::BTreeSet;

use serde_json::Value;
use troupe_runtime::entity::Globals;

use super::messages::Door;
use super::state::Flag;
use crate::experimentation::experiments::Experiment;

/// The direct prerequisites of a feature, each with its path in the definition.
pub(crate) fn parents(feature: &Value) -> Vec<(String, String)> {
    let each = |list: &Value| -> Vec<Value> { list.as_array().cloned().unwrap_or_default() };
    let mut found = Vec::new();
    for (at, rule) in each(&feature["rules"]).iter().enumerate() {
        for (place, parent) in each(&rule["parentConditions"]).iter().enumerate() {
            if let Some(id) = parent["id"].as_str() {
                found.push((format!("rules[{at}].parentConditions[{place}].id"), id.to_owned()));
            }
        }
    }
    found
}

/// A feature by name: a flag, even one that is switched off, or a running experiment.
fn known(globals: &Globals, name: &str) -> Option<Value> {
    let flag = globals.get::<Flag>(name).and_then(|flag| flag.defined(Door::Growthbook).cloned());
    flag.or_else(|| globals.get::<Experiment>(name)?.feature(name))
}

/// The path of the first prerequisite through which a feature would depend on itself; clients give such a feature no
/// value. A flag that is off counts too, because it may be switched on later.
pub(crate) fn circle(globals: &Globals, name: &str, feature: &Value) -> Option<String> {
    parents(feature).into_iter().find(|(_, parent)| leads(globals, parent, name)).map(|(path, _)| path)
}

fn leads(globals: &Globals, from: &str, to: &str) -> bool {
    let (mut waiting, mut seen) = (vec![from.to_owned()], BTreeSet::new());
    while let Some(name) = waiting.pop() {
        if name == to {
            return true;
        }
        if seen.insert(name.clone())
            && let Some(feature) = known(globals, &name)
        {
            waiting.extend(parents(&feature).into_iter().map(|(_, parent)| parent));
        }
    }
    false
}
