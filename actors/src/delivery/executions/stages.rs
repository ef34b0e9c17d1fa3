//! How each type of stage begins.

use serde_json::{Map, Value, json};
use troupe_runtime::{Address, Command, Timestamp};
use troupe_statistics::canary::lifetime::Lifetime;
use troupe_statistics::canary::{CanaryConfig, Thresholds};

use super::definition::{Analysis, Deploy, Does, Stage, Unwanted, Webhook, Whose};
use super::expression::{filled, holds};
use super::run::{Change, Hold, Run, Status, Target, Wait};
use super::turn::{Turn, question};
use crate::canary_analysis::{Canary, Notify, StartCanary, StartFor, StoredConfig};
use crate::coordination::work_queues::{Offer, queue_of};
use crate::delivery::pipelines::{Above, Pipeline, RunFor};
use crate::delivery::traffic::{SetTraffic, Split, Traffic, WHOLE};
use crate::models;
use crate::stored::{NamedFields, OptionalTail};

/// How long a stage looks again for what may only not have got here yet, and how often.
const AGAIN_FOR_MS: u64 = 15_000;
pub(super) const AGAIN_MS: u64 = 500;
/// Time for one call of a webhook.
const CALL_MS: u64 = 60_000;
/// Between two looks at whom a stage still waits for. Its turn is told to it: that it asks again is for a queue that had no
/// place for it.
pub(super) const TURN_MS: u64 = 5_000;

pub(super) fn begin<C: Command<Reply = ()>>(turn: &mut Turn<'_, C>, stage: &Stage) {
    let begun = match &stage.does {
        Does::Deploy(spec) => deploy(turn, stage, spec),
        Does::Canary(spec) => canary(turn, stage, spec),
        Does::Weigh { weight, baseline } => weigh(turn, stage, *weight, *baseline),
        Does::Promote(whose) => promote(turn, stage, whose),
        Does::Rollback(whose, to) => rollback(turn, stage, whose, *to),
        Does::Wait { seconds } => wait(turn, stage, seconds),
        Does::Judgment { instructions, .. } => {
            turn.output(stage, instructions, Map::new());
            turn.wait(stage, Wait::Judgment, None);
            Ok(())
        }
        Does::Check { conditions } => check(turn, stage, conditions),
        Does::Webhook(spec) => webhook(turn, stage, spec),
        Does::Pipeline { name, parameters, wait } => {
            let given = Value::Object(parameters.clone().into_iter().collect());
            filled(&given, &turn.run.context()).map(|given| {
                let run = RunFor {
                    owner: turn.here(),
                    id: question(&stage.ref_id, turn.attempt(&stage.ref_id), "child"),
                    parameters: NamedFields(given.as_object().cloned().unwrap_or_default()),
                    above: OptionalTail(above(turn, *wait)),
                };
                turn.tell(Address::of::<Pipeline>(name.as_str()), &run);
                turn.wait(stage, Wait::Child, None);
            })
        }
        Does::Bake => {
            turn.output(stage, "a version is an artifact already: nothing to build", Map::new());
            turn.succeed(stage);
            Ok(())
        }
    };
    if let Err(why) = begun {
        turn.fail(stage, &why);
    }
}

/// What an execution that a stage starts is started by: those that wait for this one wait for it only if this one does.
fn above<C: Command<Reply = ()>>(turn: &Turn<'_, C>, wait: bool) -> Above {
    let mut above = turn.run.begun.as_ref().map(|begun| begun.above.clone()).unwrap_or_default();
    above.deep += 1;
    if wait {
        above.waiting.push(turn.ctx.key.to_owned());
    } else {
        above.waiting.clear();
    }
    above
}

