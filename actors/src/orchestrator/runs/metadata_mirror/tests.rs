use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use troupe_runtime::Address;

use super::super::world::World;
use crate::coordination::work_queues::{Failure, Grant, Outcome};
use crate::metadata::flows::{Flow, ListRuns, RunSummary};
use crate::metadata::lineage::{GetLineage, Lineage, LineageView};
use crate::metadata::runs::{GetRun, MutateTags, Run, RunView, Status};
use crate::metadata::tasks::{GetTasks, TaskView, Tasks, block_of};
use crate::orchestrator::runs::RestartAt;
use crate::orchestrator::workflows::{RestartInstance, Workflow};
use crate::stored::NamedFields;

fn done(output: Json) -> Outcome {
    Outcome::Done { output: NamedFields(output) }
}

fn typed(id: &str, sort: &str, next: Json) -> Json {
    let text = |value: &str| json!({ "value": value, "type": "STRING" });
    json!({ "step": { "id": id, "type": sort, "retry_policy": { "error_retry_limit": 1 },
        "params": { "algorithm": text("ease"), "model": text("m"), "artifact": text("abc"), "vocabulary": text("abc"),
            "publication": { "value": { "artifact": text("abc") }, "type": "MAP" } },
        "transition": { "successors": next } } })
}

fn retrain() -> Json {
    json!({ "properties": { "owner": "ann" }, "workflow": { "id": "retrain", "name": "Trains", "tags": ["nightly"],
        "steps": [typed("train", "Train", json!({ "evaluate": "true" })),
            typed("evaluate", "Evaluate", json!({ "publish": "params.getFromStep('evaluate', 'better')" })),
            typed("publish", "Publish", json!({}))] } })
}

fn works(grant: &Grant) -> Outcome {
    match grant.executor.as_str() {
        "train" => done(json!({ "artifact": "abc", "items": 3, "metrics": { "ndcg@10": 0.25 },
            "lineage": { "events": 1_000, "dataset": "cluster" } })),
        "evaluate" => done(json!({ "hr@10": 0.5, "better": true, "champion": 1 })),
        _ => done(json!({ "model": "m", "version": 7 })),
    }
}

fn run(world: &mut World, key: &str) -> RunView {
    world.query(&Address::of::<Run>(key), &GetRun {})
}

fn listed(world: &mut World, flow: &str) -> Vec<RunSummary> {
    world.query(&Address::of::<Flow>(flow), &ListRuns { before: None, limit: 500 })
}

fn task(world: &mut World, key: &str, step: &str) -> TaskView {
    let wanted =
        GetTasks { step: Some(step.to_owned()), records: true, artifacts: true, ..GetTasks::default() };
    let block = block_of(key, &format!("t-{step}"));
    let mut found = world.query(&Address::of::<Tasks>(block), &wanted);
    assert_eq!(found.len(), 1, "{key} {step}");
    found.remove(0)
}

fn said(task: &TaskView, field: &str) -> Vec<String> {
    let records = task.records.iter().filter(|record| record.said.field == field);
    records.map(|record| record.said.value.clone()).collect()
}

fn values(task: &TaskView) -> BTreeMap<&str, &str> {
    task.artifacts.iter().map(|made| (made.said.name.as_str(), made.said.location.as_str())).collect()
}

fn lineage(world: &mut World, node: &str) -> LineageView {
    world.query(&Address::of::<Lineage>(node), &GetLineage {})
}

fn nodes(links: &[crate::metadata::lineage::Link]) -> Vec<&str> {
    links.iter().map(|link| link.node.as_str()).collect()
}

