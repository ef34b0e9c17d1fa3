//! Outputs of steps inside a loop or a subworkflow, for `params.getFromForeach` and `params.getFromSubworkflow`.
//!
//! A run forgets its ended iterations, so the needed outputs are known in advance. The outer run searches its
//! definition for the names, the nested run keeps these values, and sends them with its end. Their total size is
//! bounded. Beyond the bound a run keeps no value, and the expression gets none.

use troupe_workflows::Ordered;
use troupe_workflows::expression::nested_references;
use troupe_workflows::params::{Lookup as _, Value};

use super::iteration::Iteration;
use super::loop_run::LoopRun;
use super::messages::Kind;
use super::turn::Turn;
use crate::stored::kept_bytes;

/// Bytes of the values that one run sends.
const SENT_BYTES_MAX: usize = 16 << 10;
/// Bytes of the values that a step keeps; each ended batch stores all of them again.
const KEPT_BYTES_MAX: usize = 64 << 10;
/// The name that stands for values beyond a bound.
const TOO_MUCH: &str = "";

/// The entry for a step's parameter.
fn entry<'a>(values: &'a mut Ordered<Value>, step: &str, param: &str) -> Option<&'a mut Value> {
    let map = || Value::Map(Ordered::new());
    match values.entry(step.to_owned()).or_insert_with(map) {
        Value::Map(params) => Some(params.entry(param.to_owned()).or_insert_with(map)),
        _ => None,
    }
}

/// Drops all values if they exceed the bound; false if it dropped them.
fn bound(values: &mut Ordered<Value>, bytes_max: usize) -> bool {
    if kept_bytes(values) <= bytes_max {
        return true;
    }
    *values = Ordered::from_iter([(TOO_MUCH.to_owned(), Value::Null)]);
    false
}

/// The steps and parameters inside step `id` that expressions of steps beside it use.
pub(super) fn requested_of(turn: &Turn<'_>, id: &str) -> Vec<(String, String)> {
    let found = nested_references(&turn.begun.steps(), id);
    found.into_iter().map(|one| (one.step, one.param)).collect()
}

/// The steps and parameters of this run that its parent uses.
fn requested(turn: &Turn<'_>) -> Vec<(String, String)> {
    match &turn.begun.kind.0 {
        Kind::Foreach { requested_outputs, .. } => requested_outputs.clone(),
        Kind::Instance { .. } => {
            serde_json::from_value(turn.begun.initiator.0["asked"].clone()).unwrap_or_default()
        }
        Kind::While { .. } => Vec::new(),
    }
}

/// Keeps the requested outputs of an iteration that has ended.
pub(super) fn keep(turn: &mut Turn<'_>, number: u64) {
    let requested = requested(turn);
    if requested.is_empty() || turn.live.head.values.contains_key(TOO_MUCH) {
        return;
    }
    let Some(iteration) = turn.live.iterations.get(&number) else { return };
    let value = |iteration: &Iteration, step: &str, param: &str| {
        let step = iteration.steps.get(turn.graph.index_of(step)?)?;
        step.status().is_complete().then(|| step.params.value(param))?
    };
    let found: Vec<(String, String, Value)> = requested
        .into_iter()
        .filter_map(|(step, param)| value(iteration, &step, &param).map(|value| (step, param, value)))
        .collect();
    let of_loop = match &turn.begun.kind.0 {
        Kind::Foreach { from, .. } => Some((from + number).to_string()),
        _ => None,
    };
    let values = &mut turn.live.head.values;
    for (step, param, value) in found {
        match (entry(values, &step, &param), &of_loop) {
            (Some(Value::Map(by_iteration)), Some(number)) => {
                by_iteration.insert(number.clone(), value);
            }
            (Some(slot), _) => *slot = value,
            (None, _) => {}
        }
    }
    if !bound(values, SENT_BYTES_MAX) {
        turn.line(format!("outputs for the outer steps exceed {SENT_BYTES_MAX} bytes: none is kept"));
    }
}

impl LoopRun {
    /// Adds the outputs that a child run sent with its end. An error says that the bound was exceeded.
    pub(super) fn add_outputs(&mut self, sent: &Ordered<Value>) -> Result<(), String> {
        if sent.is_empty() || self.values.contains_key(TOO_MUCH) {
            return Ok(());
        }
        let exceeded = || format!("outputs of the nested steps exceed {KEPT_BYTES_MAX} bytes: none is kept");
        if sent.contains_key(TOO_MUCH) {
            self.values.clone_from(sent);
            return Err(exceeded());
        }
        for (step, params) in sent {
            let Value::Map(params) = params else { continue };
            for (param, value) in params {
                match (entry(&mut self.values, step, param), value) {
                    (Some(Value::Map(all)), Value::Map(more)) => all.extend(more.clone()),
                    (Some(slot), value) => *slot = value.clone(),
                    (None, _) => {}
                }
            }
        }
        if bound(&mut self.values, KEPT_BYTES_MAX) { Ok(()) } else { Err(exceeded()) }
    }
}

fn kept<'a>(looping: &'a LoopRun, step: &str, param: &str) -> Option<&'a Value> {
    match looping.values.get(step)? {
        Value::Map(params) => params.get(param),
        _ => None,
    }
}

/// A parameter's values in all iterations with a complete step, in the order of the iterations.
pub(super) fn of_foreach(looping: &LoopRun, step: &str, param: &str) -> Option<Value> {
    let Value::Map(by_iteration) = kept(looping, step, param)? else { return None };
    let mut all: Vec<(u64, &Value)> =
        by_iteration.iter().filter_map(|(at, value)| Some((at.parse().ok()?, value))).collect();
    all.sort_by_key(|(at, _)| *at);
    Some(Value::plain_of(&all.into_iter().map(|(_, value)| value.to_json()).collect()))
}

/// A parameter of a step of the subworkflow.
pub(super) fn of_subworkflow(looping: &LoopRun, step: &str, param: &str) -> Option<Value> {
    kept(looping, step, param).cloned()
}
