//! How each type of stage begins: a function from the run and the definition to a [`Plan`]. The turn applies the plan.

use serde_json::{Map, Value, json};
use troupe_runtime::{Address, Context, Timestamp};
use troupe_statistics::canary::lifetime::Lifetime;
use troupe_statistics::canary::{CanaryConfig, Thresholds};

use super::definition::{Analysis, Deploy, RollbackTo, Stage, StageKind, VersionRef, Webhook};
use super::expression::{filled, holds};
use super::plan::{Outcome, Plan, Request, Step};
use super::run::{Change, Run, Status, Target, TrafficHold, Wait};
use super::state::Deployment;
use crate::canary_analysis::{Canary, Notify, StartCanary, StartFor, StoredConfig};
use crate::coordination::work_queues::{Offer, queue_of};
use crate::delivery::pipelines::{Ancestry, Pipeline, RunFor};
use crate::delivery::traffic::{SetTraffic, Split, Traffic, WHOLE};
use crate::models;
use crate::stored::{NamedFields, OptionalTail};

/// Time limit of one webhook call, in milliseconds.
const CALL_MS: u64 = 60_000;

/// The stage that begins, and the run that it reads.
struct Scene<'a> {
    run: &'a Run,
    ctx: &'a Context<'a>,
    stage: &'a Stage,
}

impl Scene<'_> {
    fn here(&self) -> Address {
        Address::of::<Deployment>(self.ctx.key)
    }

    fn question(&self, what: &str) -> String {
        self.run.question(&self.stage.ref_id, what)
    }
}

/// What the stage asks for. The run already counts this attempt.
pub(super) fn begin(run: &Run, ctx: &Context<'_>, stage: &Stage) -> Plan {
    let scene = Scene { run, ctx, stage };
    let plan = match &stage.kind {
        StageKind::Deploy(spec) => deploy(&scene, spec),
        StageKind::Canary(spec) => canary(&scene, spec),
        StageKind::Weigh { weight, baseline } => weigh(&scene, *weight, *baseline),
        StageKind::Promote(version) => promote(&scene, version),
        StageKind::Rollback(version, to) => rollback(&scene, version, *to),
        StageKind::Wait { seconds } => wait(&scene, seconds),
        StageKind::Judgment { instructions, .. } => {
            let steps = vec![Step::Output(instructions.clone(), Map::new())];
            Ok(Plan::wait(steps, Wait::Judgment))
        }
        StageKind::Check { conditions } => check(&scene, conditions),
        StageKind::Webhook(spec) => webhook(&scene, spec),
        StageKind::Pipeline { name, parameters, wait } => {
            let given = Value::Object(parameters.clone().into_iter().collect());
            filled(&given, &run.context()).map(|given| {
                let run = RunFor {
                    owner: scene.here(),
                    id: scene.question("child"),
                    parameters: NamedFields(given.as_object().cloned().unwrap_or_default()),
                    ancestry: OptionalTail(ancestry(&scene, *wait)),
                };
                let to = Address::of::<Pipeline>(name.as_str());
                Plan::wait(vec![Step::Tell(to, Request::Pipeline(Box::new(run)))], Wait::Child)
            })
        }
        StageKind::Bake => {
            let words = "a version is an artifact already: nothing to build".to_owned();
            Ok(Plan { steps: vec![Step::Output(words, Map::new())], outcome: Outcome::Done })
        }
    };
    plan.unwrap_or_else(|why| Plan::of(Outcome::Failed(why)))
}

/// The ancestry of an execution that this stage starts. The ancestors that wait for this execution wait for the new one
/// only if this stage waits for it.
fn ancestry(scene: &Scene<'_>, wait: bool) -> Ancestry {
    let mut ancestry = scene.run.begun.as_ref().map(|begun| begun.ancestry.clone()).unwrap_or_default();
    ancestry.depth += 1;
    if wait {
        ancestry.waiting.push(scene.ctx.key.to_owned());
    } else {
        ancestry.waiting.clear();
    }
    ancestry
}

fn version(given: &Value, context: &Value) -> Result<u32, String> {
    let value = filled(given, context)?;
    let read = match &value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let read = read.and_then(|version| u32::try_from(version).ok()).filter(|version| *version > 0);
    read.ok_or_else(|| format!("{value} is not a version: give its number, from 1"))
}

fn deploy(scene: &Scene<'_>, spec: &Deploy) -> Result<Plan, String> {
    let context = scene.run.context();
    let model = filled(&Value::from(spec.model.as_str()), &context)?;
    let model = model.as_str().unwrap_or_default().to_owned();
    let canary = version(&spec.version, &context)?;
    if Address::parse_parts(<Traffic as troupe_runtime::Entity>::KIND, &model).is_err() {
        return Err(format!("{model:?} is not the name of a model"));
    }
    let held = scene.run.target.as_ref();
    if let Some(target) = held.filter(|target| target.model != model) {
        return Err(format!("this execution delivers {} already: one model at a time", target.model));
    }
    let (over_experiments, on_failure) = (spec.over_experiments, spec.on_failure);
    let target = Target { model, production: 0, canary, over_experiments, on_failure };
    let same = held.filter(|held| Target { production: 0, ..(*held).clone() } == target);
    let mut steps = Vec::new();
    if same.is_none() {
        steps.push(Step::Change(Change::Targeted(target.clone())));
    }
    set_traffic(scene, same.unwrap_or(&target), "traffic", (spec.weight, spec.baseline), &mut steps);
    Ok(Plan::wait(steps, Wait::Traffic))
}