#[test]
fn a_run_that_trains_evaluates_and_publishes_is_mirrored_with_its_results() {
    let mut world = World::new();
    world.push(retrain()).unwrap();
    world.start("retrain", "a").unwrap();
    world.until_over("retrain:1", works);
    let key = "retrain/maestro-1-1";
    let view = run(&mut world, key);
    assert_eq!((view.standing.status, view.standing.word.as_str()), (Status::Completed, "SUCCEEDED"));
    assert_eq!(view.standing.why, "run 1 of workflow retrain:1 SUCCEEDED");
    let begun = view.begun.unwrap();
    assert_eq!((begun.number, begun.made.user.as_deref()), (1, Some("ann")));
    assert_eq!(begun.made.tags, ["workflow:retrain:1", "nightly", "dataset:cluster", "model:m@7"]);
    let mut steps: Vec<(u64, &str)> =
        view.steps.iter().map(|(name, step)| (step.place, name.as_str())).collect();
    steps.sort_unstable();
    let steps: Vec<&str> = steps.into_iter().map(|(_, name)| name).collect();
    assert_eq!(steps, ["_parameters", "train", "evaluate", "publish", "end"]);
    let metrics: BTreeMap<&str, f64> =
        view.metrics.iter().map(|(name, point)| (name.as_str(), point.value)).collect();
    let expected = [("champion", 1.0), ("hr@10", 0.5), ("items", 3.0), ("ndcg@10", 0.25), ("rows", 1_000.0)];
    assert_eq!(metrics, expected.into());

    let train = task(&mut world, key, "train");
    assert_eq!(
        (said(&train, "attempt"), said(&train, "attempt_ok")),
        (vec!["0".to_owned()], vec!["True".to_owned()])
    );
    assert_eq!(said(&train, "maestro-status"), ["SUCCEEDED"]);
    let made = values(&train);
    assert_eq!((made["artifact"], made["algorithm"], made["_success"]), ("\"abc\"", "\"ease\"", "true"));
    let end = task(&mut world, key, "end");
    let made = values(&end);
    assert_eq!(
        (made["hr_10"], made["model"], made["version"], made["_task_ok"]),
        ("0.5", "\"m\"", "7", "true")
    );

    // Lineage: edges from workflow and data to the run and from the run to the version, and no edge back.
    let (up, down) = {
        let node = lineage(&mut world, &format!("run:{key}"));
        let owned = |nodes: Vec<&str>| nodes.into_iter().map(str::to_owned).collect::<Vec<_>>();
        (owned(nodes(&node.from)), owned(nodes(&node.to)))
    };
    assert_eq!(up, ["workflow:retrain:1", "dataset:cluster"]);
    assert_eq!(down, ["model:m@7"]);
    let mutate = MutateTags { add: vec!["seen".into()], remove: Vec::new() };
    world.tell(&Address::of::<Run>(key), &mutate).unwrap();
    let version = lineage(&mut world, "model:m@7");
    assert!(nodes(&version.to).is_empty(), "an added tag makes no edge of the earlier tags");
    assert!(nodes(&version.from).contains(&"artifact:retrain/maestro-1-1/publish/t-publish/version"));

    let [summary] = &listed(&mut world, "retrain")[..] else { panic!("one run") };
    assert_eq!((summary.run.as_str(), summary.status), ("maestro-1-1", Status::Completed));
    assert_eq!(summary.why, view.standing.why);
    assert!(world.dead.is_empty(), "{:?}", world.dead);
}

#[test]
fn a_mirrored_run_is_running_as_long_as_its_workflow_without_heartbeats() {
    let mut world = World::new();
    let mut definition = retrain();
    let wait = json!({ "step": { "id": "wait", "type": "Sleep", "timeout": "10 days",
        "params": { "sleep_seconds": { "value": 700_000, "type": "LONG" } }, "transition": { "successors": { "train": "true" } } } });
    definition["workflow"]["steps"].as_array_mut().unwrap().insert(0, wait);
    world.push(definition).unwrap();
    world.start("retrain", "a").unwrap();
    let key = "retrain/maestro-1-1";
    world.now += 600_000_000;
    assert_eq!(run(&mut world, key).standing.status, Status::Running);
    assert_eq!(listed(&mut world, "retrain")[0].status, Status::Running);
    world.until_over("retrain:1", works);
    assert_eq!(run(&mut world, key).standing.status, Status::Completed);
    assert!(world.dead.is_empty(), "{:?}", world.dead);
}

