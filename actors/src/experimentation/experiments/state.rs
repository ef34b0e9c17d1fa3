//! How an experiment decides, and whom it puts where.

use bincode::{Decode, Encode};
use serde::Serialize;
use troupe_runtime::entity::{Answer, Placement, Timer};
use troupe_runtime::{Address, Command, Context, Decide, Decision, Entity, Refused, Timestamp};

use super::batch::Batch;
use super::messages::{
    Climb, Conclude, Define, ExperimentSpec, ExperimentView, GetExperiment, PlanAhead, State, Stop,
};
use super::plan::Plan;
use crate::coordination::directory::{Directory, Enlist, Entry};
use crate::experimentation::outcomes::{Follow, Outcome};
use crate::stored::OptionalTail;

/// Arms of one experiment.
pub(super) const VARIATIONS_MAX: usize = 16;
/// Longest name of an experiment or variation, and longest seed, in bytes.
pub(super) const NAME_BYTES_MAX: usize = 64;

/// The timer of the ramp's next step.
const RAMP: &str = "ramp";

/// One experiment.
#[derive(Debug, Default, Encode, Decode, Serialize)]
pub struct Experiment {
    pub(super) state: State,
    pub(super) spec: Option<ExperimentSpec>,
    /// Its key, which seeds the hash.
    pub(super) key: String,
    pub(super) later: OptionalTail<Planned>,
}

/// What builds before this one did not know of an experiment.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode, Serialize)]
pub(super) struct Planned {
    pub(super) plan: Plan,
    /// Counts definitions: what was measured under another one is not mixed in.
    pub(super) revision: u64,
    /// When it was last started.
    pub(super) started: Option<Timestamp>,
    /// What was last concluded of it.
    pub(super) conclusion: Option<Conclude>,
    /// The newest step of its ramp that clients were told.
    pub(super) ramped: Option<Timestamp>,
    /// Members that were dealt out beforehand; nobody else takes part then.
    pub(super) batch: OptionalTail<Option<Batch>>,
}

/// What happened to an experiment.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
pub enum Event {
    /// It was defined.
    Defined(ExperimentSpec),
    /// It began.
    Started,
    /// It ended.
    Stopped,
    /// What it measures was set.
    Planned(Plan),
    /// It began, and when.
    Began(Timestamp),
    /// Its outcome was judged.
    Concluded(Conclude),
    /// A step of its ramp began.
    Ramped(Timestamp),
    /// Members were dealt out to its variations; taken back if none.
    Dealt(Option<Batch>),
}

impl Experiment {
    /// What it measures, and how it is judged.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.later.0.plan
    }

    /// Counts definitions of what is tried and measured.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.later.0.revision
    }

    /// What is tried, whether it runs or not.
    #[must_use]
    pub fn spec(&self) -> Option<&ExperimentSpec> {
        self.spec.as_ref()
    }

    pub(super) fn list<C: Command>(
        &self,
        decision: Decision<Self, C>,
        state: State,
        key: &str,
    ) -> Decision<Self, C> {
        let runs = state == State::Running;
        let entry = Entry {
            key: key.to_owned(),
            state: format!("{state:?}").to_lowercase(),
            about: self.spec.as_ref().map_or_else(String::new, |spec| spec.model.clone()),
            topics: if runs { self.plan().events() } else { Vec::new() },
            share: 1.0,
            due: None,
        };
        decision.tell(Directory::of::<Self>(), &Enlist { entry })
    }

    /// Whether it runs and measures whoever it is shown to.
    #[must_use]
    pub fn measures(&self) -> bool {
        self.running().is_some() && !self.plan().metrics.is_empty()
    }

    /// What is tried, while it runs.
    #[must_use]
    pub fn running(&self) -> Option<&ExperimentSpec> {
        self.spec.as_ref().filter(|_| self.state == State::Running)
    }
}

impl Entity for Experiment {
    const KIND: &'static str = "experiments";
    const PLACEMENT: Placement = Placement::Control;
    type Event = Event;