/// Tries the stage again a little later, unless that was tried for long enough: then it has failed.
pub(super) fn again<C: Command<Reply = ()>>(turn: &mut Turn<'_, C>, stage: &Stage, why: &str) {
    let began = turn.run.stages.get(&stage.ref_id).and_then(|held| held.began).unwrap_or_default();
    if turn.ctx.now.0.saturating_sub(began.0) >= AGAIN_FOR_MS {
        turn.fail(stage, why);
        return;
    }
    turn.wait(stage, Wait::Again, Some(Timestamp(turn.ctx.now.0 + AGAIN_MS)));
}

fn version(given: &Value, context: &Value) -> Result<u32, String> {
    let found = filled(given, context)?;
    let read = match &found {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let read = read.and_then(|version| u32::try_from(version).ok()).filter(|version| *version > 0);
    read.ok_or_else(|| format!("{found} is no version: give its number, from 1"))
}

fn deploy<C: Command<Reply = ()>>(
    turn: &mut Turn<'_, C>,
    stage: &Stage,
    spec: &Deploy,
) -> Result<(), String> {
    let context = turn.run.context();
    let model = filled(&Value::from(spec.model.as_str()), &context)?;
    let model = model.as_str().unwrap_or_default().to_owned();
    let canary = version(&spec.version, &context)?;
    if Address::parse_parts(<Traffic as troupe_runtime::Entity>::KIND, &model).is_err() {
        return Err(format!("{model:?} names no model"));
    }
    let other = |target: &&Target| target.model != model;
    if let Some(target) = turn.run.target.as_ref().filter(other) {
        return Err(format!("this execution delivers {} already: one model at a time", target.model));
    }
    let (over_experiments, on_failure) = (spec.over_experiments, spec.on_failure);
    let target = Target { model, production: 0, canary, over_experiments, on_failure };
    if turn.run.target.as_ref().map(|held| Target { production: 0, ..held.clone() }) != Some(target.clone()) {
        turn.change(Change::Targeted(target));
    }
    ask_for_traffic(turn, stage, spec.weight, spec.baseline)
}

fn weigh<C: Command<Reply = ()>>(
    turn: &mut Turn<'_, C>,
    stage: &Stage,
    weight: u32,
    baseline: bool,
) -> Result<(), String> {
    ask_for_traffic(turn, stage, weight, baseline)
}

fn ask_for_traffic<C: Command<Reply = ()>>(
    turn: &mut Turn<'_, C>,
    stage: &Stage,
    weight: u32,
    baseline: bool,
) -> Result<(), String> {
    let id = question(&stage.ref_id, turn.attempt(&stage.ref_id), "traffic");
    set_traffic(turn, id, weight, baseline)?;
    turn.wait(stage, Wait::Traffic, None);
    Ok(())
}

/// Asks for a share. What is asked for is held from here on, whatever the answer: it is given back at the end.
fn set_traffic<C: Command<Reply = ()>>(
    turn: &mut Turn<'_, C>,
    id: String,
    weight: u32,
    baseline: bool,
) -> Result<(), String> {
    let Some(target) = turn.run.target.clone() else {
        return Err("nothing was deployed: put a deploy stage before this one".to_owned());
    };
    let split = Split {
        production: target.production,
        canary: target.canary,
        weight,
        baseline,
        over_experiments: target.over_experiments,
        salt: turn.ctx.key.to_owned(),
    };
    let by = turn.ctx.key.to_owned();
    let set = SetTraffic { by, split: NamedFields(split), owner: Some(turn.here()), id };
    if turn.run.hold != Hold::Held {
        turn.change(Change::Asked);
    }
    turn.tell(Address::of::<Traffic>(target.model), &set);
    Ok(())
}

/// The id of the canary of one try of a stage.
pub(super) fn canary_id(key: &str, ref_id: &str, attempt: u32) -> String {
    format!("{key}-{ref_id}-{attempt}")
}

fn canary<C: Command<Reply = ()>>(
    turn: &mut Turn<'_, C>,
    stage: &Stage,
    spec: &Analysis,
) -> Result<(), String> {
    let context = turn.run.context();
    let config = match (&spec.config, &spec.config_id) {
        (Some(config), _) => serde_json::from_value::<CanaryConfig>(config.clone())
            .map_err(|error| format!("canaryConfig.config: {error}"))?,
        (None, Some(id)) => {
            let id = filled(&Value::from(id.as_str()), &context)?;
            let id = id.as_str().unwrap_or_default();
            let found = turn.ctx.global::<StoredConfig>(id);
            match found.and_then(|stored| stored.config().cloned()) {
                Some(config) => config,
                None => {
                    again(turn, stage, &format!("there is no canary config {id:?}"));
                    return Ok(());
                }
            }
        }
        (None, None) => return Err("it has no canary config".to_owned()),
    };
    let scopes = filled(&Value::Array(scopes(turn, spec)?), &context)?;
    let attempt = turn.attempt(&stage.ref_id);
    let id = canary_id(turn.ctx.key, &stage.ref_id, attempt);
    let application = turn.run.definition().map_or_else(String::new, |found| found.application.clone());
    let start = StartCanary {
        application,
        config: NamedFields(config),
        thresholds: NamedFields(Thresholds { pass: spec.pass, marginal: spec.marginal }),
        lifetime: Some(NamedFields(Lifetime {
            start_ms: turn.ctx.now.0.saturating_add(spec.begin_after_ms),
            lifetime_ms: spec.lifetime_ms,
            interval_ms: spec.interval_ms,
            lookback_ms: spec.lookback_ms,
        })),
        request: NamedFields(json!({ "scopes": scopes })),
    };
    let notify = Notify { to: turn.here(), id: question(&stage.ref_id, attempt, "canary") };
    turn.tell(Address::of::<Canary>(id.as_str()), &StartFor { start, notify });
    turn.output(stage, "", Map::from_iter([("canaryId".to_owned(), json!(id))]));
    turn.wait(stage, Wait::Canary(id), None);
    Ok(())
}

/// The scopes as they are given; without any, the roles of what was deployed, second by second.
fn scopes<C: Command<Reply = ()>>(turn: &Turn<'_, C>, spec: &Analysis) -> Result<Vec<Value>, String> {
    if !spec.scopes.is_empty() {
        return Ok(spec.scopes.clone());
    }
    let Some(target) = &turn.run.target else {
        return Err("nothing was deployed: give the scopes, or put a deploy stage before this one".to_owned());
    };
    let role = |role: &str| format!("{}-{role}", target.model);
    Ok(vec![json!({
        "scopeName": "default", "step": 1,
        "controlScope": role("baseline"), "experimentScope": role("canary"),
    })])
}

/// What a stage moves: what it names, or what was deployed.
fn moved<C: Command<Reply = ()>>(turn: &Turn<'_, C>, whose: &Whose) -> Result<(String, u32), String> {
    match (&whose.model, &whose.version) {
        (Some(model), Some(given)) => {
            let context = turn.run.context();
            let model = filled(&Value::from(model.as_str()), &context)?;
            Ok((model.as_str().unwrap_or_default().to_owned(), version(given, &context)?))
        }
        _ => match &turn.run.target {
            Some(target) => Ok((target.model.clone(), target.canary)),
            None => {
                Err("nothing was deployed: give model and version, or put a deploy stage before".to_owned())
            }
        },
    }
}

/// The canary answers everybody before it becomes the champion, and production is given back after it: no member goes
/// back to the old version in between.
fn promote<C: Command<Reply = ()>>(
    turn: &mut Turn<'_, C>,
    stage: &Stage,
    whose: &Whose,
) -> Result<(), String> {
    let (model, version) = moved(turn, whose)?;
    let attempt = turn.attempt(&stage.ref_id);
    let deployed =
        turn.run.target.as_ref().is_some_and(|target| (&target.model, target.canary) == (&model, version));
    if deployed && turn.run.hold == Hold::Held {
        set_traffic(turn, question(&stage.ref_id, attempt, "whole"), WHOLE, false)?;
        turn.change(Change::Weighed(WHOLE, false));
    }
    turn.move_version(&model, version, models::Stage::Champion, question(&stage.ref_id, attempt, "model"));
    turn.wait(stage, Wait::Model, None);
    Ok(())
}

/// A version that is the champion by now is rolled back by the one that it has replaced.
fn rollback<C: Command<Reply = ()>>(
    turn: &mut Turn<'_, C>,
    stage: &Stage,
    whose: &Whose,
    to: Unwanted,
) -> Result<(), String> {
    let (model, version) = moved(turn, whose)?;
    let held = turn.run.target.as_ref().is_some_and(|target| target.model == model);
    if held && turn.run.hold == Hold::Held {
        turn.give_back(&model, false, "rolled back");
    }
    let id = question(&stage.ref_id, turn.attempt(&stage.ref_id), "model");
    match replaced_by(&turn.run, &model, version) {
        Some(former) => turn.move_version(&model, former, models::Stage::Champion, id),
        None => turn.set_aside(&model, version, to, &id),
    }
    turn.wait(stage, Wait::Model, None);
    Ok(())
}

/// The champion whose place the version has taken in this execution.
fn replaced_by(run: &Run, model: &str, version: u32) -> Option<u32> {
    let promotes = |stage: &&Stage| matches!(&stage.does, Does::Promote(whose) if whose.model.is_none());
    let done =
        |stage: &Stage| run.stages.get(&stage.ref_id).is_some_and(|held| held.status == Status::Succeeded);
    let promoted = run.definition()?.stages.iter().filter(promotes).any(done);
    let target =
        run.target.as_ref().filter(|target| (target.model.as_str(), target.canary) == (model, version));
    target.filter(|_| promoted).map(|target| target.production)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded by the line before")]
fn wait<C: Command<Reply = ()>>(turn: &mut Turn<'_, C>, stage: &Stage, given: &Value) -> Result<(), String> {
    let found = filled(given, &turn.run.context())?;
    let seconds = match &found {
        Value::String(text) => text.trim().parse::<f64>().ok(),
        other => other.as_f64(),
    };
    let Some(seconds) = seconds.filter(|seconds| (0.0..=604_800.0).contains(seconds)) else {
        return Err(format!("{found} is no time to wait: give seconds, 604800 at most"));
    };
    let due = Timestamp(turn.ctx.now.0.saturating_add((seconds * 1_000.0) as u64));
    turn.wait(stage, Wait::Time, Some(due));
    Ok(())
}

fn check<C: Command<Reply = ()>>(
    turn: &mut Turn<'_, C>,
    stage: &Stage,
    conditions: &[String],
) -> Result<(), String> {
    let context = turn.run.context();
    for condition in conditions {
        if !holds(condition, &context)? {
            return Err(format!("{condition} does not hold"));
        }
    }
    turn.succeed(stage);
    Ok(())
}

fn webhook<C: Command<Reply = ()>>(
    turn: &mut Turn<'_, C>,
    stage: &Stage,
    spec: &Webhook,
) -> Result<(), String> {
    let context = turn.run.context();
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
    self::call(turn, stage, 0, call);
    Ok(())
}

/// Has a worker make one call.
pub(super) fn call<C: Command<Reply = ()>>(turn: &mut Turn<'_, C>, stage: &Stage, looks: u32, spec: Value) {
    let attempt = turn.attempt(&stage.ref_id);
    // The key stands last: it may have slashes of its own.
    let id = format!("{}/{looks}/{}", question(&stage.ref_id, attempt, "call"), turn.ctx.key);
    let offer = Offer {
        id: id.clone(),
        owner: turn.here(),
        executor: "http".to_owned(),
        spec: NamedFields(spec),
        timeout_ms: CALL_MS.min(stage.timeout_ms),
    };
    turn.tell(queue_of(&id), &offer);
    turn.wait(stage, Wait::Call { task: id, looks }, None);
}
