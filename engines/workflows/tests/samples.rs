//! Maestro's sample workflows, run to their end by a minimal engine: the pure functions make all decisions, and a shell
//! runs the commands.

#![cfg(test)]

use std::cell::RefCell;
use std::collections::HashMap;

use troupe_workflows::Ordered;
use troupe_workflows::definition::{ParamSource, Step, StepKind, Submission, Workflow};
use troupe_workflows::expression::Limits;
use troupe_workflows::graph::{Graph, StepState, next, settle};
use troupe_workflows::loops::carry;
use troupe_workflows::params::{
    Facts, Lookup, Parameters, Run, Scope, Value, evaluate, evaluate_one, evaluate_workflow, merge_outputs,
    step_params, workflow_params,
};
use troupe_workflows::status::{InstanceStatus, StepStatus};
use troupe_workflows::tree::Tree;
use troupe_workflows::work::{Doing, doing, output};

/// 2026-01-31T12:34:56.789Z
const NOW: i64 = 1_769_862_896_789;

fn samples() -> HashMap<String, Submission> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/maestro_samples.json");
    let tree = Tree::json(&std::fs::read(path).unwrap()).unwrap();
    let Some(Tree::Map(samples)) = tree.get("samples") else { panic!("no samples") };
    let read = samples.iter().map(|(_, tree)| Submission::from_tree(tree).unwrap());
    read.map(|read| (read.workflow.id.clone(), read)).collect()
}

/// The facts of steps, signals and instances.
#[derive(Default)]
struct World {
    steps: RefCell<HashMap<String, Parameters>>,
}

impl Facts for World {
    fn now_ms(&self) -> i64 {
        NOW
    }

    fn seed(&self) -> u64 {
        11
    }

    fn of_instance(&self, field: &str) -> Option<Value> {
        (field == "RUN_POLICY").then(|| "START_FRESH_NEW_RUN".into())
    }

    fn of_own_step(&self, field: &str) -> Option<Value> {
        (field == "MAESTRO_STEP_ERROR_RETRIES").then_some(Value::Long(0))
    }

    fn is_step(&self, step: &str) -> bool {
        self.steps.borrow().contains_key(step)
    }

    fn of_step(&self, step: &str, param: &str) -> Option<Value> {
        self.steps.borrow().get(step)?.get(param)?.evaluated.clone()
    }

    fn of_trigger(&self, param: &str) -> Option<Value> {
        (param == "foo").then(|| "bar".into())
    }

    fn of_signal(&self, signal: &str, param: &str) -> Option<Value> {
        (signal == "signal_a" && param == "watermark").then_some(Value::Long(12_345))
    }

    fn of_signal_dependency(&self, index: usize, param: &str) -> Option<Value> {
        (index == 0 && param == "vtts_utc_dateint").then(|| "20260131".into())
    }
}

struct Engine {
    all: HashMap<String, Submission>,
    /// Leaf steps that have run.
    ran: RefCell<u64>,
}

type Ended = (InstanceStatus, Ordered<(StepStatus, Parameters)>);

impl Engine {
    fn workflow(&self, workflow: &Workflow, run: &Run) -> Ended {
        let world = World::default();
        let mut params = workflow_params(workflow, run).unwrap();
        evaluate_workflow(&mut params, &world, &Limits::DEFAULT).unwrap();
        self.list(&workflow.steps, &[&params], &world)
    }

