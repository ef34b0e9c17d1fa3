//! State and decisions of a participant.

use bincode::{Decode, Encode};
use serde::Serialize;
use troupe_runtime::entity::Answer;
use troupe_runtime::{Address, Context, Decide, Decision, Entity, Refused, text};

use super::messages::{Change, Expose, Exposed, GetParticipant, Measure, ParticipantView, Stake};
use crate::experimentation::experiments::{Aggregation, Experiment, MetricSpec, Plan};
use crate::experimentation::outcomes::{AddMembers, AddSums, Outcome, Withdraw};

/// Upper bound on the experiments of one member. At the bound, one that has stopped is forgotten. If all of them run,
/// a further exposure is refused: a forgotten running experiment would count the member twice.
pub(super) const STAKES_MAX: usize = 64;
/// Upper bound on the event types with totals from before an exposure.
const BEFORE_MAX: usize = 32;

/// One member's part in experiments, keyed by the member.
#[derive(Debug, Default, Encode, Decode, Serialize)]
pub struct Participant {
    stakes: Vec<Stake>,
    before: Vec<(String, f64, f64)>,
}

/// An event of a participant.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
pub enum Event {
    /// The member was exposed for the first time.
    Exposed(Stake),
    /// The member was exposed to a second variation.
    Mixed(String),
    /// An event was measured and changed these totals.
    Measured {
        /// Type of the event.
        kind: String,
        /// Value of the event.
        value: f64,
        /// Position of the experiment, position of the metric, new total, new denominator.
        totals: Vec<(u16, u16, f64, f64)>,
    },
    /// The totals of a stopped experiment were forgotten.
    Forgotten(String),
}

impl Entity for Participant {
    const KIND: &'static str = "participants";
    type Event = Event;

    fn create(_key: &str) -> Self {
        Self::default()
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::Exposed(stake) => {
                self.stakes.retain(|known| known.experiment != stake.experiment);
                if self.stakes.len() >= STAKES_MAX {
                    self.stakes.remove(0);
                }
                self.stakes.push(stake.clone());
            }
            Event::Mixed(experiment) => {
                if let Some(stake) = self.stakes.iter_mut().find(|stake| &stake.experiment == experiment) {
                    stake.mixed = true;
                }
            }
            Event::Forgotten(experiment) => self.stakes.retain(|stake| &stake.experiment != experiment),
            Event::Measured { kind, value, totals } => {
                let room = self.before.len() < BEFORE_MAX;
                match self.before.iter_mut().find(|(known, _, _)| known == kind) {
                    Some((_, count, sum)) => (*count, *sum) = (*count + 1.0, *sum + value),
                    None if room => self.before.push((kind.clone(), 1.0, *value)),
                    None => {}
                }
                for (stake, metric, x, z) in totals {
                    let stake = self.stakes.get_mut(usize::from(*stake));
                    if let Some(totals) = stake.and_then(|stake| stake.totals.get_mut(usize::from(*metric))) {
                        (totals.0, totals.1) = (*x, *z);
                    }
                }
            }
        }
    }

    fn size(&self) -> usize {
        let stake =
            |stake: &Stake| 120 + stake.experiment.len() + stake.variation.len() + stake.totals.len() * 24;
        size_of::<Self>() + self.stakes.iter().map(stake).sum::<usize>() + self.before.len() * 64
    }
}

impl Participant {
    /// The experiment to forget so that another one fits; `None` while there is room.
    fn room(&self, experiment: &str, ctx: &Context<'_>) -> Result<Option<String>, Refused> {
        let others = || self.stakes.iter().filter(|stake| stake.experiment != experiment);
        if others().count() < STAKES_MAX {
            return Ok(None);
        }
        let is_over = |stake: &&Stake| {
            let known = ctx.global::<Experiment>(&stake.experiment);
            known.is_none_or(|known| known.running().is_none() || known.revision() != stake.revision)
        };
        let over = others().find(is_over).map(|stake| stake.experiment.clone());
        over.map(Some).ok_or_else(|| {
            let why = format!(
                "the member is in {STAKES_MAX} running experiments, the most that are measured: stop one"
            );
            Refused::field("TOO_MANY", "experiment", why)
        })
    }

