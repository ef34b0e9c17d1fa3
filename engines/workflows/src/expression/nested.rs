//! References to steps nested in a loop or subworkflow.

use serde::Serialize;
use serde_json::Value as Json;

use super::{NestedReference, Program};

/// References to one loop or subworkflow; further ones are ignored.
const NESTED_MAX: usize = 16;

/// The references of a definition to steps nested in `outer`, each once: `params.getFromForeach` and
/// `params.getFromSubworkflow` with literal names. The loop's run must keep these outputs.
#[must_use]
pub fn nested_references<T: Serialize>(definition: &T, outer: &str) -> Vec<NestedReference> {
    let mut found = Vec::new();
    if let Ok(tree) = serde_json::to_value(definition) {
        search(&tree, outer, &mut found);
    }
    found
}

fn search(tree: &Json, outer: &str, found: &mut Vec<NestedReference>) {
    match tree {
        Json::String(text) if text.contains("getFromForeach") || text.contains("getFromSubworkflow") => {
            let Ok(program) = Program::parse(text) else { return };
            for reference in program.nested().iter().filter(|reference| reference.outer == outer) {
                if !found.contains(reference) && found.len() < NESTED_MAX {
                    found.push(reference.clone());
                }
            }
        }
        Json::Array(values) => values.iter().for_each(|value| search(value, outer, found)),
        Json::Object(entries) => entries.values().for_each(|value| search(value, outer, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_to_nested_steps_are_found_in_each_expression() {
        let definition = json!({
            "params": {
                "a": { "expression": "params.getFromForeach('each', 'one', 'x').length + params.getFromForeach('each', 'two', 'y')[0]" },
                "map": { "value": { "b": { "expression": "x = 1; if (x > 0) return params.getFromForeach('each', 'one', 'x');" } } },
                "other": { "expression": "params.getFromForeach('another', 'one', 'x')" },
                "computed": { "expression": "params.getFromForeach('each', 'o' + 'ne', 'z')" },
                "broken": { "expression": "params.getFromForeach('each', " },
                "text": { "value": "about getFromForeach" },
            },
            "transition": { "successors": { "next": "params.getFromSubworkflow('each', 'three', 'z') > 1" } },
        });
        let mut found: Vec<String> = nested_references(&definition, "each")
            .into_iter()
            .map(|one| format!("{}.{}", one.step, one.param))
            .collect();
        found.sort();
        assert_eq!(found, ["one.x", "three.z", "two.y"]);
        let many: Vec<String> =
            (0..40).map(|at| format!("params.getFromForeach('each', 's{at}', 'x')")).collect();
        assert_eq!(nested_references(&many, "each").len(), NESTED_MAX);
    }
}