    fn list(&self, steps: &[Step], outer: &[&dyn Lookup], world: &World) -> Ended {
        let graph = Graph::of(steps).unwrap();
        let mut states = vec![StepState::new(); steps.len()];
        let mut ended: Ordered<(StepStatus, Parameters)> = Ordered::new();
        loop {
            let next = next(&graph, &states);
            for place in next.unsatisfied {
                states[place].status = StepStatus::Unsatisfied;
                ended.insert(steps[place].id.clone(), (StepStatus::Unsatisfied, Parameters::new()));
            }
            if let Some(outcome) = next.outcome {
                return (outcome, ended);
            }
            assert!(!next.ready.is_empty(), "stuck");
            for place in next.ready {
                let (status, params) = self.step(&steps[place], outer, world);
                let mut layers: Vec<&dyn Lookup> = vec![&params];
                layers.extend(outer);
                let scope = Scope::new(&layers, world);
                let ways = graph.successors(place).iter();
                states[place].edges_taken = if status.is_complete() {
                    ways.map(|edge| scope.holds("transition", &edge.condition).unwrap()).collect()
                } else {
                    Vec::new()
                };
                states[place].status = status;
                world.steps.borrow_mut().insert(steps[place].id.clone(), params.clone());
                ended.insert(steps[place].id.clone(), (status, params));
            }
        }
    }

    fn step(&self, step: &Step, outer: &[&dyn Lookup], world: &World) -> (StepStatus, Parameters) {
        let mut params = step_params(step, &Ordered::new(), &Run::launch(Ordered::new())).unwrap();
        evaluate(&mut params, outer, world, &Limits::DEFAULT).unwrap();
        let mut layers: Vec<&dyn Lookup> = vec![&params];
        layers.extend(outer);
        let scope = Scope::new(&layers, world);
        for signal in &step.signal_dependencies {
            for (name, wanted) in &signal.match_params {
                evaluate_one(name, &wanted.param, &scope).unwrap();
            }
        }
        let status = match doing(step, &params).unwrap() {
            Doing::Nothing | Doing::Sleep { .. } => {
                *self.ran.borrow_mut() += 1;
                StepStatus::Succeeded
            }
            Doing::Outside { executor, spec } => {
                assert_eq!(executor, "command");
                let (status, answer) = shell(&spec);
                let output = output(&answer).unwrap();
                if status == StepStatus::Succeeded {
                    merge_outputs(&mut params, &output.params, NOW).unwrap();
                }
                settle(status, output.retryable.unwrap_or(false), step.failure_mode_or_default())
            }
            Doing::Deploy { .. } => panic!("nothing is delivered here"),
            Doing::Subworkflow { id, version, .. } => {
                assert_eq!(version, "latest");
                let passed = params
                    .iter()
                    .filter(|(name, _)| !name.starts_with("subworkflow_"))
                    .map(|(name, param)| (name.clone(), param.passed_down()))
                    .collect();
                let run =
                    Run { source: ParamSource::Subworkflow, upstream: true, params: passed, before: None };
                of_instance(self.workflow(&self.all[&id].workflow, &run).0)
            }
            Doing::Foreach { combinations, .. } => {
                let each = (0..combinations.count()).map(|index| combinations.get(index).unwrap());
                let mut statuses = each.map(|values| {
                    let mut layers: Vec<&dyn Lookup> = vec![&values, &params];
                    layers.extend(outer);
                    of_instance(self.list(step.inner(), &layers, &World::default()).0)
                });
                statuses.find(|status| *status != StepStatus::Succeeded).unwrap_or(StepStatus::Succeeded)
            }
            Doing::While { first } => self.repeat(step, &params, outer, first),
            Doing::Template { .. } => panic!("no templates here"),
        };
        (status, params)
    }

    fn repeat(
        &self,
        step: &Step,
        params: &Parameters,
        outer: &[&dyn Lookup],
        first: Ordered<Value>,
    ) -> StepStatus {
        let StepKind::While { condition, steps } = &step.kind else { panic!("no while") };
        let mut values = first;
        for _ in 0..1000 {
            let mut layers: Vec<&dyn Lookup> = vec![&values, params];
            layers.extend(outer);
            let world = World::default();
            if !Scope::new(&layers, &world).holds("condition", condition).unwrap() {
                return StepStatus::Succeeded;
            }
            let (status, ended) = self.list(steps, &layers, &world);
            if status != InstanceStatus::Succeeded {
                return of_instance(status);
            }
            values = carry(&values, ended.values().map(|(_, params)| params));
        }
        panic!("a while without end")
    }
}

