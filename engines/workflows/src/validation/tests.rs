use serde_json::{Value, json};

use super::validate;
use crate::definition::Submission;
use crate::tree::Problems;

fn problems(properties: Value, workflow: Value) -> Problems {
    let json = json!({ "properties": properties, "workflow": workflow });
    let read =
        Submission::from_json(json.to_string().as_bytes()).unwrap_or_else(|problems| panic!("{problems}"));
    validate(&read).err().unwrap_or_default()
}

fn noop(id: &str, successors: Value) -> Value {
    json!({ "step": { "id": id, "type": "NoOp", "transition": { "successors": successors } } })
}

fn of_steps(steps: Value) -> Problems {
    problems(json!({}), json!({ "id": "w", "steps": steps }))
}

fn assert_has(problems: &Problems, path: &str, what: &str) {
    let found = problems.0.iter().any(|problem| problem.path == path && problem.what.contains(what));
    assert!(found, "{path}: {what}\nis not among\n{problems}");
    assert!(problems.0.iter().all(|problem| !problem.fix.is_empty()), "{problems}");
}

#[test]
fn graphs_with_faults_are_refused() {
    let cycle = of_steps(json!([
        noop("a", json!({ "b": "true" })),
        noop("b", json!({ "c": "true" })),
        noop("c", json!({ "b": "true" })),
    ]));
    assert_has(&cycle, "workflow.steps[1].step.transition.successors", "cycle: b -> c -> b");
    let own = of_steps(json!([noop("a", json!({ "a": "true" }))]));
    assert_has(&own, "workflow.steps[0].step.transition.successors", "cycle: a -> a");
    let unknown = of_steps(json!([noop("a", json!({ "z": "true" }))]));
    assert_has(&unknown, "workflow.steps[0].step.transition.successors.z", "step \"z\" does not exist");
    let twice = of_steps(json!([noop("a", json!({})), noop("a", json!({}))]));
    assert_has(&twice, "workflow.steps[1].step.id", "twice");
    let never = of_steps(json!([
        noop("a", json!({ "b": "false" })),
        noop("b", json!({ "c": "true" })),
        noop("c", json!({})),
    ]));
    assert_has(&never, "workflow.steps[1].step", "no edge leads to b");
    assert_has(&never, "workflow.steps[2].step", "no edge leads to c");
    assert_has(&of_steps(json!([])), "workflow.steps", "is empty");
    let many: Vec<Value> = (0..301).map(|n| noop(&format!("s{n}"), json!({}))).collect();
    assert_has(&of_steps(json!(many)), "workflow.steps", "more than 300");
    let mut named = noop("b", json!({}));
    named["step"]["transition"]["predecessors"] = json!(["a"]);
    let wrong = of_steps(json!([noop("a", json!({})), named]));
    assert_has(&wrong, "workflow.steps[1].step.transition.predecessors", "successors make them");
}

#[test]
fn expressions_and_references_must_lead_somewhere() {
    let bad = of_steps(json!([
        { "step": { "id": "a", "type": "NoOp", "timeout": "${nowhere}", "params": {
            "x": { "expression": "1 +", "type": "LONG" },
            "y": { "expression": "z + 1", "type": "LONG" },
            "t": { "value": "at ${u}", "type": "STRING" },
            "p": { "expression": "q", "type": "LONG" }, "q": { "expression": "p", "type": "LONG" },
            "e": { "expression": "x = 0;\nwhile (true) { x++; for (;;) { break; } }", "type": "LONG" },
            "v": { "value": 1, "type": "LONG", "validator": "param >" },
            "params": { "value": 1, "type": "LONG" }, "9x": { "value": 1, "type": "LONG" } },
            "transition": { "successors": { "b": "x >" } } } },
        noop("b", json!({})),
    ]));
    let at = "workflow.steps[0].step";
    assert_has(&bad, &format!("{at}.params.x.expression"), "too early at line 1, column 4");
    assert_has(&bad, &format!("{at}.params.y.expression"), "refers to z");
    assert_has(&bad, &format!("{at}.params.t.value"), "refers to u");
    assert_has(&bad, &format!("{at}.params.p"), "cycle: p -> q");
    assert_has(&bad, &format!("{at}.params.e.expression"), "loop without an end in line 2");
    assert_has(&bad, &format!("{at}.params.v.validator"), "not an expression");
    assert_has(&bad, &format!("{at}.params.params"), "kept for the system");
    assert_has(&bad, &format!("{at}.params.9x"), "not an id");
    assert_has(&bad, &format!("{at}.transition.successors.b"), "not an expression");
    assert_has(&bad, &format!("{at}.timeout"), "refers to nowhere");
    let good = problems(
        json!({}),
        json!({ "id": "w", "params": { "z": { "expression": "RUN_TS + 1", "type": "LONG" } }, "steps": [
            noop("a", json!({ "b": "z > 0 && step_id != ''" })),
            { "step": { "id": "b", "type": "NoOp", "params": {
                "z": { "expression": "while (true) { if (z > 3) break; z++; } return z;", "type": "LONG" },
                "of_a": { "value": "${a__x} costs $$5 and $${z}", "type": "STRING" } } } } ] }),
    );
    assert_eq!(good, Problems::default());
}