fn weigh(scene: &Scene<'_>, weight: u32, baseline: bool) -> Result<Plan, String> {
    let Some(target) = &scene.run.target else {
        return Err("nothing was deployed: put a deploy stage before this one".to_owned());
    };
    let mut steps = Vec::new();
    set_traffic(scene, target, "traffic", (weight, baseline), &mut steps);
    Ok(Plan::wait(steps, Wait::Traffic))
}

/// Requests a share of the traffic. The run holds the traffic from this request on, so that the end returns it even if
/// the answer was lost.
fn set_traffic(
    scene: &Scene<'_>,
    target: &Target,
    what: &str,
    (weight, baseline): (u32, bool),
    steps: &mut Vec<Step>,
) {
    let split = Split {
        production: target.production,
        canary: target.canary,
        weight,
        baseline,
        over_experiments: target.over_experiments,
        salt: scene.ctx.key.to_owned(),
    };
    let by = scene.ctx.key.to_owned();
    let set =
        SetTraffic { by, split: NamedFields(split), owner: Some(scene.here()), id: scene.question(what) };
    if scene.run.hold != TrafficHold::Held {
        steps.push(Step::Change(Change::TrafficRequested));
    }
    let to = Address::of::<Traffic>(target.model.as_str());
    steps.push(Step::Tell(to, Request::Traffic(Box::new(set))));
}

/// The id of the canary of one attempt of a stage.
fn canary_id(key: &str, ref_id: &str, attempt: u32) -> String {
    format!("{key}-{ref_id}-{attempt}")
}

fn canary(scene: &Scene<'_>, spec: &Analysis) -> Result<Plan, String> {
    let context = scene.run.context();
    let config = match (&spec.config, &spec.config_id) {
        (Some(config), _) => serde_json::from_value::<CanaryConfig>(config.clone())
            .map_err(|error| format!("canaryConfig.config: {error}"))?,
        (None, Some(id)) => {
            let id = filled(&Value::from(id.as_str()), &context)?;
            let id = id.as_str().unwrap_or_default();
            let stored = scene.ctx.global::<StoredConfig>(id);
            match stored.and_then(|stored| stored.config().cloned()) {
                Some(config) => config,
                None => return Ok(Plan::of(Outcome::Retry(format!("unknown canary config {id:?}")))),
            }
        }
        (None, None) => return Err("it has no canary config".to_owned()),
    };
    let scopes = filled(&Value::Array(scopes(scene, spec)?), &context)?;
    let ref_id = &scene.stage.ref_id;
    let id = canary_id(scene.ctx.key, ref_id, scene.run.attempt(ref_id));
    let definition = scene.run.definition();
    let start = StartCanary {
        application: definition.map_or_else(String::new, |definition| definition.application.clone()),
        config: NamedFields(config),
        thresholds: NamedFields(Thresholds { pass: spec.pass, marginal: spec.marginal }),
        lifetime: Some(NamedFields(Lifetime {
            start_ms: scene.ctx.now.0.saturating_add(spec.begin_after_ms),
            lifetime_ms: spec.lifetime_ms,
            interval_ms: spec.interval_ms,
            lookback_ms: spec.lookback_ms,
        })),
        request: NamedFields(json!({ "scopes": scopes })),
    };
    let notify = Notify { to: scene.here(), id: scene.question("canary") };
    let request = Request::Canary(Box::new(StartFor { start, notify }));
    let steps = vec![
        Step::Tell(Address::of::<Canary>(id.as_str()), request),
        Step::Output(String::new(), Map::from_iter([("canaryId".to_owned(), json!(id))])),
    ];
    Ok(Plan::wait(steps, Wait::Canary(id)))
}

/// The scopes of the definition. If it has none: the roles of the deployed model, with one point per second.
fn scopes(scene: &Scene<'_>, spec: &Analysis) -> Result<Vec<Value>, String> {
    if !spec.scopes.is_empty() {
        return Ok(spec.scopes.clone());
    }
    let Some(target) = &scene.run.target else {
        return Err("nothing was deployed: give the scopes, or put a deploy stage before this one".to_owned());
    };
    let role = |role: &str| format!("{}-{role}", target.model);
    Ok(vec![json!({
        "scopeName": "default", "step": 1,
        "controlScope": role("baseline"), "experimentScope": role("canary"),
    })])
}

