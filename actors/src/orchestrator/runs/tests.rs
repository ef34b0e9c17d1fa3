use std::collections::BTreeMap;

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value as Json, json};
use troupe_runtime::{Address, Timestamp};
use troupe_workflows::status::{InstanceStatus, StepStatus};

use super::world::World;
use super::{Act, ActOn, RunView, WorkflowRun};
use crate::coordination::signals::{Raise, Signal};
use crate::coordination::work_queues::{Failure, Outcome};
use crate::orchestrator::workflows::{RestartInstance, StopInstance, Workflow};
use crate::stored::NamedFields;

const SAMPLES: &str = include_str!("../../../../tests/vectors/maestro_samples.json");

/// The signals that the samples wait for.
const RAISED: [(&str, &[(&str, &str)]); 7] = [
    ("signal_a", &[("foo", "bat"), ("watermark", "12345"), ("updated_by", "x")]),
    ("signal_b", &[("bar", "baz"), ("watermark", "22222"), ("posted_by", "x")]),
    ("db/test/table1", &[("vtts_utc_dateint", "29990101"), ("vtts_utc_hour", "00")]),
    ("db/test/table2", &[("vtts_utc_dateint", "29990101"), ("vtts_utc_hour", "00")]),
    ("prod_db/foo/bar", &[("vtts_utc_dateint", "20260131")]),
    ("prod_db/foo/bar", &[("vtts_utc_dateint", "20260130")]),
    ("signal_b", &[("key2", "value2")]),
];

fn samples() -> BTreeMap<String, Json> {
    let file: Json = serde_json::from_str(SAMPLES).unwrap();
    let samples = file["samples"].as_object().unwrap().values();
    samples.map(|one| (one["workflow"]["id"].as_str().unwrap().to_owned(), one.clone())).collect()
}

fn done(output: Json) -> Outcome {
    Outcome::Done { output: NamedFields(output) }
}

fn status(view: &RunView, step: &str) -> StepStatus {
    view.iterations[0].steps.iter().find(|known| known.id == step).unwrap().status.0
}

/// Runs a sample's command in a shell.
fn shell(spec: &Json) -> Outcome {
    let words: Vec<String> = serde_json::from_value(spec["command"].clone()).unwrap();
    let env: BTreeMap<String, String> = serde_json::from_value(spec["env"].clone()).unwrap();
    let words: Vec<String> = words.iter().map(|word| word.replace("sleep 5", "true")).collect();
    let ran = std::process::Command::new(&words[0]).args(&words[1..]).envs(env).output().unwrap();
    match ran.status.success() {
        true => done(json!({ "stdout": String::from_utf8_lossy(&ran.stdout) })),
        false => Outcome::Failed { why: "it ended with 1".into(), kind: Failure::User },
    }
}

fn workflow(id: &str, steps: Json) -> Json {
    json!({ "properties": { "owner": "tester" }, "workflow": { "id": id, "steps": steps } })
}

#[test]
fn every_sample_runs_to_the_end_of_its_definition() {
    let mut world = World::new();
    let samples = samples();
    for sample in samples.values() {
        world.push(sample.clone()).unwrap();
    }
    for id in samples.keys() {
        // One sample starts by the signals that it joins.
        if id != "sample-signal-trigger-wf" {
            world.start(id, "r").unwrap();
        }
        let run = format!("{id}:1");
        for (name, params) in RAISED {
            let params = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            let (id, from) = (format!("{id} {params:?}"), "t".to_owned());
            let raise = Raise { id, from, at: Timestamp(1), params: params.collect() };
            world.tell(&Address::of::<Signal>(name), &raise).unwrap();
        }
        let view = world.until_over(&run, |grant| shell(&grant.spec.0));
        let fails = id == "sample-kubernetes-nonretryable-wf";
        let expected = if fails { InstanceStatus::Failed } else { InstanceStatus::Succeeded };
        assert_eq!(view.status.0, expected, "{id}: {view:?}");
    }
    assert!(world.dead.is_empty(), "{:?}", world.dead);
    assert!(world.largest < 200 << 10, "{} bytes in one decision", world.largest);
}

