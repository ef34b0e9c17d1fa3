use serde_json::json;

use super::{Doing, WorkError, doing, marked, output};
use crate::Ordered;
use crate::definition::{Step, Submission};
use crate::expression::Limits;
use crate::params::{NoFacts, Parameters, Run, Value, evaluate, step_params};

fn prepared(step: serde_json::Value) -> (Step, Parameters) {
    let json = json!({ "workflow": { "id": "w", "steps": [step] } });
    let read = Submission::from_json(json.to_string().as_bytes()).unwrap();
    let step = read.workflow.steps[0].clone();
    let mut params = step_params(&step, &Ordered::new(), &Run::launch(Ordered::new())).unwrap();
    evaluate(&mut params, &[], &NoFacts::default(), &Limits::DEFAULT).unwrap();
    (step, params)
}

fn typed(step_type: &str, params: serde_json::Value) -> Result<Doing, WorkError> {
    let (step, params) = prepared(json!({ "step": { "id": "s", "type": step_type, "params": params } }));
    doing(&step, &params)
}

fn outside(executor: &str, spec: serde_json::Value) -> Result<Doing, WorkError> {
    Ok(Doing::Outside { executor: executor.to_owned(), spec })
}

#[test]
fn types_become_work() {
    let marks = json!({ "MAESTRO_OUTPUT_START": "MAESTRO_OUTPUT_START_TOKEN", "MAESTRO_OUTPUT_END": "MAESTRO_OUTPUT_END_TOKEN" });
    assert_eq!(typed("noop", json!({})), Ok(Doing::Nothing));
    assert_eq!(typed("join", json!({})), Ok(Doing::Nothing));
    assert_eq!(typed("sleep", json!({})), Ok(Doing::Sleep { ms: 3000 }));
    assert_eq!(
        typed("Sleep", json!({ "sleep_seconds": { "value": 15, "type": "LONG" } })),
        Ok(Doing::Sleep { ms: 15_000 })
    );
    let http =
        json!({ "http": { "type": "MAP", "value": { "url": { "value": "http://x", "type": "STRING" } } } });
    assert_eq!(typed("http", http), outside("http", json!({ "url": "http://x" })));
    let train =
        json!({ "algorithm": { "value": "ease", "type": "STRING" }, "seed": { "value": 7, "type": "LONG" } });
    assert_eq!(typed("Train", train), outside("train", json!({ "algorithm": "ease", "seed": 7 })));
    let pod = json!({ "kubernetes": { "type": "MAP", "value": {
        "image": { "value": "busybox", "type": "STRING" },
        "command": { "value": ["echo"], "type": "STRING_ARRAY" },
        "args": { "value": ["hello", "world"], "type": "STRING_ARRAY" } } } });
    assert_eq!(
        typed("kubernetes", pod),
        outside("command", json!({ "command": ["echo", "hello", "world"], "env": marks }))
    );
    let parameters = json!({ "type": "MAP", "value": { "version": { "value": 4, "type": "LONG" } } });
    let deliver = json!({ "pipeline": { "value": "deliver", "type": "STRING" }, "parameters": parameters });
    let deploy = |wait: bool| {
        Ok(Doing::Deploy { pipeline: "deliver".into(), parameters: json!({ "version": 4 }), wait })
    };
    assert_eq!(typed("deploy", deliver.clone()), deploy(true));
    let mut goes_on = deliver;
    goes_on["wait"] = json!({ "value": false, "type": "BOOLEAN" });
    assert_eq!(typed("Deploy", goes_on), deploy(false));
    let script = json!({ "script": { "value": "echo hi", "type": "STRING" } });
    let line = json!({ "command": ["/bin/sh", "-c", "echo hi"], "env": marks });
    assert_eq!(typed("notebook", script.clone()), outside("command", line.clone()));
    assert_eq!(typed("command", script), outside("command", line));
}

#[test]
fn work_that_cannot_begin_names_the_parameter() {
    for (step_type, params, expected) in [
        (
            "sleep",
            json!({ "sleep_seconds": { "value": -1, "type": "LONG" } }),
            "params.sleep_seconds is -1; write seconds",
        ),
        ("command", json!({}), "params.command.command is missing"),
        ("notebook", json!({}), "params.notebook is missing"),
        (
            "deploy",
            json!({ "pipeline": { "value": " ", "type": "STRING" } }),
            "params.pipeline is \" \"; name the pipeline",
        ),
        (
            "deploy",
            json!({ "pipeline": { "value": "p", "type": "STRING" }, "parameters": { "value": "x", "type": "STRING" } }),
            "params.parameters is \"x\"; make it a map",
        ),
        (
            "deploy",
            json!({ "pipeline": { "value": "p", "type": "STRING" }, "wait": { "value": "no", "type": "STRING" } }),
            "params.wait is \"no\"; make it true",
        ),
    ] {
        let error = typed(step_type, params).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let (step, params) = prepared(json!({ "foreach": { "id": "f", "steps": [], "params": {
        "loop_params": { "type": "MAP", "value": { "i": { "expression": "1", "type": "LONG" } } } } } }));
    assert!(
        doing(&step, &params).unwrap_err().to_string().contains("loop_params.i is a long; make it an array")
    );
}

#[test]
fn a_commands_output_stands_between_its_last_marks() {
    let (start, end) = ("MAESTRO_OUTPUT_START_TOKEN", "MAESTRO_OUTPUT_END_TOKEN");
    assert_eq!(marked(&format!("a {start}1{end} b {start}2{end} c")), Some("2"));
    assert_eq!(marked(&format!("{end} {start}")), None);
    assert_eq!(marked("nothing"), None);
    let listed = format!("MAESTRO_OUTPUT_START={start}\nHOME=/\nMAESTRO_OUTPUT_END={end}\n");
    assert_eq!(marked(&listed), None, "the environment as env lists it");
    assert_eq!(marked(&format!("{start}3{end}\n{listed}")), Some("3"));
    let printed = json!({ "params": { "foo": { "value": "bar", "type": "STRING", "evaluated_result": "bar" } },
        "artifacts": { "maestro_retry": { "type": "RETRY", "retryable": false },
            "maestro_dynamic_output": { "signal_outputs": [
                { "value": { "name": { "value": "table", "type": "STRING" } }, "type": "MAP",
                  "evaluated_result": { "name": "table", "rows": 3 } }] } } });
    let read = output(&json!({ "code": 0, "stdout": format!("log\n{start}{printed}{end}\n") })).unwrap();
    assert_eq!(read.params["foo"].evaluated, Some("bar".into()));
    assert_eq!(read.retryable, Some(false));
    assert_eq!(read.signals, [("table".to_owned(), Ordered::from([("rows".to_owned(), Value::Long(3))]))]);
    assert_eq!(output(&printed).unwrap(), read, "other executors answer with the object itself");
    assert!(output(&json!({ "stdout": format!("{start}not json{end}") })).is_err());
    assert_eq!(output(&json!({ "status": 200 })).unwrap(), super::Output::default());
}
