//! Deploy steps.

use serde_json::{Value as Json, json};
use troupe_runtime::Address;
use troupe_workflows::status::{InstanceStatus, StepStatus};

use super::world::World;
use super::{StepView, WorkflowRun};
use crate::coordination::work_queues::Grant;
use crate::delivery::executions::{Cancel, Deployment, GetDeployment, Judge, Run, Status};
use crate::delivery::pipelines::{GetPipeline, Pipeline, PipelineView, PutPipeline};
use crate::stored::NamedFields;

/// A pipeline with a manual judgment.
fn asks(world: &mut World) {
    let definition = json!({ "name": "deliver", "application": "a", "keepWaitingPipelines": true,
        "parameterConfig": [{ "name": "version", "required": true }],
        "stages": [{ "refId": "ask", "type": "manualJudgment" }] });
    let put = PutPipeline { definition: NamedFields(definition), by: "t".into() };
    world.tell(&Address::of::<Pipeline>("deliver"), &put).unwrap();
}

fn deploys(world: &mut World, more: Json) {
    let mut step = json!({ "id": "deliver", "type": "Deploy", "params": {
        "pipeline": { "value": "deliver", "type": "STRING" },
        "parameters": { "type": "MAP", "value": { "version": { "value": 4, "type": "LONG" } } } } });
    for (name, value) in more.as_object().unwrap() {
        match (name.as_str(), value) {
            ("params", Json::Object(params)) => {
                step["params"].as_object_mut().unwrap().extend(params.clone());
            }
            _ => step[name] = value.clone(),
        }
    }
    let definition = json!({ "properties": { "owner": "t", "run_strategy": "FIRST_ONLY" },
        "workflow": { "id": "w", "steps": [{ "step": step }] } });
    world.push(definition).unwrap();
    world.start("w", "a").unwrap();
}

fn step(world: &mut World) -> StepView {
    world.view("w:1").iterations[0].steps[0].clone()
}

fn run(world: &mut World, key: &str) -> Run {
    world.query(&Address::of::<Deployment>(key), &GetDeployment {}).0
}

fn executions(world: &mut World) -> usize {
    let view: PipelineView = world.query(&Address::of::<Pipeline>("deliver"), &GetPipeline {});
    view.executions.0.len()
}

fn judge(world: &mut World, judgment: &str) {
    let judge =
        Judge { stage: "ask".into(), judgment: judgment.into(), option: String::new(), by: "ann".into() };
    world.tell(&Address::of::<Deployment>("deliver:1"), &judge).unwrap();
}

fn no_task(_: &Grant) -> crate::coordination::work_queues::Outcome {
    panic!("no task is expected")
}

#[test]
fn a_step_waits_for_its_execution_and_returns_the_result() {
    let mut world = World::new();
    asks(&mut world);
    deploys(&mut world, json!({}));
    let waits = step(&mut world);
    assert_eq!(waits.status.0, StepStatus::Running);
    assert_eq!(waits.progress.map(|(words, _)| words).as_deref(), Some("it waits for deliver:1"));
    let begun = run(&mut world, "deliver:1").begun.unwrap();
    assert_eq!((begun.parameters["version"].as_i64(), begun.by.as_str()), (Some(4), "w:1"));
    assert_eq!(begun.trigger["type"], "workflow");
    // The workflow runs during the execution, so another start stops itself.
    world.start("w", "b").unwrap();
    let instances = world.workflow("w").instances;
    let second = instances.iter().find(|instance| instance.instance == 2).unwrap();
    assert_eq!(second.status.0, InstanceStatus::Stopped);
    judge(&mut world, "continue");
    let over = world.until_over("w:1", no_task);
    assert_eq!(over.status.0, InstanceStatus::Succeeded);
    assert_eq!(step(&mut world).output.0, json!({ "execution": "deliver:1", "status": "SUCCEEDED" }));
    assert_eq!((executions(&mut world), world.dead.len()), (1, 0));
}

#[test]
fn a_failed_execution_fails_its_step_finally_with_the_reason() {
    let mut world = World::new();
    asks(&mut world);
    deploys(&mut world, json!({}));
    judge(&mut world, "stop");
    let over = world.until_over("w:1", no_task);
    assert_eq!(over.status.0, InstanceStatus::Failed);
    assert!(over.why.contains("deliver:1 is TERMINAL") && over.why.contains("ann said stop"), "{}", over.why);
    assert_eq!((executions(&mut world), world.dead.len()), (1, 0), "a verdict is not asked for twice");
}

#[test]
fn a_step_without_wait_completes_when_the_execution_begins() {
    let mut world = World::new();
    asks(&mut world);
    deploys(&mut world, json!({ "params": { "wait": { "value": false, "type": "BOOLEAN" } } }));
    let over = world.until_over("w:1", no_task);
    assert_eq!(over.status.0, InstanceStatus::Succeeded);
    assert_eq!(run(&mut world, "deliver:1").status, Status::Running);
    judge(&mut world, "stop");
    assert_eq!((step(&mut world).status.0, world.dead.len()), (StepStatus::Succeeded, 0));
}

#[test]
fn a_stopped_or_late_step_cancels_its_execution() {
    for timeout in [false, true] {
        let mut world = World::new();
        asks(&mut world);
        deploys(&mut world, if timeout { json!({ "timeout": "5 minutes" }) } else { json!({}) });
        if !timeout {
            let stop = super::Stop { why: "enough".into(), kill: false };
            world.tell(&Address::of::<WorkflowRun>("w:1"), &stop).unwrap();
        }
        let over = world.until_over("w:1", no_task);
        let expected = if timeout { InstanceStatus::TimedOut } else { InstanceStatus::Stopped };
        assert_eq!(over.status.0, expected, "{}", over.why);
        assert_eq!(run(&mut world, "deliver:1").status, Status::Canceled);
        assert!(world.dead.is_empty(), "{:?}", world.dead);
    }
}

#[test]
fn a_pipeline_that_starts_nothing_is_retried_by_the_steps_policy() {
    let mut world = World::new();
    let retry = json!({ "retry_policy": { "error_retry_limit": 1 } });
    deploys(&mut world, retry);
    let over = world.until_over("w:1", no_task);
    assert_eq!(over.status.0, InstanceStatus::Failed);
    assert!(over.why.contains("UNKNOWN_PIPELINE: unknown pipeline \"deliver\""), "{}", over.why);
    assert_eq!(step(&mut world).attempt, 2);
    // The second attempt finds the pipeline.
    let mut world = World::new();
    deploys(&mut world, json!({ "retry_policy": { "error_retry_limit": 1 } }));
    asks(&mut world);
    assert!(world.step(), "the time of the second try");
    judge(&mut world, "continue");
    assert_eq!(world.until_over("w:1", no_task).status.0, InstanceStatus::Succeeded);
}

#[test]
fn a_cancelled_execution_ends_its_step() {
    let mut world = World::new();
    asks(&mut world);
    deploys(&mut world, json!({}));
    let cancel = Cancel { by: "ann".into(), why: "not today".into() };
    world.tell(&Address::of::<Deployment>("deliver:1"), &cancel).unwrap();
    let over = world.until_over("w:1", no_task);
    assert!(over.why.contains("deliver:1 is CANCELED: not today"), "{}", over.why);
}