#[test]
fn a_tasks_output_decides_the_edges_and_is_sent_in_a_signal() {
    let mut world = World::new();
    let steps = json!([
        { "step": { "id": "train", "type": "Train", "params": { "algorithm": { "value": "ease", "type": "STRING" } },
            "transition": { "successors": { "evaluate": "true" } } } },
        { "step": { "id": "evaluate", "type": "Evaluate",
            "params": { "artifact": { "expression": "params.getFromStep('train', 'artifact')", "type": "STRING" },
                "vocabulary": { "expression": "params.getFromStep('train', 'artifact')", "type": "STRING" } },
            "transition": { "successors": { "publish": "params.getFromStep('evaluate', 'better')" } } } },
        { "step": { "id": "publish", "type": "Publish", "params": { "model": { "value": "m", "type": "STRING" },
            "publication": { "expression": "params.getFromStep('train', 'publication')", "type": "MAP" } },
            "signal_outputs": [{ "name": "model_trained", "params": {
                "version": { "expression": "params.getFromStep('publish', 'version')", "type": "LONG" } } }] } },
    ]);
    let mut definition = workflow("retrain", steps);
    definition["workflow"]["signal_triggers"] = json!([{ "definitions": { "drift": {} } }]);
    definition["is_active"] = json!(true);
    world.push(definition).unwrap();
    let raise =
        |id: &str| Raise { id: id.into(), from: "t".into(), at: Timestamp(1), params: BTreeMap::new() };
    for id in ["a", "a", "b"] {
        world.tell(&Address::of::<Signal>("drift"), &raise(id)).unwrap();
    }
    let work = |better: bool| {
        move |grant: &crate::coordination::work_queues::Grant| match grant.executor.as_str() {
            "train" => done(json!({ "artifact": "abc", "publication": { "artifact": "abc", "items": 3 } })),
            "evaluate" => {
                assert_eq!(grant.spec.0["artifact"], "abc");
                done(json!({ "better": better }))
            }
            _ => done(json!({ "model": "m", "version": 7 })),
        }
    };
    let first = world.until_over("retrain:1", work(true));
    assert_eq!(first.status.0, InstanceStatus::Succeeded, "{first:?}");
    let second = world.until_over("retrain:2", work(false));
    assert_eq!(status(&second, "publish"), StepStatus::Unsatisfied);
    assert_eq!(world.workflow("retrain").started, 2, "one instance for each raise");
    let signal =
        world.query(&Address::of::<Signal>("model_trained"), &crate::coordination::signals::GetSignal {});
    assert_eq!((signal.raised, signal.newest[0].params["version"].as_str()), (1, "7"));
}

#[test]
fn a_failure_is_retried_by_its_policy_and_a_hanging_task_times_out() {
    let mut world = World::new();
    let steps = json!([{ "step": { "id": "call", "type": "Http", "timeout": "10 seconds",
        "params": { "url": { "value": "http://127.0.0.1/", "type": "STRING" } },
        "retry_policy": { "error_retry_limit": 2, "timeout_retry_limit": 0 } } }]);
    world.push(workflow("calls", steps)).unwrap();
    world.start("calls", "a").unwrap();
    let mut tries = 0;
    let view = world.until_over("calls:1", |_| {
        tries += 1;
        Outcome::Failed { why: "500".into(), kind: Failure::User }
    });
    assert_eq!((tries, view.status.0), (3, InstanceStatus::Failed));
    assert_eq!(view.iterations[0].steps[0].history.len(), 2);
    world.start("calls", "b").unwrap();
    let held = world.claim();
    assert_eq!(held.len(), 1);
    while !world.view("calls:2").status.0.is_terminal() && world.step() {}
    let view = world.view("calls:2");
    assert_eq!(view.status.0, InstanceStatus::TimedOut, "{view:?}");
}

#[test]
fn a_hundred_thousand_iterations_end_and_each_runs_once() {
    let mut world = World::new();
    let array = |from: u64| json!((from..from + 317).collect::<Vec<u64>>());
    let steps = json!([{ "foreach": { "id": "each", "concurrency": 400,
        "params": { "loop_params": { "type": "MAP", "value": {
            "i": { "type": "LONG_ARRAY", "value": array(0) }, "j": { "type": "LONG_ARRAY", "value": array(5) } } } },
        "steps": [{ "step": { "id": "nothing", "type": "NoOp" } }] } }]);
    world.push(workflow("many", steps)).unwrap();
    world.start("many", "a").unwrap();
    let view = world.until_over("many:1", |_| panic!("no task is expected"));
    assert_eq!(view.status.0, InstanceStatus::Succeeded, "{view:?}");
    let (total, counts) = view.iterations[0].steps[0].iterations.unwrap();
    assert_eq!((total, counts.succeeded, counts.failed), (317 * 317, 317 * 317, 0));
    assert!(world.largest < 200 << 10, "{} bytes in one decision", world.largest);
}