    fn covariate(&self, metric: &MetricSpec) -> f64 {
        let (count, sum) = self
            .before
            .iter()
            .find(|(kind, _, _)| *kind == metric.event)
            .map_or((0.0, 0.0), |(_, count, sum)| (*count, *sum));
        let x = match metric.of {
            Aggregation::Count => count,
            Aggregation::Sum => sum,
            Aggregation::Any => f64::from(u8::from(count > 0.0)),
        };
        cut(metric, x)
    }
}

fn cut(metric: &MetricSpec, x: f64) -> f64 {
    metric.cap.map_or(x, |cap| x.min(cap))
}

fn outcome(experiment: &str) -> Address {
    Address::of::<Outcome>(experiment)
}

impl Participant {
    /// Adds the member to an experiment, in place of the stopped experiment `over` if there is one.
    fn add_member(
        &self,
        ask: &Expose,
        experiment: &Experiment,
        over: Option<String>,
        ctx: &Context<'_>,
    ) -> Decision<Self, Expose> {
        let revision = experiment.revision();
        let covariates: Vec<f64> =
            experiment.plan().metrics.iter().map(|metric| self.covariate(metric)).collect();
        let add = AddMembers { revision, variation: ask.variation.clone(), covariates: covariates.clone() };
        let stake = Stake {
            experiment: ask.experiment.clone(),
            revision,
            variation: ask.variation.clone(),
            since: ctx.now,
            mixed: false,
            totals: covariates.into_iter().map(|y| (0.0, 0.0, y)).collect(),
        };
        let exposed = Event::Exposed(stake);
        let decision = match over {
            Some(over) => Decision::event(Event::Forgotten(over)).and(exposed),
            None => Decision::event(exposed),
        };
        decision.tell(outcome(&ask.experiment), &add).reply(Exposed { first: true })
    }
}

impl Decide<Expose> for Participant {
    fn decide(&self, ask: &Expose, ctx: &Context<'_>) -> Decision<Self, Expose> {
        let experiment = ctx.global::<Experiment>(&ask.experiment);
        let Some((experiment, spec)) = experiment.as_ref().and_then(|e| Some((e, e.running()?))) else {
            let why = format!("no experiment {:?} is running", text::cut(&ask.experiment, 64));
            return Decision::refuse(Refused::field("UNKNOWN_EXPERIMENT", "experiment", why));
        };
        if !spec.variations.iter().any(|variation| variation.name == ask.variation) {
            let known: Vec<&str> = spec.variations.iter().map(|variation| variation.name.as_str()).collect();
            let why = format!("{:?} has the variations {}", ask.experiment, known.join(", "));
            return Decision::refuse(Refused::field("UNKNOWN_VARIATION", "variation", why));
        }
        let revision = experiment.revision();
        let known = self.stakes.iter().find(|s| s.experiment == ask.experiment && s.revision == revision);
        let Some(known) = known else {
            // People chose the variation of a forced member. It says nothing about the members that the hash
            // assigned.
            if experiment.plan().forced.iter().any(|(member, _)| member == ctx.key) {
                return Decision::unchanged().reply(Exposed { first: false });
            }
            return match self.room(&ask.experiment, ctx) {
                Err(refused) => Decision::refuse(refused),
                Ok(over) => self.add_member(ask, experiment, over, ctx),
            };
        };
        if known.variation == ask.variation || known.mixed {
            return Decision::unchanged().reply(Exposed { first: false });
        }
        let metrics = experiment.plan().metrics.iter();
        let changes = metrics
            .zip(&known.totals)
            .map(|(metric, &(x, z, y))| change((cut(metric, x), z), (0.0, 0.0), y, true));
        let withdraw = Withdraw { revision, variation: known.variation.clone(), changes: changes.collect() };
        Decision::event(Event::Mixed(ask.experiment.clone()))
            .tell(outcome(&ask.experiment), &withdraw)
            .reply(Exposed { first: false })
    }
}