    fn create(key: &str) -> Self {
        Self { key: key.to_owned(), ..Self::default() }
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::Defined(spec) => {
                self.spec = Some(spec.clone());
                self.state = State::Draft;
                // Who was dealt out was dealt to other variations.
                self.later.0.batch = OptionalTail::default();
                self.begin_anew();
            }
            Event::Started => self.state = State::Running,
            Event::Stopped => self.state = State::Stopped,
            Event::Planned(plan) => {
                self.later.0.plan = plan.clone();
                self.begin_anew();
            }
            Event::Began(at) => {
                self.state = State::Running;
                (self.later.0.started, self.later.0.ramped) = (Some(*at), Some(*at));
            }
            Event::Ramped(at) => self.later.0.ramped = Some(*at),
            Event::Concluded(conclusion) => self.later.0.conclusion = Some(conclusion.clone()),
            Event::Dealt(batch) => {
                self.later.0.batch = OptionalTail(batch.clone());
                self.begin_anew();
            }
        }
    }
}

impl Experiment {
    fn begin_anew(&mut self) {
        self.later.0.revision += 1;
        self.later.0.conclusion = None;
    }
}

impl Experiment {
    /// Sets the timer of the ramp's next step, if there is one.
    pub(super) fn climb<C: Command>(&self, decision: Decision<Self, C>, now: Timestamp) -> Decision<Self, C> {
        match self.plan().ramp.iter().find(|(from, _)| *from > now) {
            Some((from, _)) => decision.set_timer(RAMP, Timer::once(*from, &Climb {})),
            None => decision,
        }
    }
}

impl Decide<Climb> for Experiment {
    fn decide(&self, _ask: &Climb, ctx: &Context<'_>) -> Decision<Self, Climb> {
        if self.state != State::Running {
            return Decision::unchanged().reply(());
        }
        self.climb(Decision::event(Event::Ramped(ctx.now)), ctx.now).reply(())
    }
}

impl Decide<PlanAhead> for Experiment {
    fn decide(&self, ask: &PlanAhead, _ctx: &Context<'_>) -> Decision<Self, PlanAhead> {
        let forced = || self.spec().map_or(Ok(()), |spec| ask.plan.check_forced(spec));
        if let Err(refused) = ask.plan.check().and_then(|()| forced()) {
            return Decision::refuse(refused);
        }
        if self.plan() == &ask.plan {
            return Decision::unchanged().reply(());
        }
        if self.state == State::Running {
            let why = "what a running experiment measures cannot be changed: stop it, or its looks would not be valid";
            return Decision::refuse(Refused::new("RUNNING", why));
        }
        Decision::event(Event::Planned(ask.plan.clone())).reply(())
    }
}

impl Decide<Conclude> for Experiment {
    fn decide(&self, ask: &Conclude, ctx: &Context<'_>) -> Decision<Self, Conclude> {
        // What was concluded of another definition is about nothing that is here.
        if ask.revision != self.revision() || self.later.0.conclusion.as_ref() == Some(ask) {
            return Decision::unchanged().reply(());
        }
        let decision = Decision::event(Event::Concluded(ask.clone()));
        if ask.stops && self.state == State::Running {
            let decision = decision.and(Event::Stopped).tell(outcome(ctx.key), &Follow { runs: false });
            return self.list(decision, State::Stopped, ctx.key).reply(());
        }
        decision.reply(())
    }
}

pub(super) fn outcome(key: &str) -> Address {
    Address::of::<Outcome>(key)
}