#[test]
fn empty_loops_succeed_and_loops_over_a_billion_are_refused() {
    let days = |until: u32| format!("Util.dateIntsBetween(20200101, {until}, 1)");
    for (until, outcome) in [(20_200_101, InstanceStatus::Succeeded), (20_240_101, InstanceStatus::Failed)] {
        let mut world = World::new();
        let array = json!({ "type": "LONG_ARRAY", "expression": days(until) });
        let steps = json!([{ "foreach": { "id": "each", "params": { "loop_params": { "type": "MAP", "value": {
            "i": array, "j": array, "k": array } } },
            "steps": [{ "step": { "id": "nothing", "type": "NoOp" } }] } }]);
        world.push(workflow("w", steps)).unwrap();
        world.start("w", "a").unwrap();
        let view = world.until_over("w:1", |_| panic!("no task is expected"));
        assert_eq!(view.status.0, outcome, "{view:?}");
    }
}

#[test]
fn two_starts_of_one_request_are_one_instance() {
    let mut world = World::new();
    world.push(workflow("w", json!([{ "step": { "id": "a", "type": "Sleep" } }]))).unwrap();
    let (first, second) = (world.start("w", "same").unwrap(), world.start("w", "same").unwrap());
    assert_eq!((first.instance, first.fresh, second.instance, second.fresh), (Some(1), true, Some(1), false));
    assert_eq!(world.start("v", "x").unwrap_err().code, "NO_VERSION");
}

#[test]
fn a_stopped_instance_restarts_with_its_incomplete_steps() {
    let mut world = World::new();
    let steps = json!([
        { "step": { "id": "first", "type": "NoOp", "transition": { "successors": { "second": "true" } } } },
        { "step": { "id": "second", "type": "Http", "params": { "url": { "value": "http://h/", "type": "STRING" } } } },
    ]);
    world.push(workflow("w", steps)).unwrap();
    world.start("w", "a").unwrap();
    let w = Address::of::<Workflow>("w");
    let stop = StopInstance { instance: Some(1), request_id: None, why: "enough".into(), kill: false };
    assert_eq!(world.tell(&w, &stop).unwrap(), 1);
    let view = world.view("w:1");
    assert_eq!((view.status.0, status(&view, "second")), (InstanceStatus::Stopped, StepStatus::Stopped));
    assert!(world.claim().is_empty(), "its task was taken back");
    let restart = RestartInstance {
        instance: 1,
        seen: 1,
        at: super::RestartAt::Incomplete,
        params: NamedFields::default(),
        by: "t".into(),
    };
    let nowhere = RestartInstance { at: super::RestartAt::Step("third".into()), ..restart.clone() };
    assert_eq!(world.tell(&w, &nowhere).unwrap_err().field.as_deref(), Some("at"));
    assert_eq!(world.tell(&w, &restart).unwrap(), 2);
    let view = world.until_over("w:1", |_| done(json!({ "status": 200 })));
    assert_eq!((view.status.0, view.run), (InstanceStatus::Succeeded, 2));
    let attempts: Vec<u32> = view.iterations[0].steps.iter().map(|step| step.attempt).collect();
    assert_eq!(attempts, [1, 2], "what was complete is not done again");
}

#[test]
fn people_skip_pause_and_kill_steps() {
    let mut world = World::new();
    let steps = json!([
        { "step": { "id": "one", "type": "Http", "params": { "url": { "value": "http://h/", "type": "STRING" } },
            "transition": { "successors": { "two": "true" } } } },
        { "step": { "id": "two", "type": "Http", "params": { "url": { "value": "http://h/", "type": "STRING" } } } },
    ]);
    world.push(workflow("w", steps)).unwrap();
    let w = Address::of::<Workflow>("w");
    world.tell(&w, &crate::orchestrator::workflows::SetBreakpoint::at("two")).unwrap();
    world.start("w", "a").unwrap();
    let run = Address::of::<WorkflowRun>("w:1");
    let act = |step: &str, act| Act { step: step.into(), act, iteration: 0, by: "t".into() };
    world.tell(&run, &act("one", ActOn::Skip)).unwrap();
    let view = world.view("w:1");
    assert_eq!((status(&view, "one"), status(&view, "two")), (StepStatus::Skipped, StepStatus::Paused));
    assert_eq!(world.tell(&run, &act("none", ActOn::Skip)).unwrap_err().field.as_deref(), Some("step"));
    world.tell(&run, &act("two", ActOn::Resume)).unwrap();
    assert_eq!(world.claim().len(), 1);
    world.tell(&run, &act("two", ActOn::Kill)).unwrap();
    let view = world.view("w:1");
    assert_eq!((view.status.0, status(&view, "two")), (InstanceStatus::Failed, StepStatus::FatallyFailed));
}

