//! The begin of a run: its parameters, its deadline, and for a restart the steps that keep their results.

use troupe_runtime::Timestamp;
use troupe_workflows::Ordered;
use troupe_workflows::bounds::TIMEOUT_MS_DEFAULT;
use troupe_workflows::expression::Limits;
use troupe_workflows::graph::RestartFrom;
use troupe_workflows::params::{Lookup, Parameters, Run, Scope, evaluate_workflow, workflow_params};
use troupe_workflows::status::InstanceStatus;

use super::attempts::{STEP_BYTES_MAX, millis};
use super::iteration::Iteration;
use super::messages::{Counts, Kind, RestartAt};
use super::metadata_mirror::is_mirrored;
use super::step_at::StepAt;
use super::step_scope::StepScope;
use super::turn::Turn;
use crate::stored::kept_bytes;

/// The run as a whole, in a command's turn.
pub(super) struct RunTurn<'t, 'a> {
    pub(super) turn: &'t mut Turn<'a>,
}

impl RunTurn<'_, '_> {
    /// Begins the first run, or another run of an instance that has ended.
    pub(super) fn begin(&mut self, restart: Option<&RestartAt>) {
        let (begun, now) = (self.turn.begun, self.turn.now);
        let head = &mut self.turn.live.head;
        let before = (head.run > 0).then(|| self.turn.live.params.clone());
        head.run += 1;
        (head.status, head.started, head.ended) = (InstanceStatus::InProgress, now, None);
        (head.stopping, head.more, head.until) = (None, false, None);
        head.why = String::new();
        head.mirrored = is_mirrored(begun);
        head.policy = match restart {
            None => "START_FRESH_NEW_RUN",
            Some(RestartAt::Incomplete) => "RESTART_FROM_INCOMPLETE",
            Some(RestartAt::Beginning) => "RESTART_FROM_BEGINNING",
            Some(RestartAt::Step(_)) => "RESTART_FROM_SPECIFIC",
        }
        .to_owned();
        head.counts = Counts::default();
        head.values = Ordered::new();
        let line = format!("run {} begins", head.run);
        self.turn.live.failures.clear();
        self.turn.line(line);
        let head = &mut self.turn.live.head;
        match &begun.kind.0 {
            Kind::Instance { .. } => self.begin_instance(before, restart),
            Kind::Foreach { .. } => head.next_iteration = 0,
            Kind::While { first, .. } => {
                head.next_iteration = 0;
                head.values = first.clone();
            }
        }
        self.carry();
    }

    fn begin_instance(&mut self, before: Option<Parameters>, restart: Option<&RestartAt>) {
        match self.instance_params(before) {
            Ok((params, bytes)) => {
                self.turn.live.params = params;
                self.turn.bytes += bytes;
            }
            Err(error) => {
                return self.end(InstanceStatus::Failed, &format!("the workflow's params: {error}"));
            }
        }
        match self.instance_timeout_ms() {
            Ok(ms) => {
                self.turn.live.head.until = Some(Timestamp(self.turn.now.0.saturating_add(ms)));
            }
            Err(why) => return self.end(InstanceStatus::Failed, &why),
        }
        let iteration = match (restart, self.turn.live.iterations.remove(&0)) {
            (Some(at), Some(old)) => self.restart(at, old),
            _ => Iteration::new(Ordered::new(), self.turn.graph.len()),
        };
        self.turn.live.iterations.insert(0, iteration);
        self.turn.live.head.next_iteration = 1;
    }

    /// The instance's evaluated parameters and their bytes.
    fn instance_params(&self, before: Option<Parameters>) -> Result<(Parameters, usize), String> {
        let Kind::Instance { workflow, params, source, upstream, .. } = &self.turn.begun.kind.0 else {
            return Ok((Parameters::new(), 0));
        };
        let run = Run { source: *source, upstream: *upstream, params: params.clone(), before };
        let mut params = workflow_params(workflow, &run).map_err(|error| error.to_string())?;
        let evaluated = evaluate_workflow(&mut params, &self.scope(), &Limits::DEFAULT);
        evaluated.map_err(|error| error.to_string())?;
        let bytes = kept_bytes(&params);
        if bytes > STEP_BYTES_MAX {
            return Err(format!(
                "they come to {bytes} bytes, {STEP_BYTES_MAX} are the most: put them into the lake"
            ));
        }
        Ok((params, bytes))
    }

    /// The scope of expressions that belong to no step.
    pub(super) const fn scope(&self) -> StepScope<'_, '_> {
        StepScope { turn: self.turn, iteration: None, step_index: None }
    }

    fn instance_timeout_ms(&self) -> Result<u64, String> {
        let Kind::Instance { workflow, .. } = &self.turn.begun.kind.0 else { return Ok(TIMEOUT_MS_DEFAULT) };
        let Some(timeout) = &workflow.timeout else { return Ok(TIMEOUT_MS_DEFAULT) };
        let layers: [&dyn Lookup; 1] = [&self.turn.live.params];
        let facts = self.scope();
        let scope = Scope::new(&layers, &facts);
        millis(timeout, &scope).map_err(|why| format!("the workflow's timeout: {why}"))
    }

    /// The iteration of a restart. Steps that run again clean up the child runs of their last attempt.
    fn restart(&mut self, at: &RestartAt, old: Iteration) -> Iteration {
        let from = match at {
            RestartAt::Incomplete => RestartFrom::Incomplete,
            RestartAt::Beginning => RestartFrom::Beginning,
            RestartAt::Step(id) => {
                self.turn.graph.index_of(id).map_or(RestartFrom::Incomplete, RestartFrom::Specific)
            }
        };
        let before = old.steps.clone();
        let iteration = old.restarted(&self.turn.graph, from);
        for (step_index, (before, step)) in before.iter().zip(&iteration.steps).enumerate() {
            if !step.status().is_complete() {
                let at = StepAt { iteration: 0, step_index };
                let definition = self.turn.definition(at);
                self.turn.live.clean_up_children(at, before, definition);
            }
        }
        iteration
    }
}