#[test]
fn each_attempt_is_mirrored_and_a_failed_run_names_its_step() {
    let mut world = World::new();
    world.push(retrain()).unwrap();
    world.start("retrain", "a").unwrap();
    world.until_over("retrain:1", |grant| match grant.executor.as_str() {
        "evaluate" => Outcome::Failed { why: "hr@10 is 0.1".into(), kind: Failure::User },
        _ => works(grant),
    });
    let key = "retrain/maestro-1-1";
    let view = run(&mut world, key);
    assert_eq!((view.standing.status, view.standing.word.as_str()), (Status::Failed, "FAILED"));
    assert!(
        view.standing.why.starts_with("run 1 of workflow retrain:1 FAILED: step evaluate: "),
        "{:?}",
        view.standing
    );
    assert!(view.standing.why.ends_with("hr@10 is 0.1"), "{:?}", view.standing);
    assert!(!view.steps.contains_key("end") && !view.steps.contains_key("publish"));
    let evaluate = task(&mut world, key, "evaluate");
    assert_eq!(said(&evaluate, "attempt"), ["0", "1"]);
    assert_eq!(said(&evaluate, "attempt_ok"), ["False", "False"]);
    assert_eq!(evaluate.attempt, Some((1, false)));
    assert_eq!(said(&evaluate, "maestro-why"), ["hr@10 is 0.1", "hr@10 is 0.1"]);

    // The next run of the instance is mirrored separately; complete steps are in both.
    let restart = RestartInstance {
        instance: 1,
        seen: 1,
        at: RestartAt::Incomplete,
        params: NamedFields::default(),
        by: "ann".into(),
    };
    world.tell(&Address::of::<Workflow>("retrain"), &restart).unwrap();
    world.until_over("retrain:1", works);
    let key = "retrain/maestro-1-2";
    assert_eq!(run(&mut world, key).standing.status, Status::Completed);
    assert_eq!(said(&task(&mut world, key, "_parameters"), "origin-run-id"), ["maestro-1-1"]);
    assert_eq!(said(&task(&mut world, key, "train"), "attempt_ok"), ["True"]);
    assert_eq!(
        said(&task(&mut world, key, "evaluate"), "attempt_ok"),
        ["True"],
        "only the attempt of this run"
    );
    let runs: Vec<(String, Status)> =
        listed(&mut world, "retrain").into_iter().map(|run| (run.run, run.status)).collect();
    let expected = [("maestro-1-2", Status::Completed), ("maestro-1-1", Status::Failed)];
    assert_eq!(runs, expected.map(|(run, status)| (run.to_owned(), status)));
    assert!(world.dead.is_empty(), "{:?}", world.dead);
}

#[test]
fn a_run_without_learning_steps_is_mirrored_only_with_the_tag() {
    for (tags, runs) in [(json!([]), 0), (json!(["metaflow"]), 1)] {
        let mut world = World::new();
        let steps = json!([{ "step": { "id": "end", "type": "NoOp" } }]);
        let definition = json!({ "properties": { "owner": "t" }, "workflow": { "id": "plain", "tags": tags, "steps": steps } });
        world.push(definition).unwrap();
        world.start("plain", "a").unwrap();
        world.until_over("plain:1", |_| panic!("no task is expected"));
        assert_eq!(listed(&mut world, "plain").len(), runs);
        let steps = run(&mut world, "plain/maestro-1-1").steps;
        let steps: Vec<&str> = steps.keys().map(String::as_str).collect();
        let expected = if runs == 0 { vec![] } else { vec!["_parameters", "end", "end__"] };
        assert_eq!(steps, expected);
        assert!(world.dead.is_empty(), "{:?}", world.dead);
    }
}

#[test]
fn long_names_are_cut_and_large_values_left_out_without_a_refusal() {
    let mut world = World::new();
    let (id, step) = ("w".repeat(128), "s".repeat(120));
    let steps = json!([typed(&step, "Train", json!({}))]);
    let definition = json!({ "properties": { "owner": "t" }, "workflow": { "id": id, "steps": steps } });
    world.push(definition).unwrap();
    world.start(&id, "a").unwrap();
    world.until_over(&format!("{id}:1"), |_| {
        let many: serde_json::Map<String, Json> = (0..90)
            .map(|i| (format!("{i} é"), json!("x".repeat(if i == 0 { 3_000 } else { 500 }))))
            .collect();
        done(Json::Object(many))
    });
    let key = super::run_key_of(&id, 1, 1);
    let view = run(&mut world, &key);
    assert_eq!(view.standing.status, Status::Completed);
    assert_eq!(view.begun.unwrap().number, 1);
    assert!(world.dead.is_empty(), "{:?}", world.dead);
    assert!(world.largest < 1 << 20, "{} bytes in one decision", world.largest);
}
