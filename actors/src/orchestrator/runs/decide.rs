//! The decisions of a run on its commands; a command that concerns one area has its decision there.

use troupe_runtime::{Command, Context, Decide, Decision, Refused, wire};

use super::change::Live;
use super::messages::{Begin, Ended, Forget, Kind, Stop, Tick};
use super::state::{Event, WorkflowRun};
use super::step_at::{AttemptAt, StepAt};
use super::turn::Turn;
use crate::coordination::signals::Heard;
use crate::coordination::work_queues::{Finished, Progress};
use crate::orchestrator::permits::Permitted;

impl WorkflowRun {
    /// Carries the run on after `act`. A run that has ended or has not begun stays unchanged.
    pub(super) fn carry<C: Command<Reply = ()>>(
        &self,
        ctx: &Context<'_>,
        act: impl FnOnce(&mut Turn<'_>),
    ) -> Decision<Self, C> {
        let Some(begun) = self.begun.as_deref().filter(|_| self.goes_on()) else {
            return Decision::unchanged().reply(());
        };
        let mut turn = Turn::new(begun, self.live.0.clone(), ctx);
        act(&mut turn);
        turn.run().carry();
        turn.decide(&self.live.0, Decision::unchanged()).reply(())
    }
}

impl Turn<'_> {
    /// The step that a task, subscription or permit id names, if its attempt is the present one and active.
    fn step_of(&self, id: &str) -> Option<StepAt> {
        let (key, rest) = id.rsplit_once('#')?;
        let AttemptAt { at, attempt } =
            AttemptAt::parse(rest, self.live.head.run).filter(|_| key == self.key)?;
        let step = self.step(at)?;
        (step.attempt == attempt && step.status().is_active()).then_some(at)
    }
}

impl Decide<Begin> for WorkflowRun {
    fn decide(&self, ask: &Begin, ctx: &Context<'_>) -> Decision<Self, Begin> {
        if self.begun.is_some() {
            return Decision::unchanged().reply(());
        }
        let mut turn = Turn::new(ask, Live::default(), ctx);
        turn.bytes = wire::encode(ask).len();
        turn.run().begin(None);
        let decision = Decision::event(Event::Begun(Box::new(ask.clone()), ctx.now));
        turn.decide(&self.live.0, decision).reply(())
    }
}

impl Decide<Tick> for WorkflowRun {
    fn decide(&self, _ask: &Tick, ctx: &Context<'_>) -> Decision<Self, Tick> {
        if !self.goes_on() {
            return self.clean_up(ctx);
        }
        self.carry(ctx, |turn| turn.run().look_at_clock())
    }
}

impl Decide<Finished> for WorkflowRun {
    fn decide(&self, ask: &Finished, ctx: &Context<'_>) -> Decision<Self, Finished> {
        self.carry(ctx, |turn| {
            if let Some(at) = turn.step_of(&ask.id) {
                turn.attempt(at).finished(&ask.outcome);
            }
        })
    }
}

impl Decide<Progress> for WorkflowRun {
    fn decide(&self, ask: &Progress, ctx: &Context<'_>) -> Decision<Self, Progress> {
        self.carry(ctx, |turn| {
            if let Some(at) = turn.step_of(&ask.id)
                && let Some(step) = turn.step_mut(at)
            {
                step.progress = Some((ask.words.clone(), ask.share));
            }
        })
    }
}

impl Decide<Heard> for WorkflowRun {
    fn decide(&self, ask: &Heard, ctx: &Context<'_>) -> Decision<Self, Heard> {
        self.carry(ctx, |turn| {
            let Some((id, index)) = ask.subscription.rsplit_once('~') else { return };
            if let (Some(at), Ok(index)) = (turn.step_of(id), index.parse()) {
                turn.signals(at).arrived(index, ask);
            }
        })
    }
}

impl Decide<Permitted> for WorkflowRun {
    fn decide(&self, ask: &Permitted, ctx: &Context<'_>) -> Decision<Self, Permitted> {
        self.carry(ctx, |turn| {
            if let Some(at) = turn.step_of(&ask.id) {
                turn.permits(at).answered(ask);
            }
        })
    }
}

impl Decide<Ended> for WorkflowRun {
    fn decide(&self, ask: &Ended, ctx: &Context<'_>) -> Decision<Self, Ended> {
        self.carry(ctx, |turn| {
            let Some(AttemptAt { at, attempt }) = AttemptAt::parse(&ask.id, turn.live.head.run) else {
                return;
            };
            let number = ask.id.rsplit('.').next().and_then(|number| number.parse().ok());
            let present = turn.step(at).is_some_and(|step| step.attempt == attempt);
            if let Some(number) = number.filter(|_| present) {
                turn.children(at).child_ended(number, ask);
            }
        })
    }
}

impl Decide<Stop> for WorkflowRun {
    fn decide(&self, ask: &Stop, ctx: &Context<'_>) -> Decision<Self, Stop> {
        self.carry(ctx, |turn| turn.run().stop(&ask.why, ask.kill))
    }
}

impl Decide<Forget> for WorkflowRun {
    fn decide(&self, _ask: &Forget, ctx: &Context<'_>) -> Decision<Self, Forget> {
        let Some(begun) = self.begun.as_deref() else { return Decision::unchanged().reply(()) };
        if self.goes_on() {
            if !matches!(begun.kind.0, Kind::Instance { .. }) {
                return self.forget_later();
            }
            return Decision::refuse(Refused::new("RUNNING", "the run is not over: stop it first"));
        }
        self.forget(begun, ctx)
    }
}
