//! Triggers of a workflow: times, single signals and joined signals.

use std::collections::BTreeMap;

use troupe_runtime::entity::{CatchUp, Timer};
use troupe_runtime::{Address, Command, Decision, Timestamp};
use troupe_workflows::cron::Schedule;
use troupe_workflows::definition::{ParamSource, SignalTrigger, Workflow as Definition};
use troupe_workflows::params::{Facts, Lookup, Scope, Value};

use super::instances::WorkflowDraft;
use super::messages::{Fire, StartWorkflow, Started};
use super::state::{Change, HEARD_MAX, Raises, Workflow};
use crate::coordination::signals::{Heard, Signal, Subscribe, Unsubscribe};
use crate::orchestrator::runs::carried;
use crate::stored::NamedFields;

/// One raise of each signal by name: number and parameters.
type Joined = BTreeMap<String, (u64, BTreeMap<String, String>)>;

/// The name of a trigger's timer.
fn timer(trigger: usize) -> String {
    format!("cron-{trigger}")
}

/// The id of a trigger's subscription to a signal.
fn subscription(trigger: usize, signal: &str) -> String {
    format!("{trigger}/{signal}")
}

impl Workflow {
    /// Replaces the timers and subscriptions of the earlier active version with those of the new one.
    pub(super) fn arm<C: Command>(
        decision: Decision<Self, C>,
        (key, now): (&str, Timestamp),
        before: Option<&Definition>,
        after: Option<&Definition>,
    ) -> Decision<Self, C> {
        let mut decision = decision;
        let to = Address::of::<Self>(key);
        let hears = |workflow: &Definition| -> Vec<(String, String)> {
            let triggers = workflow.signal_triggers.iter().enumerate();
            triggers
                .flat_map(|(at, trigger)| {
                    trigger.definitions.keys().map(move |signal| (signal.clone(), subscription(at, signal)))
                })
                .collect()
        };
        let (old, new) = (before.map(hears).unwrap_or_default(), after.map(hears).unwrap_or_default());
        for (signal, id) in old.iter().filter(|one| !new.contains(one)) {
            let unsubscribe = Unsubscribe { to: to.clone(), id: id.clone() };
            decision = decision.tell(Address::of::<Signal>(signal.as_str()), &unsubscribe);
        }
        for (signal, id) in new.iter().filter(|one| !old.contains(one)) {
            let subscribe = Subscribe { to: to.clone(), id: id.clone(), since: None };
            decision = decision.tell(Address::of::<Signal>(signal.as_str()), &subscribe);
        }
        for at in 0..before.map_or(0, |workflow| workflow.time_triggers.len()) {
            decision = decision.cancel_timer(&timer(at));
        }
        for at in 0..after.map_or(0, |workflow| workflow.time_triggers.len()) {
            decision = Self::wind(decision, (key, now), after, at);
        }
        decision
    }

    /// Sets a trigger's timer to its next firing.
    pub(super) fn wind<C: Command>(
        decision: Decision<Self, C>,
        (key, now): (&str, Timestamp),
        active: Option<&Definition>,
        at: usize,
    ) -> Decision<Self, C> {
        let trigger = active.and_then(|workflow| workflow.time_triggers.get(at));
        let next = trigger
            .and_then(|trigger| Schedule::of(trigger, key).ok())
            .and_then(|schedule| schedule.next_after(i64::try_from(now.0).ok()?))
            .and_then(|ms| u64::try_from(ms).ok());
        match next {
            Some(ms) => {
                let due = Timestamp(ms);
                let fire = Fire { trigger: at as u64, at: due };
                let once = Timer { catch_up: CatchUp::One, ..Timer::once(due, &fire) };
                decision.set_timer(&timer(at), once)
            }
            None => decision.cancel_timer(&timer(at)),
        }
    }
}

