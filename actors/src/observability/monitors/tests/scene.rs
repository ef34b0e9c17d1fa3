//! A monitor with a manual clock, for the tests.

pub(super) use std::collections::BTreeMap;

pub(super) use rand::rngs::SmallRng;
pub(super) use rand::{Rng, SeedableRng};
pub(super) use serde_json::json;
pub(super) use troupe_runtime::entity::{Answer, Globals};
pub(super) use troupe_runtime::{Command, Context, Decide, Entity, Timestamp, wire};
pub(super) use troupe_statistics::drift::alert::AlertPolicy;
pub(super) use troupe_statistics::drift::batch::Expectation;
pub(super) use troupe_statistics::drift::monitor::{Feature, MonitorOptions};
pub(super) use troupe_statistics::drift::stream::{AdwinOptions, DetectorSpec, PageHinkleyOptions};

pub(super) use super::super::state::Phase;
pub(super) use super::super::{
    Compare, DefineMonitor, Event, Feed, GetMonitor, Label, Lift, MemberEvent, Monitor, MonitorSpec,
    MonitorView, Observe, Predicted, Row, Silence, Tick,
};
pub(super) use crate::coordination::signals::Raise;
pub(super) use crate::stored::NamedFields;

pub(super) fn feature(name: &str) -> Feature {
    Feature { name: name.to_owned(), expectation: Default::default() }
}

pub(super) fn spec() -> MonitorSpec {
    MonitorSpec {
        subject: "models/movies".to_owned(),
        features: vec![feature("a"), feature("b")],
        options: MonitorOptions { window: 100, ..MonitorOptions::default() },
        signal: Some("drift".to_owned()),
        ..MonitorSpec::default()
    }
}

/// A monitor with its clock and the effects that left it.
pub(super) struct Scene {
    pub(super) monitor: Monitor,
    pub(super) now: u64,
    pub(super) raised: Vec<Raise>,
    /// When timers are due, by name.
    pub(super) timers: BTreeMap<String, Timestamp>,
    pub(super) random: SmallRng,
}

impl Scene {
    pub(super) fn new(spec: MonitorSpec) -> Self {
        let random = SmallRng::seed_from_u64(3);
        let mut scene = Self {
            monitor: Monitor::default(),
            now: 1_000_000,
            raised: Vec::new(),
            timers: BTreeMap::new(),
            random,
        };
        scene.tell(&DefineMonitor { spec: NamedFields(spec), reference: None }).unwrap();
        scene
    }

    pub(super) fn tell<C: Command>(&mut self, command: &C) -> Result<C::Reply, String>
    where
        Monitor: Decide<C>,
        C::Reply: Clone,
    {
        let globals = Globals::default();
        let decision = self.monitor.decide(command, &Context::at(Timestamp(self.now), "m", &globals));
        let reply = decision
            .outcome()
            .map_err(|refused| format!("{} {}", refused.code, refused.field.clone().unwrap_or_default()))?;
        let reply = reply.cloned().ok_or("no reply")?;
        for effect in decision.effects().iter().filter(|effect| effect.verb == Raise::VERB) {
            self.raised.push(wire::decode(&effect.body).unwrap());
        }
        for (name, timer) in decision.timers() {
            match timer {
                Some(timer) => self.timers.insert(name.clone(), timer.due),
                None => self.timers.remove(name),
            };
        }
        for event in decision.events() {
            // A replica folds what was stored, into what was stored.
            self.monitor = wire::decode(&wire::encode(&self.monitor)).unwrap();
            self.monitor.apply(&wire::decode(&wire::encode(event)).unwrap());
        }
        Ok(reply)
    }

    pub(super) fn rows(&mut self, count: usize, shift: f64) -> Vec<Row> {
        let random = &mut self.random;
        let mut row = || Row {
            values: vec![Some(random.random::<f64>() + shift), Some(random.random())],
            ..Row::default()
        };
        (0..count).map(|_| row()).collect()
    }

    pub(super) fn observe(&mut self, count: usize, shift: f64) {
        self.now += 1_000;
        let rows = self.rows(count, shift);
        self.tell(&Observe { rows }).unwrap();
    }

    pub(super) fn view(&self) -> MonitorView {
        let globals = Globals::default();
        let ctx = Context::at(Timestamp(self.now), "m", &globals);
        self.monitor.answer(&GetMonitor { windows: None }, &ctx).unwrap()
    }
}
