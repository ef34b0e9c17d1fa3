//! What a list of steps asks of steps inside of one of them.

use serde::Serialize;
use serde_json::Value as Json;

use super::{Inside, Program};

/// Parameters that are asked of one loop or subworkflow; further ones are not found.
const INSIDE_MAX: usize = 16;

/// What the expressions of a definition ask of steps inside of `outer`, each once: `params.getFromForeach` and
/// `params.getFromSubworkflow` with names that are written out. Whoever carries the loop out has to keep these.
#[must_use]
pub fn inside<T: Serialize>(definition: &T, outer: &str) -> Vec<Inside> {
    let mut found = Vec::new();
    if let Ok(tree) = serde_json::to_value(definition) {
        search(&tree, outer, &mut found);
    }
    found
}

fn search(tree: &Json, outer: &str, found: &mut Vec<Inside>) {
    match tree {
        Json::String(text) if text.contains("getFromForeach") || text.contains("getFromSubworkflow") => {
            let Ok(program) = Program::parse(text) else { return };
            for asked in program.inside().iter().filter(|asked| asked.outer == outer) {
                if !found.contains(asked) && found.len() < INSIDE_MAX {
                    found.push(asked.clone());
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
    fn what_is_asked_of_steps_inside_is_found_wherever_an_expression_is() {
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
        let mut found: Vec<String> = inside(&definition, "each")
            .into_iter()
            .map(|one| format!("{}.{}", one.step, one.param))
            .collect();
        found.sort();
        assert_eq!(found, ["one.x", "three.z", "two.y"]);
        let many: Vec<String> =
            (0..40).map(|at| format!("params.getFromForeach('each', 's{at}', 'x')")).collect();
        assert_eq!(inside(&many, "each").len(), INSIDE_MAX);
    }
}