#[test]
fn a_finally_failed_step_is_retried_while_others_run() {
    let mut world = World::new();
    let http = |id: &str| json!({ "step": { "id": id, "type": "Http", "params": { "url": { "value": "http://h/", "type": "STRING" } } } });
    world.push(workflow("w", json!([http("a"), http("b")]))).unwrap();
    world.start("w", "r").unwrap();
    let held = world.claim();
    let of = |step: &str| if step == "a" { ".0.1" } else { ".1.1" };
    let grant = |step: &str| held.iter().find(|grant| grant.id.ends_with(of(step))).unwrap();
    world.finish(grant("a"), Outcome::Failed { why: "no".into(), kind: Failure::Fatal });
    let view = world.view("w:1");
    assert_eq!((view.status.0, status(&view, "a")), (InstanceStatus::InProgress, StepStatus::FatallyFailed));
    let run = Address::of::<WorkflowRun>("w:1");
    let retry = |step: &str| Act { step: step.into(), act: ActOn::Retry, iteration: 0, by: "t".into() };
    assert_eq!(world.tell(&run, &retry("b")).unwrap_err().code, "WRONG_STATE");
    world.tell(&run, &retry("a")).unwrap();
    let again = world.claim();
    assert_eq!(again.len(), 1);
    world.finish(&again[0], done(json!({})));
    world.finish(grant("b"), done(json!({})));
    let view = world.view("w:1");
    assert_eq!((view.status.0, view.iterations[0].steps[0].attempt), (InstanceStatus::Succeeded, 2));
    assert_eq!(view.iterations[0].steps[0].history.len(), 1);
}

#[test]
fn every_instance_ends_and_reports_once_under_random_events() {
    for seed in 0..60 {
        let mut random = SmallRng::seed_from_u64(seed);
        let mut world = World::new();
        let http = |id: &str, next: Json| {
            json!({ "step": { "id": id, "type": "Http", "timeout": "60 seconds", "failure_mode": "FAIL_AFTER_RUNNING",
                "params": { "url": { "value": "http://h/", "type": "STRING" } },
                "transition": { "successors": next } } })
        };
        let steps = json!([
            http("a", json!({ "b": "true", "c": "true" })),
            http("b", json!({ "d": "true" })),
            { "foreach": { "id": "c", "concurrency": 3, "params": { "loop_params": { "type": "MAP", "value": {
                "i": { "type": "LONG_ARRAY", "value": [1, 2, 3, 4, 5] } } } },
                "steps": [http("inner", json!({}))], "transition": { "successors": { "d": "true" } } } },
            http("d", json!({})),
        ]);
        world.push(workflow("w", steps)).unwrap();
        for request in 0..3 {
            world.start("w", &request.to_string()).unwrap();
        }
        let mut held = Vec::new();
        let mut finished = BTreeMap::new();
        for _ in 0..400 {
            match random.random_range(0..8) {
                0..3 => held.extend(world.claim()),
                3..6 if !held.is_empty() => {
                    let grant: crate::coordination::work_queues::Grant =
                        held[random.random_range(0..held.len())].clone();
                    let outcome = match random.random_range(0..6) {
                        0 => Outcome::Failed { why: "no".into(), kind: Failure::User },
                        1 => Outcome::Failed { why: "no".into(), kind: Failure::Platform },
                        _ => done(json!({ "status": 200 })),
                    };
                    if world.finish(&grant, outcome) {
                        *finished.entry(grant.id).or_insert(0) += 1;
                    }
                }
                6 if random.random_range(0..30) == 0 => {
                    let stop =
                        StopInstance { instance: None, request_id: None, why: "t".into(), kill: false };
                    world.tell(&Address::of::<Workflow>("w"), &stop).unwrap();
                }
                _ => {
                    world.step();
                }
            }
        }
        assert!(finished.values().all(|times| *times == 1));
        for instance in 1..=3 {
            let known = world.workflow("w").instances;
            let known = known.iter().find(|one| one.instance == instance).unwrap();
            if known.run == 0 && known.status.0.is_terminal() {
                // It was stopped before it began.
                continue;
            }
            let view = world.until_over(&format!("w:{instance}"), |_| done(json!({ "status": 200 })));
            assert!(view.status.0.is_terminal());
        }
        let view = world.workflow("w");
        assert!(view.instances.iter().all(|one| one.status.0.is_terminal()), "seed {seed}: {view:?}");
        assert!(world.dead.is_empty(), "seed {seed}: {:?}", world.dead);
    }
}