impl WorkflowDraft<'_> {
    /// Starts an instance for a firing.
    pub(super) fn fire(&mut self, fire: &Fire) {
        let Some(version) = self.known.active else { return };
        if self.known.properties.time_trigger_disabled == Some(true) {
            return;
        }
        let zone = self.known.versions.get(&version).and_then(|version| {
            let trigger = version.workflow.time_triggers.get(usize::try_from(fire.trigger).ok()?)?;
            Some(trigger.timezone_or_default().to_owned())
        });
        let Some(zone) = zone else { return };
        let start = StartWorkflow {
            request_id: format!("time-{}-{}", fire.trigger, fire.at.0),
            version: version.to_string(),
            params: NamedFields::default(),
            source: NamedFields(ParamSource::TimeTrigger),
            initiator: NamedFields(
                serde_json::json!({ "type": "TIME", "timezone": zone, "trigger_time": fire.at.0 }),
            ),
            signals: BTreeMap::new(),
            notify: None,
        };
        if let Err(refused) = self.start(&start) {
            self.line(&format!("a time trigger started nothing: {refused}"));
        }
    }

    /// Drops the waiting raises of changed triggers: the new trigger may join them by other keys.
    pub(super) fn drop_stale_raises(&mut self, before: Option<&Definition>) {
        let after = self.known.active.and_then(|active| self.known.versions.get(&active));
        let triggers = |workflow: &Definition| workflow.signal_triggers.clone();
        let after = after.map(|version| triggers(&version.workflow)).unwrap_or_default();
        for (at, trigger) in before.map(triggers).unwrap_or_default().iter().enumerate() {
            if after.get(at) == Some(trigger) {
                continue;
            }
            for signal in trigger.definitions.keys() {
                let name = subscription(at, signal);
                if self.known.heard.contains_key(&name) {
                    self.apply(Change::Heard(name, Raises::new()));
                }
            }
        }
    }

    /// Takes a raise, and starts an instance for each complete join.
    pub(super) fn signal_arrived(&mut self, heard: &Heard, seed: u64) {
        let Some((trigger_at, _)) = heard.subscription.split_once('/') else { return };
        let Some(version) = self.known.active else { return };
        let at: Option<usize> = trigger_at.parse().ok();
        let trigger = at.and_then(|at| self.known.versions.get(&version)?.workflow.signal_triggers.get(at));
        let Some(trigger) = trigger.cloned() else { return };
        if self.known.properties.signal_trigger_disabled == Some(true) || !matches(&trigger, heard) {
            return;
        }
        let mut raises = self.known.heard.get(&heard.subscription).cloned().unwrap_or_default();
        if raises.iter().any(|(seq, _)| *seq == heard.seq) {
            return;
        }
        raises.push_back((heard.seq, heard.raise.params.clone()));
        if raises.len() > HEARD_MAX
            && let Some((oldest, _)) = raises.pop_front()
        {
            let what = format!("{}#{oldest} started nothing", heard.signal);
            self.line(&format!("{what}: {HEARD_MAX} newer raises wait for the trigger's other signals"));
        }
        self.apply(Change::Heard(heard.subscription.clone(), raises));
        while let Some(joined) = self.join(trigger_at, &trigger) {
            self.start_for(trigger_at, &trigger, version, joined, seed);
        }
    }

    /// Consumes one raise of each signal with equal join keys, the oldest first.
    fn join(&mut self, at: &str, trigger: &SignalTrigger) -> Option<Joined> {
        let names: Vec<&String> = trigger.definitions.keys().collect();
        let of = |name: &str| format!("{at}/{name}");
        let first = self.known.heard.get(&of(names.first()?))?.clone();
        for (seq, params) in first {
            let keys = |name: &str, params: &BTreeMap<String, String>| -> Vec<Option<String>> {
                trigger.definitions[name].join_keys.iter().map(|key| params.get(key).cloned()).collect()
            };
            let wanted = keys(names[0], &params);
            let mut joined = BTreeMap::from([(names[0].clone(), (seq, params.clone()))]);
            for name in &names[1..] {
                let found = self.known.heard.get(&of(name)).and_then(|raises: &Raises| {
                    raises.iter().find(|(_, params)| keys(name, params) == wanted).cloned()
                });
                let Some(found) = found else { break };
                joined.insert((*name).clone(), found);
            }
            if joined.len() < names.len() {
                continue;
            }
            for (name, (seq, _)) in &joined {
                let mut left = self.known.heard.get(&of(name)).cloned().unwrap_or_default();
                left.retain(|(other, _)| other != seq);
                self.apply(Change::Heard(of(name), left));
            }
            return Some(joined);
        }
        None
    }

    fn start_for(&mut self, at: &str, trigger: &SignalTrigger, version: u64, joined: Joined, seed: u64) {
        let raises: Vec<String> = joined.iter().map(|(name, (seq, _))| format!("{name}#{seq}")).collect();
        let signals: BTreeMap<String, BTreeMap<String, String>> =
            joined.into_iter().map(|(name, (_, params))| (name, params)).collect();
        let facts = TriggerFacts { signals: &signals, now: self.now, seed };
        let layers: [&dyn Lookup; 0] = [];
        let scope = Scope::new(&layers, &facts);
        let holds =
            trigger.condition.as_ref().map_or(Ok(true), |condition| scope.holds("condition", condition));
        match holds {
            Ok(true) => {}
            Ok(false) => {
                return self.line(&format!("{} started nothing: the condition is false", raises.join(", ")));
            }
            Err(error) => return self.line(&format!("{} started nothing: {error}", raises.join(", "))),
        }
        let dedup = trigger.dedup_expr.as_ref().map(|expression| scope.run("dedup_expr", expression));
        let request_id = match dedup {
            Some(Ok(value)) => format!("signal-{at}-{}", value.to_text()),
            Some(Err(error)) => return self.line(&format!("{} started nothing: {error}", raises.join(", "))),
            None => format!("signal-{at}-{}", raises.join("-")),
        };
        let start = StartWorkflow {
            request_id,
            version: version.to_string(),
            params: NamedFields(trigger.params.clone()),
            source: NamedFields(ParamSource::Signal),
            initiator: NamedFields(serde_json::json!({ "type": "SIGNAL", "signals": raises })),
            signals,
            notify: None,
        };
        match self.start(&start) {
            Ok(Started { instance: Some(number), fresh, .. }) => {
                let what = if fresh { "started" } else { "started nothing new: it is that of" };
                self.line(&format!("{} {what} instance {number}", raises.join(", ")));
            }
            Ok(_) => {}
            Err(refused) => self.line(&format!("{} started nothing: {refused}", raises.join(", "))),
        }
    }
}

