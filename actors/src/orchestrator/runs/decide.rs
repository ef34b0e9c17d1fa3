//! How a run decides.

use troupe_runtime::{Command, Context, Decide, Decision, Refused, wire};

use super::change::Live;
use super::messages::{Act, Begin, Ended, Forget, Kind, Restart, Stop, Tick};
use super::state::{Event, WorkflowRun};
use super::turn::Turn;
use crate::coordination::signals::Heard;
use crate::coordination::work_queues::{Finished, Progress};
use crate::orchestrator::permits::Permitted;

impl WorkflowRun {
    /// Carries the run on after `act`; one that is over or never began stays as it is.
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
        turn.go();
        turn.decide(&self.live.0, Decision::unchanged()).reply(())
    }
}

/// Lane, place and attempt out of an id's last part, which begins with the run.
pub(super) fn of_attempt(id: &str, run: u64) -> Option<(u64, usize, u32)> {
    let mut parts = id.split('.');
    (parts.next()?.parse() == Ok(run)).then_some(())?;
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

impl Turn<'_> {
    /// The step of a task's or subscription's id, if its present attempt is meant.
    fn meant(&self, id: &str) -> Option<(u64, usize)> {
        let (key, rest) = id.rsplit_once('#')?;
        let (lane, place, attempt) = of_attempt(rest, self.live.head.run).filter(|_| key == self.key)?;
        let step = self.live.lanes.get(&lane)?.steps.get(place)?;
        (step.attempt == attempt && step.status.is_active()).then_some((lane, place))
    }
}

impl Decide<Begin> for WorkflowRun {
    fn decide(&self, ask: &Begin, ctx: &Context<'_>) -> Decision<Self, Begin> {
        if self.begun.is_some() {
            return Decision::unchanged().reply(());
        }
        let mut turn = Turn::new(ask, Live::default(), ctx);
        turn.bytes = wire::encode(ask).len();
        turn.begin(None);
        let decision = Decision::event(Event::Begun(Box::new(ask.clone()), ctx.now));
        turn.decide(&self.live.0, decision).reply(())
    }
}

impl Decide<Tick> for WorkflowRun {
    fn decide(&self, _ask: &Tick, ctx: &Context<'_>) -> Decision<Self, Tick> {
        if !self.goes_on() {
            return self.tidy(ctx);
        }
        self.carry(ctx, |turn| {
            turn.look_at_clock();
            if turn.live.head.until.is_some_and(|until| until <= turn.now) {
                turn.time_out();
            }
        })
    }
}

impl Decide<Finished> for WorkflowRun {
    fn decide(&self, ask: &Finished, ctx: &Context<'_>) -> Decision<Self, Finished> {
        self.carry(ctx, |turn| {
            if let Some((lane, place)) = turn.meant(&ask.id) {
                turn.finished(lane, place, &ask.outcome);
            }
        })
    }
}

impl Decide<Progress> for WorkflowRun {
    fn decide(&self, ask: &Progress, ctx: &Context<'_>) -> Decision<Self, Progress> {
        self.carry(ctx, |turn| {
            if let Some((lane, place)) = turn.meant(&ask.id)
                && let Some(step) = turn.step(lane, place)
            {
                step.progress = Some((ask.words.clone(), ask.share));
            }
        })
    }
}

impl Decide<Heard> for WorkflowRun {
    fn decide(&self, ask: &Heard, ctx: &Context<'_>) -> Decision<Self, Heard> {
        self.carry(ctx, |turn| {
            let Some((id, at)) = ask.subscription.rsplit_once('~') else { return };
            if let (Some((lane, place)), Ok(at)) = (turn.meant(id), at.parse()) {
                turn.heard(lane, place, at, ask);
            }
        })
    }
}

impl Decide<Permitted> for WorkflowRun {
    fn decide(&self, ask: &Permitted, ctx: &Context<'_>) -> Decision<Self, Permitted> {
        self.carry(ctx, |turn| {
            if let Some((lane, place)) = turn.meant(&ask.id) {
                turn.permitted(lane, place, ask);
            }
        })
    }
}

impl Decide<Ended> for WorkflowRun {
    fn decide(&self, ask: &Ended, ctx: &Context<'_>) -> Decision<Self, Ended> {
        self.carry(ctx, |turn| {
            let Some((lane, place, attempt)) = of_attempt(&ask.id, turn.live.head.run) else { return };
            let number = ask.id.rsplit('.').next().and_then(|number| number.parse().ok());
            let present = turn.step(lane, place).is_some_and(|step| step.attempt == attempt);
            if let Some(number) = number.filter(|_| present) {
                turn.child_ended(lane, place, number, ask);
            }
        })
    }
}

impl Decide<Stop> for WorkflowRun {
    fn decide(&self, ask: &Stop, ctx: &Context<'_>) -> Decision<Self, Stop> {
        self.carry(ctx, |turn| turn.stop_all(&ask.why, ask.kill))
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

impl Decide<Act> for WorkflowRun {
    fn decide(&self, ask: &Act, ctx: &Context<'_>) -> Decision<Self, Act> {
        let Some(begun) = self.begun.as_deref().filter(|_| self.goes_on()) else {
            return Decision::refuse(Refused::new("NOT_RUNNING", "the run is over: restart the instance"));
        };
        let mut turn = Turn::new(begun, self.live.0.clone(), ctx);
        let Some(place) = turn.graph.place(&ask.step) else {
            let why = format!("there is no step {:?}", ask.step);
            return Decision::refuse(Refused::field("NO_STEP", "step", why));
        };
        if let Err(why) = turn.act(ask.lane, place, ask.act, &ask.by) {
            return Decision::refuse(Refused::field("WRONG_STATE", "act", why));
        }
        turn.go();
        turn.decide(&self.live.0, Decision::unchanged()).reply(())
    }
}

impl Decide<Restart> for WorkflowRun {
    fn decide(&self, ask: &Restart, ctx: &Context<'_>) -> Decision<Self, Restart> {
        let Some(begun) = self.begun.as_deref() else {
            return Decision::refuse(Refused::new("NOT_BEGUN", "there is no such instance"));
        };
        let head = &self.live.0.head;
        if ask.run <= head.run {
            return Decision::unchanged().reply(());
        }
        if self.goes_on() {
            return Decision::refuse(Refused::new("RUNNING", "the instance still runs: stop it first"));
        }
        if let super::RestartAt::Step(step) = &ask.at
            && !begun.steps().iter().any(|known| known.id == *step)
        {
            return Decision::refuse(Refused::field("NO_STEP", "at", format!("there is no step {step:?}")));
        }
        let Kind::Instance { workflow, upstream, .. } = &begun.kind.0 else {
            return Decision::refuse(Refused::new("A_LOOP", "restart the instance that the loop belongs to"));
        };
        let kind = Kind::Instance {
            workflow: workflow.clone(),
            params: ask.params.0.clone(),
            source: troupe_workflows::definition::ParamSource::Restart,
            upstream: *upstream,
            bounded: begun.is_bounded(),
        };
        let again = Begin { kind: crate::stored::NamedFields(kind), ..begun.clone() };
        let mut turn = Turn::new(&again, self.live.0.clone(), ctx);
        turn.live.shelve();
        turn.live.head.run = ask.run - 1;
        let by = if ask.by.is_empty() { "somebody" } else { &ask.by };
        turn.line(format!("restarted by {by}"));
        turn.begin(Some(&ask.at));
        turn.decide(&self.live.0, Decision::unchanged()).reply(())
    }
}
