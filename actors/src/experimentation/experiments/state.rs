//! State and decisions of an experiment.

use bincode::{Decode, Encode};
use serde::Serialize;
use troupe_runtime::entity::{Answer, Placement, Timer};
use troupe_runtime::{Address, Command, Context, Decide, Decision, Entity, Refused, Timestamp};

use super::batch::Batch;
use super::messages::{Climb, Conclude, Define, ExperimentView, GetExperiment, PlanAhead, State, Stop};
use super::plan::Plan;
use super::spec::{ExperimentSpec, is_name, name_rule};
use crate::coordination::directory::{Directory, Entry, Upsert};
use crate::experimentation::outcomes::{Follow, Outcome};
use crate::stored::OptionalTail;

/// The timer of the ramp's next step.
const RAMP: &str = "ramp";

/// One experiment.
#[derive(Debug, Default, Encode, Decode, Serialize)]
pub struct Experiment {
    pub(super) state: State,
    pub(super) spec: Option<ExperimentSpec>,
    /// The experiment's key, the default seed of the hash.
    pub(super) key: String,
    pub(super) later: OptionalTail<Planned>,
}

/// Fields of an experiment that older builds do not know.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode, Serialize)]
pub(super) struct Planned {
    pub(super) plan: Plan,
    /// Number of definitions so far; measurements under another definition are not mixed in.
    pub(super) revision: u64,
    /// Time of the last start.
    pub(super) started: Option<Timestamp>,
    /// The last verdict.
    pub(super) conclusion: Option<Conclude>,
    /// The newest step of the ramp that clients received.
    pub(super) ramped: Option<Timestamp>,
    /// Members assigned in advance; no other member takes part then.
    pub(super) batch: OptionalTail<Option<Batch>>,
}

/// An event of an experiment.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
pub enum Event {
    /// The experiment was defined.
    Defined(ExperimentSpec),
    /// The experiment was started, without a plan.
    Started,
    /// The experiment was stopped.
    Stopped,
    /// The plan was set.
    Planned(Plan),
    /// The experiment was started, at this time.
    Began(Timestamp),
    /// A verdict was received from the outcome.
    Concluded(Conclude),
    /// A step of the ramp began.
    Ramped(Timestamp),
    /// Members were assigned to the variations; `None` removes the batch.
    #[serde(rename = "Dealt")]
    Stratified(Option<Batch>),
}

impl Experiment {
    /// What the experiment measures and how it is judged.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.later.0.plan
    }

    /// Number of definitions so far.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.later.0.revision
    }

    /// What the experiment compares, running or not.
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
        decision.tell(Directory::of::<Self>(), &Upsert { entry })
    }

    /// Whether the experiment runs and measures its members.
    #[must_use]
    pub fn measures(&self) -> bool {
        self.running().is_some() && !self.plan().metrics.is_empty()
    }

    /// What the experiment compares, while it runs.
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
                // A batch was assigned to the variations of the old definition.
                self.later.0.batch = OptionalTail::default();
                self.begin_definition();
            }
            Event::Started => self.state = State::Running,
            Event::Stopped => self.state = State::Stopped,
            Event::Planned(plan) => {
                self.later.0.plan = plan.clone();
                self.begin_definition();
            }
            Event::Began(at) => {
                self.state = State::Running;
                (self.later.0.started, self.later.0.ramped) = (Some(*at), Some(*at));
            }
            Event::Ramped(at) => self.later.0.ramped = Some(*at),
            Event::Concluded(conclusion) => self.later.0.conclusion = Some(conclusion.clone()),
            Event::Stratified(batch) => {
                self.later.0.batch = OptionalTail(batch.clone());
                self.begin_definition();
            }
        }
    }
}

impl Experiment {
    fn begin_definition(&mut self) {
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
            let why = "the plan of a running experiment cannot be changed, as its looks would become invalid: stop it first";
            return Decision::refuse(Refused::new("RUNNING", why));
        }
        Decision::event(Event::Planned(ask.plan.clone())).reply(())
    }
}

impl Decide<Conclude> for Experiment {
    fn decide(&self, ask: &Conclude, ctx: &Context<'_>) -> Decision<Self, Conclude> {
        // A verdict on another definition does not apply.
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
        if let Err(refused) = ask.spec.check() {
            return Decision::refuse(refused);
        }
        if self.spec.as_ref() == Some(&ask.spec) {
            return Decision::unchanged().reply(());
        }
        if self.state == State::Running {
            let why =
                "a running experiment cannot be redefined, as its members would change arms: stop it first";
            return Decision::refuse(Refused::new("RUNNING", why));
        }
        Decision::event(Event::Defined(ask.spec.clone())).reply(())
    }
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