fn matches(trigger: &SignalTrigger, heard: &Heard) -> bool {
    let Some(entry) = trigger.definitions.get(&heard.signal) else { return false };
    entry.match_params.iter().all(|(name, wanted)| {
        let came = heard.raise.params.get(name).map(|text| carried(text, &wanted.value));
        came.is_some_and(|carried| wanted.operator.holds(&carried, &wanted.value))
    })
}

fn typed(text: &str) -> Value {
    text.parse().map_or_else(|_| Value::from(text), Value::Long)
}

/// The facts of a trigger's expressions.
struct TriggerFacts<'a> {
    signals: &'a BTreeMap<String, BTreeMap<String, String>>,
    now: Timestamp,
    seed: u64,
}

impl Facts for TriggerFacts<'_> {
    fn now_ms(&self) -> i64 {
        i64::try_from(self.now.0).unwrap_or(i64::MAX)
    }

    fn seed(&self) -> u64 {
        self.seed
    }

    fn of_trigger(&self, param: &str) -> Option<Value> {
        self.signals.values().find_map(|params| params.get(param)).map(|text| typed(text))
    }

    fn of_signal(&self, signal: &str, param: &str) -> Option<Value> {
        self.signals.get(signal)?.get(param).map(|text| typed(text))
    }
}
