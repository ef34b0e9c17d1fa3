//! Signals that steps wait for, and those that they raise.

use std::collections::BTreeMap;

use troupe_runtime::Address;
use troupe_workflows::Ordered;
use troupe_workflows::definition::Operator;
use troupe_workflows::params::{Parameters, Scope, Value, evaluate_one};
use troupe_workflows::status::StepStatus;

use super::facts::carried;
use super::lane::Awaited;
use super::state::WorkflowRun;
use super::turn::{Told, Turn};
use crate::coordination::signals::{Heard, Raise, Subscribe, Unsubscribe};

/// Longest id that a raise spells out; a longer one is told by its sum.
const ID_BYTES_SPELLED: usize = 240;

fn named(id: String) -> String {
    if id.len() <= ID_BYTES_SPELLED {
        return id;
    }
    format!("~{:032x}", xxhash_rust::xxh3::xxh3_128(id.as_bytes()))
}

impl Turn<'_> {
    /// Whether a step has to wait for signals; what was raised before counts while it is kept.
    pub(super) fn awaits_signals(&mut self, lane: u64, place: usize) -> bool {
        let definition = self.definition(place);
        if definition.signal_dependencies.is_empty() {
            return false;
        }
        let awaited: Result<Vec<Awaited>, String> = self.scoped(lane, place, None, |layers, around| {
            let scope = Scope::new(layers, around);
            definition
                .signal_dependencies
                .iter()
                .map(|dependency| {
                    let name = scope.fill(&dependency.name).map_err(|error| error.to_string())?;
                    let mut wanted = Ordered::new();
                    for (key, one) in &dependency.match_params {
                        let value =
                            evaluate_one(key, &one.param, &scope).map_err(|error| error.to_string())?;
                        wanted.insert(key.clone(), (one.operator.word().to_owned(), value));
                    }
                    Ok(Awaited { name, wanted, came: None })
                })
                .collect()
        });
        let awaited = match awaited {
            Ok(awaited) => awaited,
            Err(why) => {
                let why = format!("signal_dependencies: {why}");
                self.fail(lane, place, StepStatus::FatallyFailed, &why);
                return true;
            }
        };
        let id = self.id_of(lane, place);
        for (at, one) in awaited.iter().enumerate() {
            let to = Address::of::<WorkflowRun>(self.key);
            let subscribe = Subscribe { to, id: format!("{id}~{at}"), since: Some(0) };
            self.told.push(Told::Subscribe(one.name.clone(), subscribe));
        }
        if let Some(step) = self.step(lane, place) {
            let names: Vec<&str> = awaited.iter().map(|one| one.name.as_str()).collect();
            step.why = format!("it waits for {}", names.join(", "));
            (step.awaited, step.status) = (awaited, StepStatus::WaitingForSignals);
        }
        true
    }

    /// A signal that a step of this attempt waits for has come.
    pub(super) fn heard(&mut self, lane: u64, place: usize, at: usize, heard: &Heard) {
        let Some(step) = self.step(lane, place).filter(|step| step.status == StepStatus::WaitingForSignals)
        else {
            return;
        };
        let Some(awaited) = step.awaited.get_mut(at).filter(|awaited| awaited.came.is_none()) else { return };
        let params = &heard.raise.params;
        let holds = |(name, (operator, value)): (&String, &(String, Value))| {
            let came = params.get(name).map(|text| carried(text, value));
            came.is_some_and(|carried| Operator::named(operator).is_some_and(|op| op.holds(&carried, value)))
        };
        if !awaited.wanted.iter().all(holds) {
            return;
        }
        awaited.came = Some(params.clone());
        let all = step.awaited.iter().all(|awaited| awaited.came.is_some());
        self.hear_no_more(lane, place, Some(at));
        if all {
            self.evaluate_step(lane, place);
        }
    }

    /// Ends the subscriptions of a step's attempt: one of them, or all.
    pub(super) fn hear_no_more(&mut self, lane: u64, place: usize, only: Option<usize>) {
        let id = self.id_of(lane, place);
        let names: Vec<String> = self
            .step(lane, place)
            .map(|step| step.awaited.iter().map(|awaited| awaited.name.clone()).collect())
            .unwrap_or_default();
        for (at, name) in names.into_iter().enumerate() {
            if only.is_none_or(|only| only == at) {
                let to = Address::of::<WorkflowRun>(self.key);
                self.told.push(Told::Unsubscribe(name, Unsubscribe { to, id: format!("{id}~{at}") }));
            }
        }
    }

    /// Raises what a step's definition says that it raises.
    pub(super) fn raise_outputs(
        &mut self,
        lane: u64,
        place: usize,
        params: &Parameters,
    ) -> Result<(), String> {
        let definition = self.definition(place);
        if definition.signal_outputs.is_empty() {
            return Ok(());
        }
        let raised: Result<Vec<(String, Ordered<Value>)>, String> =
            self.scoped(lane, place, Some(params), |layers, around| {
                let scope = Scope::new(layers, around);
                definition
                    .signal_outputs
                    .iter()
                    .map(|output| {
                        let name = scope.fill(&output.name).map_err(|error| error.to_string())?;
                        let mut values = Ordered::new();
                        for (key, one) in output.params.iter().chain(&output.payload) {
                            let value = evaluate_one(key, one, &scope);
                            values.insert(key.clone(), value.map_err(|error| error.to_string())?);
                        }
                        Ok((name, values))
                    })
                    .collect()
            });
        for (name, values) in raised.map_err(|why| format!("signal_outputs: {why}"))? {
            self.raise(lane, place, &name, &values);
        }
        Ok(())
    }

    pub(super) fn raise(&mut self, lane: u64, place: usize, name: &str, values: &Ordered<Value>) {
        let params: BTreeMap<String, String> =
            values.iter().map(|(key, value)| (key.clone(), value.to_text())).collect();
        let raise = Raise {
            id: named(format!("{}:{name}", self.id_of(lane, place))),
            from: format!("workflow-runs/{}", self.key),
            at: self.now,
            params,
        };
        self.line(format!("signal {name} raised by step {}", self.graph.id(place)));
        self.told.push(Told::Raise(name.to_owned(), Box::new(raise)));
    }
}
