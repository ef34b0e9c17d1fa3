//! Signals that a step waits for, and signals that it raises.

use std::collections::BTreeMap;

use troupe_runtime::Address;
use troupe_workflows::Ordered;
use troupe_workflows::definition::Operator;
use troupe_workflows::params::{Parameters, Scope, Value, evaluate_one};
use troupe_workflows::status::StepStatus;

use super::outgoing::Outgoing;
use super::state::WorkflowRun;
use super::step_at::StepAt;
use super::step_run::Awaited;
use super::step_scope::carried;
use super::turn::Turn;
use crate::coordination::signals::{Heard, Raise, Subscribe, Unsubscribe};

/// Bytes of a raise's id; a longer id is replaced by its hash.
const ID_BYTES_SPELLED: usize = 240;

fn named(id: String) -> String {
    if id.len() <= ID_BYTES_SPELLED {
        return id;
    }
    format!("~{:032x}", xxhash_rust::xxh3::xxh3_128(id.as_bytes()))
}

/// The signals of one step, in a command's turn.
pub(super) struct SignalTurn<'t, 'a> {
    pub(super) turn: &'t mut Turn<'a>,
    pub(super) at: StepAt,
}

impl SignalTurn<'_, '_> {
    /// Subscribes to the signals that the step depends on; false if it depends on none. A subscription also delivers
    /// earlier raises that the signal still keeps.
    pub(super) fn await_all(&mut self) -> bool {
        if self.turn.definition(self.at).signal_dependencies.is_empty() {
            return false;
        }
        let awaited = match self.dependencies() {
            Ok(awaited) => awaited,
            Err(why) => {
                let why = format!("signal_dependencies: {why}");
                self.turn.attempt(self.at).fail(StepStatus::FatallyFailed, &why);
                return true;
            }
        };
        let names: Vec<String> = awaited.iter().map(|one| one.name.clone()).collect();
        if !self.turn.step_mut(self.at).is_some_and(|step| step.await_signals(awaited)) {
            return true;
        }
        for (index, name) in names.into_iter().enumerate() {
            let (to, id) = self.subscription(index);
            self.turn.send(Outgoing::Subscribe(name, Subscribe { to, id, since: Some(0) }));
        }
        true
    }

    fn dependencies(&self) -> Result<Vec<Awaited>, String> {
        let definition = self.turn.definition(self.at);
        self.turn.scoped(self.at, None, |layers, scope| {
            let scope = Scope::new(layers, scope);
            let awaited = definition.signal_dependencies.iter().map(|dependency| {
                let name = scope.fill(&dependency.name).map_err(|error| error.to_string())?;
                let mut wanted = Ordered::new();
                for (key, one) in &dependency.match_params {
                    let value = evaluate_one(key, &one.param, &scope).map_err(|error| error.to_string())?;
                    wanted.insert(key.clone(), (one.operator.word().to_owned(), value));
                }
                Ok(Awaited { name, wanted, came: None })
            });
            awaited.collect()
        })
    }

    /// The address and id of one of the attempt's subscriptions.
    fn subscription(&self, index: usize) -> (Address, String) {
        let to = Address::of::<WorkflowRun>(self.turn.key);
        (to, format!("{}~{index}", self.turn.attempt_id(self.at)))
    }

    /// Takes a signal. The step goes on once all of its signals have arrived.
    pub(super) fn arrived(&mut self, index: usize, heard: &Heard) {
        let step = self.turn.step_mut(self.at);
        let Some(step) = step.filter(|step| step.status() == StepStatus::WaitingForSignals) else { return };
        let Some(awaited) = step.awaited.get_mut(index).filter(|awaited| awaited.came.is_none()) else {
            return;
        };
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
        self.unsubscribe(Some(index));
        if all {
            self.turn.attempt(self.at).evaluate();
        }
    }

    /// Ends one subscription of the attempt, or all of them.
    pub(super) fn unsubscribe(&mut self, only: Option<usize>) {
        let step = self.turn.step(self.at);
        let names = step.into_iter().flat_map(|step| &step.awaited).map(|awaited| awaited.name.clone());
        let names: Vec<String> = names.collect();
        for (index, name) in names.into_iter().enumerate() {
            if only.is_none_or(|only| only == index) {
                let (to, id) = self.subscription(index);
                self.turn.send(Outgoing::Unsubscribe(name, Unsubscribe { to, id }));
            }
        }
    }

    /// Raises the signals of the step's definition.
    pub(super) fn raise_outputs(&mut self, params: &Parameters) -> Result<(), String> {
        let definition = self.turn.definition(self.at);
        if definition.signal_outputs.is_empty() {
            return Ok(());
        }
        let evaluated = self.turn.scoped(self.at, Some(params), |layers, scope| {
            let scope = Scope::new(layers, scope);
            let outputs = definition.signal_outputs.iter().map(|output| {
                let name = scope.fill(&output.name).map_err(|error| error.to_string())?;
                let mut values = Ordered::new();
                for (key, one) in output.params.iter().chain(&output.payload) {
                    let value = evaluate_one(key, one, &scope);
                    values.insert(key.clone(), value.map_err(|error| error.to_string())?);
                }
                Ok((name, values))
            });
            outputs.collect::<Result<Vec<(String, Ordered<Value>)>, String>>()
        });
        for (name, values) in evaluated.map_err(|why| format!("signal_outputs: {why}"))? {
            self.raise(&name, &values);
        }
        Ok(())
    }

    pub(super) fn raise(&mut self, name: &str, values: &Ordered<Value>) {
        let params: BTreeMap<String, String> =
            values.iter().map(|(key, value)| (key.clone(), value.to_text())).collect();
        let raise = Raise {
            id: named(format!("{}:{name}", self.turn.attempt_id(self.at))),
            from: format!("workflow-runs/{}", self.turn.key),
            at: self.turn.now,
            params,
        };
        let line = format!("signal {name} raised by step {}", self.turn.id(self.at));
        self.turn.line(line);
        self.turn.send(Outgoing::Raise(name.to_owned(), Box::new(raise)));
    }
}
