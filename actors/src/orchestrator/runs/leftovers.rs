//! Runs of loops that nobody can ask for any more: they are told to go, a bounded number with each entry, until none is
//! left.

use serde::{Deserialize, Serialize};
use troupe_runtime::Address;
use troupe_runtime::entity::Timer;
use troupe_runtime::{Command, Context, Decision};
use troupe_workflows::definition::{Step, StepKind};

use super::change::{Change, Live};
use super::lane::StepRun;
use super::looping::child_key;
use super::messages::{Begin, Forget, Tick};
use super::state::{Event, WorkflowRun};
use super::turn::{TIMER, Told, Turn};
use crate::stored::NamedFields;

/// Runs of loops that are forgotten with one entry.
const CHILDREN_A_TURN: usize = 256;

/// The runs of one attempt's loop that are still to go: those below a number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Leftover {
    lane: u64,
    place: usize,
    attempt: u32,
    left: u64,
}

impl Leftover {
    /// Of the loop of a step's attempt; none where it has none. What a subworkflow started is its workflow's.
    fn of(lane: u64, place: usize, step: &StepRun, defined: &Step) -> Option<Self> {
        let loops = matches!(defined.kind, StepKind::Foreach { .. } | StepKind::While { .. });
        let left = step.looping.as_ref().filter(|_| loops)?.next;
        (left > 0).then_some(Self { lane, place, attempt: step.attempt, left })
    }
}

/// Takes the keys of as many runs as there is room for.
fn take(of: &str, leftovers: &mut Vec<Leftover>, room: usize) -> Vec<String> {
    let mut keys = Vec::new();
    while let Some(last) = leftovers.last_mut()
        && keys.len() < room
    {
        if last.left == 0 {
            leftovers.pop();
            continue;
        }
        last.left -= 1;
        keys.push(child_key(of, (last.lane, last.place, last.attempt), last.left));
    }
    leftovers.retain(|leftover| leftover.left > 0);
    keys
}

impl Turn<'_> {
    /// The runs of a step's loop are to go: its attempt is over and cannot be asked for any more.
    pub(super) fn leave_children(&mut self, lane: u64, place: usize, step: &StepRun) {
        let leftover = Leftover::of(lane, place, step, self.definition(place));
        self.live.leftovers.extend(leftover);
    }

    /// Tells those that are to go; the others are told with the next entry.
    pub(super) fn forget_leftovers(&mut self) {
        let keys = take(self.key, &mut self.live.leftovers, CHILDREN_A_TURN);
        self.told.extend(keys.into_iter().map(Told::Forget));
    }
}

impl WorkflowRun {
    fn told_to_go<C: Command<Reply = ()>>(
        decision: Decision<Self, C>,
        keys: Vec<String>,
    ) -> Decision<Self, C> {
        keys.into_iter().fold(decision, |decision, key| decision.tell(Address::of::<Self>(key), &Forget {}))
    }

    /// Goes on telling the leftovers of a run that is over, and goes with them if nobody asks for it any more.
    pub(super) fn tidy<C: Command<Reply = ()>>(&self, ctx: &Context<'_>) -> Decision<Self, C> {
        if let Some(begun) = self.begun.as_deref().filter(|_| self.live.0.head.unasked) {
            return self.forget(begun, ctx);
        }
        let mut left = self.live.0.clone();
        let keys = take(ctx.key, &mut left.leftovers, CHILDREN_A_TURN);
        let more = !left.leftovers.is_empty();
        let Some(change) = Change::between(&self.live.0, &left, Vec::new()) else {
            return Decision::unchanged().reply(());
        };
        let decision = Decision::event(Event::Changed(Box::new(NamedFields(change))));
        let decision = if more {
            decision.set_timer(TIMER, Timer::once(ctx.now, &Tick {}))
        } else {
            decision.cancel_timer(TIMER)
        };
        Self::told_to_go(decision, keys).reply(())
    }

    /// A loop's run that still goes on is to go: its stop may be on its way through runs of its own.
    pub(super) fn forget_later<C: Command<Reply = ()>>(&self) -> Decision<Self, C> {
        let mut later = self.live.0.clone();
        later.head.unasked = true;
        match Change::between(&self.live.0, &later, Vec::new()) {
            Some(change) => Decision::event(Event::Changed(Box::new(NamedFields(change)))).reply(()),
            None => Decision::unchanged().reply(()),
        }
    }

    /// Forgets a run that is over, once the runs of all of its loops have been told to go.
    pub(super) fn forget<C: Command<Reply = ()>>(
        &self,
        begun: &Begin,
        ctx: &Context<'_>,
    ) -> Decision<Self, C> {
        let mut left = self.live.0.clone();
        left.leave_all(begun);
        let keys = take(ctx.key, &mut left.leftovers, CHILDREN_A_TURN);
        let change = Change::between(&self.live.0, &left, Vec::new()).filter(|_| !left.leftovers.is_empty());
        let decision = match change {
            Some(change) => Decision::event(Event::Changed(Box::new(NamedFields(change))))
                .set_timer(TIMER, Timer::once(ctx.now, &Forget {})),
            None => Decision::event(Event::Forgotten).cancel_timer(TIMER),
        };
        Self::told_to_go(decision, keys).reply(())
    }
}

impl Live {
    /// All loops of all lanes are to go, and the lanes with them: nobody asks for these any more.
    fn leave_all(&mut self, begun: &Begin) {
        for (lane, held) in std::mem::take(&mut self.lanes) {
            let steps = held.steps.iter().zip(begun.steps()).enumerate();
            let loops = steps.filter_map(|(place, (step, defined))| Leftover::of(lane, place, step, defined));
            self.leftovers.extend(loops);
        }
    }

    /// Whether one entry cannot tell all that are to go.
    pub(super) fn leaves_much(&self) -> bool {
        let left: u64 = self.leftovers.iter().map(|leftover| leftover.left).sum();
        left > CHILDREN_A_TURN as u64
    }
}