#[test]
fn loops_need_something_to_go_over_and_a_way_to_end() {
    let foreach = |params: Value| json!({ "foreach": { "id": "f", "params": params, "steps": [noop("in", json!({}))] } });
    let of = |loops: Value| foreach(json!({ "loop_params": { "type": "MAP", "value": loops } }));
    let path = "workflow.steps[0].foreach.params.loop_params";
    assert_has(&of_steps(json!([foreach(json!({}))])), path, "is missing");
    assert_has(&of_steps(json!([of(json!({}))])), path, "is empty");
    let empty = of_steps(json!([of(json!({ "i": { "value": [], "type": "LONG_ARRAY" } }))]));
    assert_has(&empty, &format!("{path}.value.i.value"), "nothing to loop over");
    let scalar = of_steps(json!([of(json!({ "i": { "value": 1, "type": "LONG" } }))]));
    assert_has(&scalar, &format!("{path}.value.i.type"), "LONG is not an array");
    let long: Vec<u32> = (0..1100).collect();
    let huge = json!({ "i": { "value": long, "type": "LONG_ARRAY" }, "j": { "value": long, "type": "LONG_ARRAY" },
        "k": { "value": long, "type": "LONG_ARRAY" } });
    assert_has(&of_steps(json!([of(huge)])), path, "1331000000 iterations, 1000000 at most");

    let while_loop = |condition: &str, inner: Value| {
        of_steps(json!([{ "while": { "id": "w1", "condition": condition,
            "params": { "loop_params": { "type": "MAP", "value": { "i": { "value": 1, "type": "LONG" } } } },
            "steps": [inner] } }]))
    };
    let path = "workflow.steps[0].while.condition";
    let counts = json!({ "step": { "id": "in", "type": "NoOp",
        "params": { "i": { "expression": "i + 1", "type": "LONG" } } } });
    assert_eq!(while_loop("i < 5", counts.clone()), Problems::default());
    assert_eq!(while_loop("System.currentTimeMillis() < 5", noop("in", json!({}))), Problems::default());
    assert_has(&while_loop("true", counts.clone()), path, "has no end");
    assert_has(&while_loop("i < 5", noop("in", json!({}))), path, "no step inside changes");
    assert_has(&while_loop("j < 5", counts.clone()), path, "refers to j");
    assert_has(&while_loop("i <", counts), path, "not an expression");
}