/// The model and version that a stage moves: those that it names, or those that were deployed.
fn referenced(scene: &Scene<'_>, reference: &VersionRef) -> Result<(String, u32), String> {
    match (&reference.model, &reference.version) {
        (Some(model), Some(given)) => {
            let context = scene.run.context();
            let model = filled(&Value::from(model.as_str()), &context)?;
            Ok((model.as_str().unwrap_or_default().to_owned(), version(given, &context)?))
        }
        _ => match &scene.run.target {
            Some(target) => Ok((target.model.clone(), target.canary)),
            None => {
                Err("nothing was deployed: give model and version, or put a deploy stage before".to_owned())
            }
        },
    }
}

/// Gives the canary all traffic before it becomes the champion, and production is given back after that: no member
/// returns to the old version in between.
fn promote(scene: &Scene<'_>, reference: &VersionRef) -> Result<Plan, String> {
    let (model, version) = referenced(scene, reference)?;
    let target = scene.run.target.as_ref();
    let deployed = target.filter(|target| (&target.model, target.canary) == (&model, version));
    let mut steps = Vec::new();
    if let Some(target) = deployed.filter(|_| scene.run.hold == TrafficHold::Held) {
        set_traffic(scene, target, "whole", (WHOLE, false), &mut steps);
        steps.push(Step::Change(Change::Weighed(WHOLE, false)));
    }
    steps.push(Step::Move(model, version, models::Stage::Champion, scene.question("model")));
    Ok(Plan::wait(steps, Wait::Model))
}

/// Rolls a version back. If this execution made it the champion, the version that it replaced becomes champion again.
fn rollback(scene: &Scene<'_>, reference: &VersionRef, to: RollbackTo) -> Result<Plan, String> {
    let (model, version) = referenced(scene, reference)?;
    let delivered = scene.run.target.as_ref().is_some_and(|target| target.model == model);
    let mut steps = Vec::new();
    if delivered && scene.run.hold == TrafficHold::Held {
        steps.push(Step::GiveBack(model.clone(), "rolled back"));
    }
    let id = scene.question("model");
    steps.push(match replaced_by(scene.run, &model, version) {
        Some(former) => Step::Move(model, former, models::Stage::Champion, id),
        None => Step::SetAside(model, version, to, id),
    });
    Ok(Plan::wait(steps, Wait::Model))
}

/// The champion that the version replaced in this execution.
fn replaced_by(run: &Run, model: &str, version: u32) -> Option<u32> {
    let promotes = |stage: &&Stage| matches!(&stage.kind, StageKind::Promote(of) if of.model.is_none());
    let done =
        |stage: &Stage| run.stages.get(&stage.ref_id).is_some_and(|held| held.status == Status::Succeeded);
    let promoted = run.definition()?.stages.iter().filter(promotes).any(done);
    let target =
        run.target.as_ref().filter(|target| (target.model.as_str(), target.canary) == (model, version));
    target.filter(|_| promoted).map(|target| target.production)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded by the line before")]
fn wait(scene: &Scene<'_>, given: &Value) -> Result<Plan, String> {
    let value = filled(given, &scene.run.context())?;
    let seconds = match &value {
        Value::String(text) => text.trim().parse::<f64>().ok(),
        other => other.as_f64(),
    };
    let Some(seconds) = seconds.filter(|seconds| (0.0..=604_800.0).contains(seconds)) else {
        return Err(format!("{value} is not a time to wait: give seconds, 604800 at most"));
    };
    let due = Timestamp(scene.ctx.now.0.saturating_add((seconds * 1_000.0) as u64));
    Ok(Plan::of(Outcome::Wait(Wait::Time, Some(due))))
}

fn check(scene: &Scene<'_>, conditions: &[String]) -> Result<Plan, String> {
    let context = scene.run.context();
    for condition in conditions {
        if !holds(condition, &context)? {
            return Err(format!("{condition} does not hold"));
        }
    }
    Ok(Plan::of(Outcome::Done))
}

fn webhook(scene: &Scene<'_>, spec: &Webhook) -> Result<Plan, String> {
    let context = scene.run.context();
    let headers = Value::Object(spec.headers.clone().into_iter().collect());
    let (url, headers) = (filled(&Value::from(spec.url.as_str()), &context)?, filled(&headers, &context)?);
    let body = filled(&spec.payload, &context)?;
    let headers: Map<String, Value> = headers
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| {
            (name.clone(), json!(value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        })
        .collect();
    let call = json!({ "url": url, "method": spec.method, "headers": headers, "body": body, "within_ms": CALL_MS / 2 });
    Ok(self::call(scene.run, scene.ctx, scene.stage, 0, call))
}

/// Has a worker make one HTTP call.
pub(super) fn call(run: &Run, ctx: &Context<'_>, stage: &Stage, looks: u32, spec: Value) -> Plan {
    // The key stands last, because it may contain slashes.
    let id = format!("{}/{looks}/{}", run.question(&stage.ref_id, "call"), ctx.key);
    let offer = Offer {
        id: id.clone(),
        owner: Address::of::<Deployment>(ctx.key),
        executor: "http".to_owned(),
        spec: NamedFields(spec),
        timeout_ms: CALL_MS.min(stage.timeout_ms),
    };
    let steps = vec![Step::Tell(queue_of(&id), Request::Task(Box::new(offer)))];
    Plan::wait(steps, Wait::Call { task: id, looks })
}