impl Decide<Define> for Experiment {
    fn decide(&self, ask: &Define, ctx: &Context<'_>) -> Decision<Self, Define> {
        if !is_name(ctx.key) {
            let why = format!("an experiment's name {}", name_rule());
            return Decision::refuse(Refused::field("BAD_NAME", "key", why));
        }
        if let Err(refused) = check(&ask.spec) {
            return Decision::refuse(refused);
        }
        if self.spec.as_ref() == Some(&ask.spec) {
            return Decision::unchanged().reply(());
        }
        if self.state == State::Running {
            let why = "a running experiment cannot be redefined: stop it, or its members would change arms";
            return Decision::refuse(Refused::new("RUNNING", why));
        }
        Decision::event(Event::Defined(ask.spec.clone())).reply(())
    }
}

fn check(spec: &ExperimentSpec) -> Result<(), Refused> {
    if spec.variations.len() < 2 || spec.variations.len() > VARIATIONS_MAX {
        let why = format!("variations must be 2 to {VARIATIONS_MAX}");
        return Err(Refused::field("BAD_VARIATIONS", "spec.variations", why));
    }
    for (at, variation) in spec.variations.iter().enumerate() {
        let field = format!("spec.variations[{at}].name");
        if !is_name(&variation.name) {
            return Err(Refused::field("BAD_NAME", field, format!("a variation's name {}", name_rule())));
        }
        if spec.variations[..at].iter().any(|other| other.name == variation.name) {
            return Err(Refused::field("BAD_NAME", field, format!("{:?} is there twice", variation.name)));
        }
    }
    if spec.model.is_empty() || spec.model.len() > NAME_BYTES_MAX {
        let why = format!("model must be 1 to {NAME_BYTES_MAX} bytes");
        return Err(Refused::field("BAD_NAME", "spec.model", why));
    }
    if spec.seed.as_ref().is_some_and(|seed| seed.len() > NAME_BYTES_MAX) {
        let why = format!("seed must be at most {NAME_BYTES_MAX} bytes");
        return Err(Refused::field("TOO_LONG", "spec.seed", why));
    }
    if !(0.0..=1.0).contains(&spec.coverage) {
        return Err(Refused::field("BAD_COVERAGE", "spec.coverage", "coverage must be 0 to 1"));
    }
    if let Some(weights) = &spec.weights {
        let sum: f64 = weights.iter().sum();
        let sound = weights.len() == spec.variations.len()
            && weights.iter().all(|weight| (0.0..=1.0).contains(weight))
            && (sum - 1.0).abs() <= 0.01;
        if !sound {
            let why = "weights must be one for each variation, 0 to 1, and sum to 1";
            return Err(Refused::field("BAD_WEIGHTS", "spec.weights", why));
        }
    }
    if !matches!(spec.hash_version, 1 | 2) {
        return Err(Refused::field("BAD_HASH_VERSION", "spec.hash_version", "hash_version must be 1 or 2"));
    }
    Ok(())
}

/// Names make up the keys of the exposure counters: without a colon, so that two pairs never share one.
pub(super) fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ');
    !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.chars().all(plain)
}

pub(super) fn name_rule() -> String {
    format!("must be 1 to {NAME_BYTES_MAX} bytes of letters, digits, spaces, _, - and .")
}

impl Decide<Stop> for Experiment {
    fn decide(&self, _ask: &Stop, ctx: &Context<'_>) -> Decision<Self, Stop> {
        if self.state != State::Running {
            return Decision::unchanged().reply(());
        }
        let mut decision = Decision::event(Event::Stopped);
        if !self.plan().metrics.is_empty() {
            decision = decision.tell(outcome(ctx.key), &Follow { runs: false });
        }
        self.list(decision, State::Stopped, ctx.key).reply(())
    }
}

impl Answer<GetExperiment> for Experiment {
    fn answer(&self, _ask: &GetExperiment, _ctx: &Context<'_>) -> Result<ExperimentView, Refused> {
        let Planned { plan, revision, started, conclusion, batch, .. } = self.later.0.clone();
        let dealt = batch.0.map_or(0, |batch| batch.len() as u64);
        let (state, spec) = (self.state, self.spec.clone());
        Ok(ExperimentView { state, spec, plan, revision, started, conclusion, dealt })
    }
}
