//! What a run shows of itself.

use troupe_runtime::entity::Answer;
use troupe_runtime::{Context, Refused};
use troupe_workflows::definition::Step;

use super::lane::{Lane, StepRun};
use super::looping::child_key;
use super::messages::{
    Begin, GetIterations, GetLoop, GetRun, IterationsView, Kind, LaneView, LoopView, RunView, StepView,
};
use super::state::WorkflowRun;
use crate::stored::NamedFields;

/// Lanes that are shown of a loop.
const LANES_MAX: usize = 100;

impl Answer<GetRun> for WorkflowRun {
    fn answer(&self, _ask: &GetRun, ctx: &Context<'_>) -> Result<RunView, Refused> {
        let live = &self.live.0;
        let begun = self.begun.as_deref();
        let steps = begun.map_or(&[][..], Begin::steps);
        let lane = |(number, lane): (&u64, &Lane)| LaneView {
            lane: *number,
            values: NamedFields(lane.values.clone()),
            steps: steps.iter().zip(&lane.steps).map(|(defined, step)| view(defined, step)).collect(),
        };
        let mut lanes: Vec<LaneView> = live.lanes.iter().take(LANES_MAX).map(lane).collect();
        for shown in &mut lanes {
            for (place, step) in shown.steps.iter_mut().enumerate() {
                let run = live.lanes.get(&shown.lane).and_then(|lane| lane.steps.get(place));
                let running = run.and_then(|run| Some((run.attempt, run.looping.as_ref()?)));
                step.children = running.map_or_else(Vec::new, |(attempt, looping)| {
                    let key = |number: &u64| child_key(ctx.key, (shown.lane, place, attempt), *number);
                    looping.running.iter().map(key).collect()
                });
            }
        }
        Ok(RunView {
            of: begun.map(|begun| (begun.workflow.clone(), begun.version, begun.instance)),
            run: live.head.run,
            status: NamedFields(live.head.status),
            why: live.head.why.clone(),
            created: self.created,
            started: live.head.started,
            ended: live.head.ended,
            initiator: begun.map(|begun| begun.initiator.clone()).unwrap_or_default(),
            signals: begun.map(|begun| begun.signals.clone()).unwrap_or_default(),
            params: NamedFields(live.params.clone()),
            lanes,
            counts: live.head.counts,
            failures: live.failures.clone(),
            timeline: live.timeline.clone(),
        })
    }
}

/// How a step is.
pub(super) fn view(defined: &Step, step: &StepRun) -> StepView {
    let ways = defined.transition.successors.keys().enumerate();
    StepView {
        id: defined.id.clone(),
        sort: defined.step_type().word().to_owned(),
        status: NamedFields(step.status),
        attempt: step.attempt,
        started: step.started,
        ended: step.ended,
        why: step.why.clone(),
        progress: step.progress.clone(),
        params: NamedFields(step.params.clone()),
        output: NamedFields(step.output.clone()),
        history: step.history.clone(),
        next: ways.map(|(at, to)| (to.clone(), step.ways.get(at).copied())).collect(),
        iterations: step.looping.as_ref().map(|looping| (looping.total, looping.counts)),
        children: Vec::new(),
    }
}

impl Answer<GetLoop> for WorkflowRun {
    fn answer(&self, ask: &GetLoop, ctx: &Context<'_>) -> Result<LoopView, Refused> {
        let steps = self.begun.as_deref().map_or(&[][..], Begin::steps);
        let missing = || Refused::field("NO_STEP", "step", format!("no loop {:?} has begun", ask.step));
        let place = steps.iter().position(|step| step.id == ask.step).ok_or_else(missing)?;
        let step = self.live.0.lanes.get(&ask.lane).and_then(|lane| lane.steps.get(place));
        let (attempt, looping) =
            step.and_then(|step| Some((step.attempt, step.looping.as_ref()?))).ok_or_else(missing)?;
        // A while's only run carries all of it.
        let number = ask.iteration.checked_div(looping.stretch).unwrap_or(0);
        let range = match looping.stretch {
            0 => (0, u64::MAX),
            stretch => (number * stretch, (number + 1) * stretch),
        };
        let key = (number < looping.next).then(|| child_key(ctx.key, (ask.lane, place, attempt), number));
        Ok(LoopView { total: looping.total, counts: looping.counts, key, range })
    }
}

impl Answer<GetIterations> for WorkflowRun {
    fn answer(&self, _ask: &GetIterations, _ctx: &Context<'_>) -> Result<IterationsView, Refused> {
        let first = match self.begun.as_deref().map(|begun| &begun.kind.0) {
            Some(Kind::Foreach { from, .. }) => *from,
            _ => 0,
        };
        let live = &self.live.0;
        Ok(IterationsView {
            over: live.over.iter().map(|(number, status)| (first + number, NamedFields(*status))).collect(),
            running: live.lanes.keys().map(|number| first + number).collect(),
            failures: live.failures.iter().map(|(number, why)| (first + number, why.clone())).collect(),
        })
    }
}