fn of_instance(status: InstanceStatus) -> StepStatus {
    match status {
        InstanceStatus::Succeeded => StepStatus::Succeeded,
        _ => StepStatus::FatallyFailed,
    }
}

fn shell(spec: &serde_json::Value) -> (StepStatus, serde_json::Value) {
    let words: Vec<String> = serde_json::from_value(spec["command"].clone()).unwrap();
    let env: HashMap<String, String> = serde_json::from_value(spec["env"].clone()).unwrap();
    let words: Vec<String> = words.iter().map(|word| word.replace("sleep 5", "true")).collect();
    let ran = std::process::Command::new(&words[0]).args(&words[1..]).envs(env).output().unwrap();
    let status = if ran.status.success() { StepStatus::Succeeded } else { StepStatus::UserFailed };
    (status, serde_json::json!({ "stdout": String::from_utf8_lossy(&ran.stdout) }))
}

#[test]
fn every_sample_ends_in_the_state_of_its_definition() {
    let engine = Engine { all: samples(), ran: RefCell::default() };
    for (id, sample) in &engine.all {
        let (status, ended) = engine.workflow(&sample.workflow, &Run::launch(Ordered::new()));
        let fails = id == "sample-kubernetes-nonretryable-wf";
        let expected = if fails { InstanceStatus::Failed } else { InstanceStatus::Succeeded };
        assert_eq!(status, expected, "{id}: {ended:?}");
    }
}

#[test]
fn the_samples_take_the_expected_edges_and_compute_the_expected_values() {
    let engine = Engine { all: samples(), ran: RefCell::default() };
    let run = |id: &str| engine.workflow(&engine.all[id].workflow, &Run::launch(Ordered::new())).1;
    let conditional = run("sample-conditional-wf");
    let status = |ended: &Ordered<(StepStatus, Parameters)>, id: &str| ended[id].0;
    let value = |ended: &Ordered<(StepStatus, Parameters)>, id: &str, param: &str| {
        ended[id].1[param].evaluated.clone()
    };
    for (id, expected) in [
        ("job.3", StepStatus::Succeeded),
        ("job.4", StepStatus::Unsatisfied),
        ("job.5", StepStatus::Unsatisfied),
        ("job.6", StepStatus::Succeeded),
        ("job.7", StepStatus::Succeeded),
    ] {
        assert_eq!(status(&conditional, id), expected, "{id}");
    }
    assert_eq!(value(&conditional, "job.7", "param5"), Some(Value::Long(15)));
    let third = run("sample-dag-test-3");
    assert_eq!(value(&third, "job.2", "sleep_seconds"), Some(Value::Long(16)));
    assert_eq!(value(&third, "job.2", "param1"), Some("161".into()));
    assert_eq!(value(&third, "job.2", "param2"), Some("15 + 1".into()));
    assert_eq!(value(&third, "job.2", "vtts_ts"), Some(Value::Long(1_769_860_800)));
    let eighth = run("sample-dag-test-8");
    assert_eq!(status(&eighth, "job.3"), StepStatus::Unsatisfied);
    assert_eq!(status(&eighth, "job.4"), StepStatus::Succeeded);
    let env = run("sample-kubernetes-env-wf");
    assert_eq!(value(&env, "job1", "foo"), Some("bar".into()));
    assert_eq!(status(&env, "end"), StepStatus::Succeeded);
    let signal = run("sample-signal-trigger-wf");
    assert_eq!(value(&signal, "job.1", "param2"), Some(Value::Long(12_345)));
    *engine.ran.borrow_mut() = 0;
    run("sample-large-foreach-wf");
    assert_eq!(engine.ran.take(), 366 * 3 * 2);
    run("sample-while-wf");
    assert_eq!(engine.ran.take(), 5);
    run("sample-nested-foreach-wf");
    assert_eq!(engine.ran.take(), (1 + 2 + 3) * 2);
}
