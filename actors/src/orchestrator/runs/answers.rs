//! The answers of a run to queries: its state, its loops and their iterations.

use troupe_runtime::entity::Answer;
use troupe_runtime::{Context, Refused};
use troupe_workflows::definition::Step;

use super::iteration::Iteration;
use super::loops::child_key;
use super::messages::{Begin, GetIterations, GetLoop, GetRun, Kind};
use super::state::WorkflowRun;
use super::step_at::StepAt;
use super::step_run::StepRun;
use super::views::{IterationView, IterationsView, LoopView, RunView, StepView};
use crate::stored::NamedFields;

/// Running iterations that an answer contains.
const ITERATIONS_MAX: usize = 100;

impl Answer<GetRun> for WorkflowRun {
    fn answer(&self, _ask: &GetRun, ctx: &Context<'_>) -> Result<RunView, Refused> {
        let live = &self.live.0;
        let begun = self.begun.as_deref();
        let steps = begun.map_or(&[][..], Begin::steps);
        let children = |at: StepAt, step: &StepRun| -> Vec<String> {
            let running = step.looping.iter().flat_map(|looping| &looping.running);
            running.map(|number| child_key(ctx.key, at.attempt(step.attempt), *number)).collect()
        };
        let shown = |(number, iteration): (&u64, &Iteration)| {
            let steps = steps.iter().zip(&iteration.steps).enumerate();
            let steps = steps.map(|(step_index, (definition, step))| {
                let children = children(StepAt { iteration: *number, step_index }, step);
                StepView { children, ..view(definition, step) }
            });
            IterationView {
                iteration: *number,
                values: NamedFields(iteration.values.clone()),
                steps: steps.collect(),
            }
        };
        let iterations = live.iterations.iter().take(ITERATIONS_MAX).map(shown).collect();
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
            iterations,
            counts: live.head.counts,
            failures: live.failures.clone(),
            timeline: live.timeline.clone(),
        })
    }
}

/// The view of a step, without its child runs.
pub(super) fn view(definition: &Step, step: &StepRun) -> StepView {
    let edges = definition.transition.successors.keys().enumerate();
    StepView {
        id: definition.id.clone(),
        sort: definition.step_type().word().to_owned(),
        status: NamedFields(step.status()),
        attempt: step.attempt,
        started: step.started,
        ended: step.ended,
        why: step.why.clone(),
        progress: step.progress.clone(),
        params: NamedFields(step.params.clone()),
        output: NamedFields(step.output.clone()),
        history: step.history.clone(),
        next: edges.map(|(at, to)| (to.clone(), step.edges_taken.get(at).copied())).collect(),
        iterations: step.looping.as_ref().map(|looping| (looping.total, looping.counts)),
        children: Vec::new(),
    }
}

impl Answer<GetLoop> for WorkflowRun {
    fn answer(&self, ask: &GetLoop, ctx: &Context<'_>) -> Result<LoopView, Refused> {
        let steps = self.begun.as_deref().map_or(&[][..], Begin::steps);
        let missing = || Refused::field("NO_STEP", "step", format!("loop {:?} has not begun", ask.step));
        let step_index = steps.iter().position(|step| step.id == ask.step).ok_or_else(missing)?;
        let at = StepAt { iteration: ask.outer_iteration, step_index };
        let step = self.live.0.step(at);
        let (attempt, looping) =
            step.and_then(|step| Some((step.attempt, step.looping.as_ref()?))).ok_or_else(missing)?;
        // The only run of a while carries all of its iterations.
        let number = ask.iteration.checked_div(looping.batch).unwrap_or(0);
        let range = match looping.batch {
            0 => (0, u64::MAX),
            batch => (number * batch, (number + 1) * batch),
        };
        let key = (number < looping.next).then(|| child_key(ctx.key, at.attempt(attempt), number));
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
            running: live.iterations.keys().map(|number| first + number).collect(),
            failures: live.failures.iter().map(|(number, why)| (first + number, why.clone())).collect(),
        })
    }
}