impl Decide<Measure> for Participant {
    fn decide(&self, ask: &Measure, ctx: &Context<'_>) -> Decision<Self, Measure> {
        if ask.value.is_some_and(|value| !value.is_finite()) {
            let why = "value must be a finite number, in single precision";
            return Decision::refuse(Refused::field("NOT_FINITE", "value", why));
        }
        let value = f64::from(ask.value.unwrap_or(0.0));
        let (mut totals, mut tallies) = (Vec::new(), Vec::new());
        for (at, stake) in self.stakes.iter().enumerate().filter(|(_, stake)| !stake.mixed) {
            // An event from before the exposure says nothing about the variation.
            if ask.at < stake.since {
                continue;
            }
            let Some(experiment) = ctx.global::<Experiment>(&stake.experiment) else { continue };
            if experiment.running().is_none() || experiment.revision() != stake.revision {
                continue;
            }
            let tally = tally(experiment.plan(), stake, ask, value);
            let place = u16::try_from(at).unwrap_or(u16::MAX);
            totals.extend(tally.1.into_iter().map(|(metric, x, z)| (place, metric, x, z)));
            if !tally.0.changes.is_empty() || !tally.0.values.is_empty() {
                tallies.push((outcome(&stake.experiment), tally.0));
            }
        }
        let mut decision = Decision::event(Event::Measured { kind: ask.kind.clone(), value, totals });
        for (to, tally) in tallies {
            decision = decision.tell(to, &tally);
        }
        decision.reply(())
    }
}

/// The change of one experiment's sums by the event, and the member's new totals.
fn tally(plan: &Plan, stake: &Stake, ask: &Measure, value: f64) -> (AddSums, Vec<(u16, f64, f64)>) {
    let mut tally = AddSums {
        revision: stake.revision,
        variation: stake.variation.clone(),
        changes: Vec::new(),
        values: Vec::new(),
    };
    let mut totals = Vec::new();
    for (place, (metric, &(x, z, y))) in (0_u16..).zip(plan.metrics.iter().zip(&stake.totals)) {
        let counts = metric.event == ask.kind;
        if metric.quantile.is_some() {
            // A member adds one value, its first. Events of one member are correlated: a band over all of them would
            // count a few busy members as many.
            if counts && ask.value.is_some() && z == 0.0 {
                let value = cut(metric, value);
                totals.push((place, value, 1.0));
                tally.values.push((place, value));
            }
            continue;
        }
        let more = match metric.of {
            Aggregation::Count => x + 1.0,
            Aggregation::Sum => x + value,
            Aggregation::Any => 1.0,
        };
        let after_x = if counts { more } else { x };
        let after_z = if metric.per.as_deref() == Some(ask.kind.as_str()) { z + 1.0 } else { z };
        if after_x == x && after_z == z {
            continue;
        }
        totals.push((place, after_x, after_z));
        let change = change((cut(metric, x), z), (cut(metric, after_x), after_z), y, false);
        if change != Change::default() {
            tally.changes.push((place, change));
        }
    }
    (tally, totals)
}

/// The change of the sums when one member's totals go from `from` to `to`. With `leaves`, the member's share of the
/// covariate's sums is removed too.
fn change(from: (f64, f64), to: (f64, f64), y: f64, leaves: bool) -> Change {
    let covariate = if leaves { (-y, -y * y) } else { (0.0, 0.0) };
    Change {
        x: to.0 - from.0,
        xx: to.0 * to.0 - from.0 * from.0,
        z: to.1 - from.1,
        zz: to.1 * to.1 - from.1 * from.1,
        xz: to.0 * to.1 - from.0 * from.1,
        y: covariate.0,
        yy: covariate.1,
        xy: (to.0 - from.0) * y,
    }
}

impl Answer<GetParticipant> for Participant {
    fn answer(&self, _ask: &GetParticipant, _ctx: &Context<'_>) -> Result<ParticipantView, Refused> {
        Ok(ParticipantView { stakes: self.stakes.clone(), before: self.before.clone() })
    }
}
