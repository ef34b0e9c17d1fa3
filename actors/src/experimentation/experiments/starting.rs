//! The start of an experiment, after checks against flags and running experiments.

use troupe_flags::growthbook::layers;
use troupe_flags::growthbook::wire::ExperimentDefinition;
use troupe_runtime::{Context, Decide, Decision, Refused};

use super::messages::{Start, State};
use super::plan::Plan;
use super::state::{Event, Experiment, outcome};
use crate::experimentation::flags::{Door, Flag, circle};
use crate::experimentation::outcomes::Follow;

impl Experiment {
    fn part(&self, key: &str) -> Option<ExperimentDefinition> {
        let layer = self.plan().layer.as_ref()?;
        let namespace = Some((layer.name.clone(), layer.from, layer.to));
        Some(ExperimentDefinition { key: key.to_owned(), namespace, ..ExperimentDefinition::default() })
    }

    /// Refuses a part of a layer that overlaps the part of a running experiment.
    fn check_layer(&self, ctx: &Context<'_>) -> Result<(), Refused> {
        let (Some(own), Some(layer)) = (self.part(ctx.key), &self.plan().layer) else { return Ok(()) };
        if self.later.0.batch.0.is_some() {
            let why = "members of a batch take part regardless of their hash: remove the layer or the batch";
            return Err(Refused::field("BATCH_IN_LAYER", "plan.layer", why));
        }
        let others = ctx.globals.all::<Self>();
        let running = others.iter().filter(|(key, other)| key != ctx.key && other.running().is_some());
        let mut parts: Vec<ExperimentDefinition> =
            running.filter_map(|(key, other)| other.part(key)).collect();
        let free = layers::free_part(&layer.name, layer.to - layer.from, &parts);
        parts.push(own);
        let at = parts.len() - 1;
        let met = layers::conflicts(&parts)
            .into_iter()
            .find(|conflict| conflict.pair.0 == at || conflict.pair.1 == at);
        let Some(met) = met else { return Ok(()) };
        let other = &parts[if met.pair.0 == at { met.pair.1 } else { met.pair.0 }];
        let (_, from, to) = other.namespace.clone().unwrap_or_default();
        let fix = free.map_or_else(
            || "no other part of this size is free: stop an experiment or take a smaller part".to_owned(),
            |(from, to)| format!("{from} to {to} is free"),
        );
        let why = format!("{:?} uses {from} to {to} of the layer {:?}: {fix}", other.key, layer.name);
        Err(Refused::field("OVERLAP", "plan.layer", why))
    }
}

impl Experiment {
    /// Refuses an experiment that would start and admit no member, or that clients would not see.
    fn check_start(&self, ctx: &Context<'_>) -> Result<(), Refused> {
        let Some(spec) = self.spec() else {
            return Err(Refused::new("UNDEFINED", "define the experiment first"));
        };
        self.plan().check_forced(spec)?;
        self.check_requires(ctx)?;
        self.check_layer(ctx)?;
        if ctx.global::<Flag>(ctx.key).is_some_and(|flag| flag.served(Door::Growthbook).is_some()) {
            let why = "a GrowthBook flag has this name and clients would see it instead: switch it off";
            return Err(Refused::field("BAD_NAME", "key", why));
        }
        Ok(())
    }

    /// Refuses a required flag that is missing or that depends on this experiment: no member would be admitted.
    fn check_requires(&self, ctx: &Context<'_>) -> Result<(), Refused> {
        let Some(name) = &self.plan().requires else { return Ok(()) };
        let refused = |code: &str, why: String| Err(Refused::field(code, "plan.requires", why));
        if ctx.global::<Flag>(name).is_none_or(|flag| flag.defined(Door::Growthbook).is_none()) {
            let why =
                format!("unknown GrowthBook flag {name:?}: define it first, otherwise no member is admitted");
            return refused("UNKNOWN_FLAG", why);
        }
        let own = serde_json::json!({ "rules": [{ "parentConditions": [{ "id": name }] }] });
        match circle(ctx.globals, ctx.key, &own) {
            Some(_) => refused("CIRCLE", format!("{name:?} depends on {:?}: break the circle", ctx.key)),
            None => Ok(()),
        }
    }
}

impl Decide<Start> for Experiment {
    fn decide(&self, _ask: &Start, ctx: &Context<'_>) -> Decision<Self, Start> {
        if self.state == State::Running {
            return Decision::unchanged().reply(());
        }
        if let Err(refused) = self.check_start(ctx) {
            return Decision::refuse(refused);
        }
        match self.state {
            State::Undefined | State::Running => Decision::unchanged().reply(()),
            // Without a plan, the event is the one that older builds know.
            State::Draft | State::Stopped
                if self.plan() == &Plan::default() && self.later.0.batch.0.is_none() =>
            {
                self.list(Decision::event(Event::Started), State::Running, ctx.key).reply(())
            }
            State::Draft | State::Stopped => {
                let decision = self.climb(Decision::event(Event::Began(ctx.now)), ctx.now);
                let decision = decision.tell(outcome(ctx.key), &Follow { runs: true });
                self.list(decision, State::Running, ctx.key).reply(())
            }
        }
    }
}
