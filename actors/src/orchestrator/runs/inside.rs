//! What expressions ask of the steps inside of a loop or a subworkflow: `params.getFromForeach`, `getFromSubworkflow`.
//!
//! A lane that is over is forgotten, so what will be asked of it is known beforehand: the definition around it is
//! searched for the names, the run inside keeps these, and tells them with its end. All of them together are bounded; beyond
//! that none is kept, and whoever asks hears that there is none.

use troupe_workflows::Ordered;
use troupe_workflows::expression::inside;
use troupe_workflows::params::{Lookup as _, Value};

use super::lane::{Lane, LoopRun};
use super::messages::{Ended, Kind};
use super::turn::Turn;
use crate::stored::kept_bytes;

/// Bytes of what one stretch tells, and of all that a step keeps: it is written anew with each stretch.
const TOLD_BYTES_MAX: usize = 16 << 10;
const KEPT_BYTES_MAX: usize = 64 << 10;
/// Stands for what was more than that.
const TOO_MUCH: &str = "";

/// A value under the names of its step and parameter.
fn under<'a>(values: &'a mut Ordered<Value>, step: &str, param: &str) -> Option<&'a mut Value> {
    let map = || Value::Map(Ordered::new());
    match values.entry(step.to_owned()).or_insert_with(map) {
        Value::Map(params) => Some(params.entry(param.to_owned()).or_insert_with(map)),
        _ => None,
    }
}

fn bound(values: &mut Ordered<Value>, bytes_max: usize) -> bool {
    if kept_bytes(values) <= bytes_max {
        return true;
    }
    *values = Ordered::from_iter([(TOO_MUCH.to_owned(), Value::Null)]);
    false
}

impl Turn<'_> {
    /// Steps and parameters that steps beside this one ask for.
    pub(super) fn asked_inside(&self, place: usize) -> Vec<(String, String)> {
        let found = inside(&self.begun.steps(), self.graph.id(place));
        found.into_iter().map(|one| (one.step, one.param)).collect()
    }

    fn asked(&self) -> Vec<(String, String)> {
        match &self.begun.kind.0 {
            Kind::Foreach { asked, .. } => asked.clone(),
            Kind::Instance { .. } => {
                serde_json::from_value(self.begun.initiator.0["asked"].clone()).unwrap_or_default()
            }
            Kind::While { .. } => Vec::new(),
        }
    }

    /// Keeps what is asked of a lane that is over.
    pub(super) fn keep_inside(&mut self, number: u64) {
        let asked = self.asked();
        if asked.is_empty() || self.live.head.values.contains_key(TOO_MUCH) {
            return;
        }
        let Some(lane) = self.live.lanes.get(&number) else { return };
        let value = |lane: &Lane, step: &str, param: &str| {
            let step = lane.steps.get(self.graph.place(step)?)?;
            step.status.is_complete().then(|| step.params.value(param))?
        };
        let found: Vec<(String, String, Value)> = asked
            .into_iter()
            .filter_map(|(step, param)| value(lane, &step, &param).map(|value| (step, param, value)))
            .collect();
        let iteration = match &self.begun.kind.0 {
            Kind::Foreach { from, .. } => Some((from + number).to_string()),
            _ => None,
        };
        let values = &mut self.live.head.values;
        for (step, param, value) in found {
            match (under(values, &step, &param), &iteration) {
                (Some(Value::Map(by_iteration)), Some(iteration)) => {
                    by_iteration.insert(iteration.clone(), value);
                }
                (Some(slot), _) => *slot = value,
                (None, _) => {}
            }
        }
        if !bound(values, TOLD_BYTES_MAX) {
            self.line(format!(
                "what is asked of the steps is more than {TOLD_BYTES_MAX} bytes: none is kept"
            ));
        }
    }

    /// Takes what a run inside tells with its end.
    pub(super) fn take_inside(&mut self, lane: u64, place: usize, ended: &Ended) {
        let is_while =
            matches!(self.definition(place).kind, troupe_workflows::definition::StepKind::While { .. });
        let Some(looping) = self.looping(lane, place).filter(|_| !is_while && !ended.values.0.is_empty())
        else {
            return;
        };
        if !take(looping, &ended.values.0) {
            self.line(format!(
                "what is asked of the steps inside is more than {KEPT_BYTES_MAX} bytes: none is kept"
            ));
        }
    }
}

/// Whether it was kept.
fn take(looping: &mut LoopRun, told: &Ordered<Value>) -> bool {
    if looping.values.contains_key(TOO_MUCH) {
        return true;
    }
    if told.contains_key(TOO_MUCH) {
        looping.values.clone_from(told);
        return false;
    }
    for (step, params) in told {
        let Value::Map(params) = params else { continue };
        for (param, value) in params {
            match (under(&mut looping.values, step, param), value) {
                (Some(Value::Map(all)), Value::Map(more)) => all.extend(more.clone()),
                (Some(slot), value) => *slot = value.clone(),
                (None, _) => {}
            }
        }
    }
    bound(&mut looping.values, KEPT_BYTES_MAX)
}

/// What is kept of a step inside.
fn kept<'a>(looping: &'a LoopRun, step: &str, param: &str) -> Option<&'a Value> {
    match looping.values.get(step)? {
        Value::Map(params) => params.get(param),
        _ => None,
    }
}

/// A parameter's values over the iterations in which its step is complete, in their order.
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
