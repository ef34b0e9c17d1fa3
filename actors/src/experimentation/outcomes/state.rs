//! State and decisions of an outcome.

use std::time::Duration;

use bincode::{Decode, Encode};
use serde::Serialize;
use troupe_runtime::entity::{Answer, CatchUp, Timer};
use troupe_runtime::{Address, Context, Decide, Decision, Entity, Refused, Timestamp};

use super::judge::judge;
use super::messages::{
    AddMembers, AddSums, Decided, Follow, GetOutcome, LookNow, LookView, OutcomeView, Withdraw,
};
use super::sums::Arm;
use crate::experimentation::experiments::{Conclude, Experiment, Method};

/// Upper bound on the looks kept; above it, every second look of the older half is dropped.
pub(super) const LOOKS_MAX: usize = 400;
/// Upper bound on arms. Experiments bound arms and metrics where they are defined; this one bounds messages that a
/// client sends directly.
const ARMS_MAX: usize = 16;
const METRICS_MAX: usize = 20;
const TIMER: &str = "look";
/// Milliseconds between the experiment's end and the last look.
const SETTLE_MS: u64 = 2_000;

/// The outcome of one experiment, keyed by it.
#[derive(Debug, Default, Serialize)]
pub struct Outcome {
    pub(super) revision: u64,
    pub(super) runs: bool,
    pub(super) arms: Vec<Arm>,
    pub(super) mixed: u64,
    pub(super) looked: u64,
    pub(super) looks: Vec<LookView>,
    pub(super) decided: Option<Decided>,
}

/// An event of an outcome.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
pub enum Event {
    /// The experiment started or stopped.
    Followed(bool),
    /// A member was added to an arm.
    #[serde(rename = "Enrolled")]
    MembersAdded(AddMembers),
    /// A member was removed from its arm.
    Withdrawn(Withdraw),
    /// An arm's sums changed.
    #[serde(rename = "Tallied")]
    SumsAdded(AddSums),
    /// A look was taken.
    Looked(Box<LookView>),
}

impl Outcome {
    /// Resets the state for another definition of the experiment.
    fn turn_to(&mut self, revision: u64) {
        if revision > self.revision {
            *self = Self { revision, runs: self.runs, ..Self::default() };
        }
    }

    fn arm(&mut self, variation: &str) -> Option<&mut Arm> {
        let at = match self.arms.iter().position(|arm| arm.variation == variation) {
            Some(at) => at,
            None if self.arms.len() < ARMS_MAX => {
                self.arms.push(Arm { variation: variation.to_owned(), ..Arm::default() });
                self.arms.len() - 1
            }
            None => return None,
        };
        self.arms.get_mut(at)
    }

    fn keep(&mut self, look: &LookView) {
        self.looked += 1;
        if self.decided.is_none() && is_decision(&look.verdict) {
            let LookView { at, verdict, words, .. } = look.clone();
            self.decided = Some(Decided { at, verdict, words });
        }
        self.looks.push(look.clone());
        if self.looks.len() > LOOKS_MAX {
            let mut at = 0;
            self.looks.retain(|_| {
                at += 1;
                at > LOOKS_MAX / 2 || at % 2 == 1
            });
        }
    }
}

fn is_decision(verdict: &str) -> bool {
    !matches!(verdict, "open" | "no_data")
}

impl Entity for Outcome {
    const KIND: &'static str = "outcomes";
    type Event = Event;

    fn create(_key: &str) -> Self {
        Self::default()
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::Followed(runs) => self.runs = *runs,
            Event::MembersAdded(added) => {
                self.turn_to(added.revision);
                let Some(arm) = self.arm(&added.variation) else { return };
                arm.members += 1;
                for (place, y) in added.covariates.iter().enumerate() {
                    let sums = &mut arm.sums(place).0;
                    sums.y += y;
                    sums.yy += y * y;
                }
            }
            Event::Withdrawn(withdraw) => {
                self.mixed += 1;
                let Some(arm) = self.arm(&withdraw.variation) else { return };
                arm.members = arm.members.saturating_sub(1);
                for (place, change) in withdraw.changes.iter().enumerate() {
                    match arm.values.get_mut(place).filter(|values| values.count > 0) {
                        // In a quantile metric, `x` is the member's value and `z` is 1 once there is one.
                        Some(values) if change.z < 0.0 => values.remove(-change.x),
                        Some(_) => {}
                        None => arm.sums(place).add(change),
                    }
                }
            }
            Event::SumsAdded(added) => {
                let Some(arm) = self.arm(&added.variation) else { return };
                for (place, change) in &added.changes {
                    arm.sums(usize::from(*place)).add(change);
                }
                for (place, value) in &added.values {
                    arm.values(usize::from(*place)).add(*value);
                }
            }
            Event::Looked(look) => self.keep(look),
        }
    }

    fn size(&self) -> usize {
        let looks: usize = self.looks.iter().map(|look| 120 + look.measured.len() * 200).sum();
        let arms: usize = self.arms.iter().map(|arm| arm.sums.len() * 64 + arm.values.len() * 4_096).sum();
        size_of::<Self>() + looks + arms
    }
}