#[test]
fn triggers_signals_and_bounds() {
    let bad = problems(
        json!({ "run_strategy": { "rule": "FIRST_ONLY", "workflow_concurrency": 3 }, "step_concurrency": 5000 }),
        json!({ "id": "maestro_w", "name": "n".repeat(300), "timeout": "200 days", "instance_step_concurrency": 1001,
            "time_triggers": [
                { "cron": "61 * * * *" }, { "cron": "0 0 31 2 *" }, { "cron": "0 0 * * *", "timezone": "Mars/Base" },
                { "type": "PREDEFINED", "expression": "@daily", "fuzzy_max_delay": "long" } ],
            "signal_triggers": [
                { "definitions": {} },
                { "definitions": { "a": { "join_keys": ["x"] }, "b": {} }, "condition": "1 >" } ],
            "steps": [{ "step": { "id": "a__b", "type": "Http", "timeout": 0,
                "retry_policy": { "error_retry_limit": 1000 },
                "signal_outputs": [{ "name": "s", "params": { "k": { "value": true, "type": "BOOLEAN" } } }] } }] }),
    );
    for (path, what) in [
        ("properties.run_strategy.workflow_concurrency", "FIRST_ONLY"),
        ("properties.step_concurrency", "more than 1000"),
        ("workflow.id", "kept for the system"),
        ("workflow.name", "longer than 256"),
        ("workflow.timeout", "200 days"),
        ("workflow.instance_step_concurrency", "more than 1000"),
        ("workflow.time_triggers[0].cron", "minute"),
        ("workflow.time_triggers[1].cron", "never fires"),
        ("workflow.time_triggers[2].timezone", "not a time zone"),
        ("workflow.time_triggers[3].fuzzy_max_delay", "not a time"),
        ("workflow.signal_triggers[0].definitions", "no signal"),
        ("workflow.signal_triggers[1].definitions.b.join_keys", "join"),
        ("workflow.signal_triggers[1].condition", "not an expression"),
        ("workflow.steps[0].step.id", "two underscores"),
        ("workflow.steps[0].step.timeout", "does not fit"),
        ("workflow.steps[0].step.retry_policy.error_retry_limit", "does not fit"),
        ("workflow.steps[0].step.signal_outputs[0].params.k.type", "BOOLEAN"),
        ("workflow.steps[0].step.params.url", "is missing"),
    ] {
        assert_has(&bad, path, what);
    }
}

#[test]
fn steps_inside_loops_are_checked_like_the_others() {
    let nested = of_steps(json!([{ "foreach": { "id": "f", "params": {
        "loop_params": { "type": "MAP", "value": { "i": { "value": [1], "type": "LONG_ARRAY" } } } },
        "steps": [
            { "subworkflow": { "id": "s" } },
            { "step": { "id": "f", "type": "NoOp", "params": {
                "ok": { "expression": "i + loop_index", "type": "LONG" },
                "no": { "expression": "k", "type": "LONG" } } } } ] } }]));
    let inner = "workflow.steps[0].foreach.steps";
    assert_has(&nested, &format!("{inner}[0].subworkflow.params.subworkflow_id"), "is missing");
    assert_has(&nested, &format!("{inner}[1].step.id"), "twice");
    assert_has(&nested, &format!("{inner}[1].step.params.no.expression"), "refers to k");
    assert_eq!(nested.0.len(), 3, "{nested}");
}

#[test]
fn a_workflow_that_hears_all_that_it_raises_is_refused() {
    let raises = json!({ "step": { "id": "a", "type": "NoOp",
        "signal_outputs": [{ "name": "echo", "params": { "n": { "value": 1, "type": "LONG" } } }] } });
    let inside = json!({ "foreach": { "id": "f", "steps": [raises], "params": { "loop_params": { "type": "MAP",
        "value": { "i": { "value": [1], "type": "LONG_ARRAY" } } } } } });
    let of = |steps: &Value, trigger: Value| {
        problems(json!({}), json!({ "id": "w", "steps": steps, "signal_triggers": [trigger] }))
    };
    for steps in [json!([raises]), json!([inside])] {
        let endless = of(&steps, json!({ "definitions": { "echo": {} } }));
        assert_has(&endless, "workflow.signal_triggers[0].definitions.echo", "is raised by step a");
        for (name, trigger) in [
            ("another signal", json!({ "definitions": { "other": {} } })),
            ("two that must come together", json!({ "definitions": { "echo": {}, "other": {} } })),
            ("a condition", json!({ "definitions": { "echo": {} }, "condition": "1 < 0" })),
            (
                "what it is about",
                json!({ "definitions": { "echo": { "match_params": { "n": {
                "value": 2, "operator": "=" } } } } }),
            ),
        ] {
            assert_eq!(of(&steps, trigger), Problems::default(), "{name}");
        }
    }
}
