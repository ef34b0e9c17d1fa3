//! Iterations of a run: which one begins, which steps of it start, and what its end changes.

use troupe_workflows::bounds::{INSTANCE_STEP_CONCURRENCY_DEFAULT, WHILE_ITERATIONS_MAX};
use troupe_workflows::graph::next;
use troupe_workflows::loops::carry;
use troupe_workflows::params::{Lookup, Scope, Value};
use troupe_workflows::status::InstanceStatus;

use super::iteration::Iteration;
use super::messages::Kind;
use super::nested_outputs;
use super::run_turn::RunTurn;
use super::step_at::StepAt;
use super::turn::ITERATIONS_A_TURN;

impl RunTurn<'_, '_> {
    /// Carries all iterations on and begins new ones, until they wait or this log entry is full.
    pub(super) fn carry(&mut self) {
        self.turn.live.head.more = false;
        let open: Vec<u64> = self.turn.live.iterations.keys().copied().collect();
        for number in open {
            self.carry_iteration(number);
        }
        self.turn.continue_loops();
        let mut carried = 0;
        while !self.turn.live.head.status.is_terminal() && self.turn.live.head.stopping.is_none() {
            if carried == ITERATIONS_A_TURN || self.turn.full() {
                self.turn.live.head.more = true;
                return;
            }
            let Some(number) = self.open_iteration() else { break };
            self.carry_iteration(number);
            carried += 1;
        }
        self.end_loop_if_done();
    }

    /// Begins the next iteration of a loop; `None` at the loop's end or its concurrency limit.
    fn open_iteration(&mut self) -> Option<u64> {
        let number = self.turn.live.head.next_iteration;
        let open = self.turn.live.iterations.len() as u64;
        let (mut values, index) = match &self.turn.begun.kind.0 {
            Kind::Instance { .. } => return None,
            Kind::Foreach { from, values, concurrency, .. } => {
                let values = values.get(usize::try_from(number).ok()?)?;
                (open < (*concurrency).max(1)).then(|| (values.clone(), from + number))?
            }
            Kind::While { .. } => {
                (open == 0 && self.while_holds()?).then(|| (self.turn.live.head.values.clone(), number))?
            }
        };
        values.insert("loop_index".to_owned(), Value::Long(i64::try_from(index).unwrap_or(i64::MAX)));
        self.turn.live.iterations.insert(number, Iteration::new(values, self.turn.graph.len()));
        self.turn.live.head.next_iteration += 1;
        Some(number)
    }

    /// Whether the condition of a while holds; `None` if it cannot be evaluated, which ends the run.
    fn while_holds(&mut self) -> Option<bool> {
        let Kind::While { condition, .. } = &self.turn.begun.kind.0 else { return None };
        let head = &self.turn.live.head;
        if head.counts.failed + head.counts.stopped > 0 {
            return Some(false);
        }
        if head.next_iteration >= WHILE_ITERATIONS_MAX {
            let why = format!("the condition still holds after {WHILE_ITERATIONS_MAX} iterations");
            self.end(InstanceStatus::Failed, &why);
            return None;
        }
        let holds = {
            let mut layers: Vec<&dyn Lookup> = vec![&head.values];
            layers.extend(self.turn.begun.outer.0.iter().map(|layer| layer as &dyn Lookup));
            Scope::new(&layers, &self.scope()).holds("condition", condition)
        };
        match holds {
            Ok(holds) => Some(holds),
            Err(error) => {
                self.end(InstanceStatus::Failed, &format!("condition: {error}"));
                None
            }
        }
    }

    /// Starts the steps of an iteration that can start, until all wait or this log entry is full.
    fn carry_iteration(&mut self, number: u64) {
        loop {
            let Some(iteration) = self.turn.live.iterations.get_mut(&number) else { return };
            let next = next(&self.turn.graph, &iteration.states());
            for index in &next.unsatisfied {
                iteration.steps[*index].mark_unsatisfied(self.turn.graph.successors(*index).len());
            }
            let at = |step_index: &usize| StepAt { iteration: number, step_index: *step_index };
            for index in &next.stop {
                self.turn
                    .attempt(at(index))
                    .stop("another step failed that fails the instance at once", false);
            }
            if let Some(outcome) = next.outcome {
                return self.end_iteration(number, outcome);
            }
            if self.turn.live.head.stopping.is_some() || self.turn.full() {
                self.turn.live.head.more |= self.turn.live.head.stopping.is_none() && !next.ready.is_empty();
                return;
            }
            let room = self.room(number);
            for index in next.ready.iter().take(room) {
                if self.turn.full() {
                    self.turn.live.head.more = true;
                    return;
                }
                self.turn.attempt(at(index)).start();
            }
            let changed = !next.unsatisfied.is_empty() || !next.stop.is_empty();
            if !changed && (next.ready.is_empty() || room == 0) {
                return;
            }
        }
    }

    /// Steps of an iteration that may still start under the instance's concurrency limit.
    fn room(&self, number: u64) -> usize {
        let most = match &self.turn.begun.kind.0 {
            Kind::Instance { workflow, .. } => workflow.instance_step_concurrency,
            _ => None,
        };
        let most = usize::try_from(most.unwrap_or(INSTANCE_STEP_CONCURRENCY_DEFAULT)).unwrap_or(usize::MAX);
        most.saturating_sub(self.turn.live.iterations.get(&number).map_or(0, Iteration::unfinished))
    }

    fn end_iteration(&mut self, number: u64, outcome: InstanceStatus) {
        let counts = &mut self.turn.live.head.counts;
        match outcome {
            InstanceStatus::Succeeded => counts.succeeded += 1,
            InstanceStatus::Stopped => counts.stopped += 1,
            _ => counts.failed += 1,
        }
        let why = self.failure_of(number);
        if outcome != InstanceStatus::Succeeded {
            self.turn.failure(number, &why);
        }
        if !matches!(self.turn.begun.kind.0, Kind::Instance { .. }) {
            self.turn.live.ended(number, outcome);
        }
        nested_outputs::keep(self.turn, number);
        match &self.turn.begun.kind.0 {
            // An instance keeps its steps, for queries and restarts.
            Kind::Instance { .. } => self.end(outcome, &why),
            Kind::Foreach { .. } => drop(self.close_iteration(number)),
            Kind::While { .. } => {
                if let Some(iteration) = self.close_iteration(number) {
                    let params = iteration.steps.iter().map(|step| &step.params);
                    self.turn.live.head.values = carry(&self.turn.live.head.values, params);
                }
            }
        }
    }

    /// Removes an ended iteration and schedules the cleanup of its child runs, which can no longer be queried.
    fn close_iteration(&mut self, number: u64) -> Option<Iteration> {
        let iteration = self.turn.live.iterations.remove(&number)?;
        for (step_index, step) in iteration.steps.iter().enumerate() {
            let at = StepAt { iteration: number, step_index };
            let definition = self.turn.definition(at);
            self.turn.live.clean_up_children(at, step, definition);
        }
        Some(iteration)
    }

    /// The text of an iteration's first failure.
    fn failure_of(&self, number: u64) -> String {
        let failed = self.turn.live.iterations.get(&number).and_then(Iteration::first_failure);
        failed.map_or_else(String::new, |(index, step)| {
            format!("step {}: {} {}", self.turn.graph.id(index), step.status(), step.why)
        })
    }
}