impl Decide<Follow> for Outcome {
    fn decide(&self, ask: &Follow, ctx: &Context<'_>) -> Decision<Self, Follow> {
        let decision = Decision::event(Event::Followed(ask.runs));
        if !ask.runs {
            // The last look, at which a fixed-horizon plan decides, waits until events in flight have arrived.
            let last = Timer::once(Timestamp(ctx.now.0 + SETTLE_MS), &LookNow {});
            return decision.set_timer(TIMER, last).reply(());
        }
        // The experiment's shard may be ahead of this node's copy of it. The default of a minute then applies to the
        // first look.
        let every = ctx.global::<Experiment>(ctx.key).map_or(60_000, |e| e.plan().look_every_ms());
        let due = Timestamp(ctx.now.0 + every);
        let timer = Timer::every(due, Duration::from_millis(every), CatchUp::One, &LookNow {});
        decision.set_timer(TIMER, timer).reply(())
    }
}

fn fits(metrics: usize) -> bool {
    metrics <= METRICS_MAX
}

impl Decide<AddMembers> for Outcome {
    fn decide(&self, ask: &AddMembers, _ctx: &Context<'_>) -> Decision<Self, AddMembers> {
        if ask.revision < self.revision || !fits(ask.covariates.len()) {
            return Decision::unchanged().reply(());
        }
        Decision::event(Event::MembersAdded(ask.clone())).reply(())
    }
}

impl Decide<Withdraw> for Outcome {
    fn decide(&self, ask: &Withdraw, _ctx: &Context<'_>) -> Decision<Self, Withdraw> {
        if ask.revision != self.revision || !fits(ask.changes.len()) {
            return Decision::unchanged().reply(());
        }
        Decision::event(Event::Withdrawn(ask.clone())).reply(())
    }
}

impl Decide<AddSums> for Outcome {
    fn decide(&self, ask: &AddSums, _ctx: &Context<'_>) -> Decision<Self, AddSums> {
        let far =
            ask.changes.iter().map(|(place, _)| *place).chain(ask.values.iter().map(|(place, _)| *place));
        if ask.revision != self.revision || !fits(far.max().map_or(0, |place| usize::from(place) + 1)) {
            return Decision::unchanged().reply(());
        }
        Decision::event(Event::SumsAdded(ask.clone())).reply(())
    }
}

impl Decide<LookNow> for Outcome {
    fn decide(&self, _ask: &LookNow, ctx: &Context<'_>) -> Decision<Self, LookNow> {
        let experiment = ctx.global::<Experiment>(ctx.key);
        let Some((experiment, spec)) = experiment.as_ref().and_then(|e| Some((e, e.spec()?))) else {
            return Decision::refuse(Refused::new("UNKNOWN_EXPERIMENT", "unknown experiment"));
        };
        if experiment.revision() != self.revision {
            // No member was exposed under this definition: there is nothing to judge and nothing to keep.
            let words = "no member has been exposed yet".to_owned();
            let none = LookView { at: ctx.now, verdict: "no_data".to_owned(), words, ..LookView::default() };
            return Decision::unchanged().reply(none);
        }
        let plan = experiment.plan();
        let look = judge(spec, plan, &self.arms, self.runs, ctx.now);
        let mut decision = Decision::event(Event::Looked(Box::new(look.clone())));
        if self.decided.is_none() && is_decision(&look.verdict) {
            let stops = plan.stops_on_harm && matches!(look.verdict.as_str(), "harm" | "imbalance");
            let LookView { at, verdict, words, .. } = look.clone();
            let conclude = Conclude { revision: self.revision, at, verdict, words, stops };
            decision = decision.tell(Address::of::<Experiment>(ctx.key), &conclude);
        }
        decision.reply(look)
    }
}

impl Answer<GetOutcome> for Outcome {
    fn answer(&self, _ask: &GetOutcome, ctx: &Context<'_>) -> Result<OutcomeView, Refused> {
        let method = ctx.global::<Experiment>(ctx.key).map(|experiment| experiment.plan().method);
        Ok(OutcomeView {
            revision: self.revision,
            runs: self.runs,
            members: self.arms.iter().map(|arm| (arm.variation.clone(), arm.members)).collect(),
            mixed: self.mixed,
            looks_are_free: method == Some(Method::Sequential),
            looked: self.looked,
            looks: self.looks.clone(),
            decided: self.decided.clone(),
        })
    }
}
