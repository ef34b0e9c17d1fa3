//! How a run begins, goes from lane to lane, and ends.

use troupe_runtime::Timestamp;
use troupe_workflows::Ordered;
use troupe_workflows::bounds::{TIMEOUT_MS_DEFAULT, WHILE_ITERATIONS_MAX};
use troupe_workflows::expression::Limits;
use troupe_workflows::graph::next;
use troupe_workflows::loops::carry;
use troupe_workflows::params::{Lookup, Run, Scope, Value, evaluate_workflow, workflow_params};
use troupe_workflows::status::InstanceStatus;

use super::attempt::STEP_BYTES_MAX;
use super::facts::Around;
use super::lane::Lane;
use super::messages::{Ended, Kind, RestartAt};
use super::recorded::is_recorded;
use super::turn::{LANES_A_TURN, Told, Turn, cut};
use crate::stored::{NamedFields, kept_bytes};

impl Turn<'_> {
    /// The first run, or one more of an instance that is over.
    pub(super) fn begin(&mut self, again: Option<&RestartAt>) {
        let head = &mut self.live.head;
        let before = (head.run > 0).then(|| self.live.params.clone());
        head.run += 1;
        (head.status, head.started, head.ended) = (InstanceStatus::InProgress, self.now, None);
        (head.stopping, head.more, head.until) = (None, false, None);
        head.why = String::new();
        head.recorded = is_recorded(self.begun);
        head.policy = match again {
            None => "START_FRESH_NEW_RUN",
            Some(RestartAt::Incomplete) => "RESTART_FROM_INCOMPLETE",
            Some(RestartAt::Beginning) => "RESTART_FROM_BEGINNING",
            Some(RestartAt::Step(_)) => "RESTART_FROM_SPECIFIC",
        }
        .to_owned();
        head.counts = super::messages::Counts::default();
        head.values = Ordered::new();
        self.live.failures.clear();
        self.line(format!("run {} begins", self.live.head.run));
        match &self.begun.kind.0 {
            Kind::Instance { .. } => self.begin_instance(before, again),
            Kind::Foreach { .. } => self.live.head.next_lane = 0,
            Kind::While { first, .. } => {
                self.live.head.next_lane = 0;
                self.live.head.values = first.clone();
            }
        }
        self.go();
    }

    fn begin_instance(
        &mut self,
        before: Option<troupe_workflows::params::Parameters>,
        again: Option<&RestartAt>,
    ) {
        let Kind::Instance { workflow, params, source, upstream, .. } = &self.begun.kind.0 else { return };
        let run = Run { source: *source, upstream: *upstream, params: params.clone(), before };
        let evaluated = workflow_params(workflow, &run).and_then(|mut params| {
            let around = Around { turn: self, lane: None, step: None };
            evaluate_workflow(&mut params, &around, &Limits::DEFAULT).map(|()| params)
        });
        let evaluated = evaluated.map_err(|error| error.to_string()).and_then(|params| {
            let bytes = kept_bytes(&params);
            let why = || {
                format!("they come to {bytes} bytes, {STEP_BYTES_MAX} are the most: put them into the lake")
            };
            if bytes > STEP_BYTES_MAX { Err(why()) } else { Ok((params, bytes)) }
        });
        match evaluated {
            Ok((params, bytes)) => {
                self.live.params = params;
                self.bytes += bytes;
            }
            Err(error) => {
                return self.end(InstanceStatus::Failed, &format!("the workflow's params: {error}"));
            }
        }
        match self.instance_timeout() {
            Ok(ms) => self.live.head.until = Some(Timestamp(self.now.0.saturating_add(ms))),
            Err(why) => return self.end(InstanceStatus::Failed, &why),
        }
        let fresh = Lane::new(Ordered::new(), self.graph.len());
        let lane = match (again, self.live.lanes.remove(&0)) {
            (Some(at), Some(old)) => {
                let steps = old.steps.clone();
                let lane = self.again(at, old);
                for (place, step) in steps.iter().enumerate() {
                    if !lane.steps[place].status.is_complete() {
                        self.leave_children(0, place, step);
                    }
                }
                lane
            }
            _ => fresh,
        };
        self.live.lanes.insert(0, lane);
        self.live.head.next_lane = 1;
    }

    fn instance_timeout(&self) -> Result<u64, String> {
        let Kind::Instance { workflow, .. } = &self.begun.kind.0 else { return Ok(TIMEOUT_MS_DEFAULT) };
        let Some(timeout) = &workflow.timeout else { return Ok(TIMEOUT_MS_DEFAULT) };
        let layers: [&dyn Lookup; 1] = [&self.live.params];
        let around = Around { turn: self, lane: None, step: None };
        let scope = Scope::new(&layers, &around);
        super::attempt::millis(timeout, &scope).map_err(|why| format!("the workflow's timeout: {why}"))
    }

    /// The lane that a restart begins with: what was complete stays as it was.
    fn again(&self, at: &RestartAt, old: Lane) -> Lane {
        use troupe_workflows::graph::{RestartFrom, restart};
        let from = match at {
            RestartAt::Incomplete => RestartFrom::Incomplete,
            RestartAt::Beginning => RestartFrom::Beginning,
            RestartAt::Step(id) => {
                self.graph.place(id).map_or(RestartFrom::Incomplete, RestartFrom::Specific)
            }
        };
        let states = restart(&self.graph, &old.states(), from);
        let mut lane = Lane::new(old.values, states.len());
        for ((slot, state), step) in lane.steps.iter_mut().zip(states).zip(old.steps) {
            if state.status.is_complete() {
                *slot = step;
            } else {
                // Ids of tasks and runs name the attempt: a later run must not meet an earlier one's.
                slot.attempt = step.attempt;
                slot.history = step.history;
            }
        }
        lane
    }

    /// Carries everything as far as it goes in one entry.
    pub(super) fn go(&mut self) {
        self.live.head.more = false;
        let open: Vec<u64> = self.live.lanes.keys().copied().collect();
        for lane in open {
            self.carry_lane(lane);
        }
        self.go_on_with_loops();
        let mut carried = 0;
        while !self.live.head.status.is_terminal() && self.live.head.stopping.is_none() {
            if carried == LANES_A_TURN || self.full() {
                self.live.head.more = true;
                return;
            }
            let Some(number) = self.open_lane() else { break };
            self.carry_lane(number);
            carried += 1;
        }
        self.end_if_over();
    }

    /// Opens the next lane of a loop, if there is one and room for it.
    fn open_lane(&mut self) -> Option<u64> {
        let number = self.live.head.next_lane;
        let values = match &self.begun.kind.0 {
            Kind::Instance { .. } => return None,
            Kind::Foreach { from, values, concurrency, .. } => {
                let room = (self.live.lanes.len() as u64) < (*concurrency).max(1);
                let mut values = values.get(usize::try_from(number).ok()?).filter(|_| room)?.clone();
                let index = i64::try_from(from + number).unwrap_or(i64::MAX);
                values.insert("loop_index".to_owned(), Value::Long(index));
                values
            }
            Kind::While { .. } => {
                if !self.live.lanes.is_empty() || !self.while_holds()? {
                    return None;
                }
                let mut values = self.live.head.values.clone();
                values.insert("loop_index".to_owned(), Value::Long(i64::try_from(number).ok()?));
                values
            }
        };
        self.live.lanes.insert(number, Lane::new(values, self.graph.len()));
        self.live.head.next_lane += 1;
        Some(number)
    }

    /// Whether a while goes on; none once that cannot be said, which ends it.
    fn while_holds(&mut self) -> Option<bool> {
        let Kind::While { condition, .. } = &self.begun.kind.0 else { return None };
        if self.live.head.counts.failed + self.live.head.counts.stopped > 0 {
            return Some(false);
        }
        if self.live.head.next_lane >= WHILE_ITERATIONS_MAX {
            let why = format!("the condition still holds after {WHILE_ITERATIONS_MAX} iterations");
            self.end(InstanceStatus::Failed, &why);
            return None;
        }
        let held = {
            let mut layers: Vec<&dyn Lookup> = vec![&self.live.head.values];
            layers.extend(self.begun.outer.0.iter().map(|layer| layer as &dyn Lookup));
            let around = Around { turn: self, lane: None, step: None };
            Scope::new(&layers, &around).holds("condition", condition)
        };
        match held {
            Ok(holds) => Some(holds),
            Err(error) => {
                self.end(InstanceStatus::Failed, &format!("condition: {error}"));
                None
            }
        }
    }

    /// Starts what can start in a lane until nothing more follows from it.
    pub(super) fn carry_lane(&mut self, number: u64) {
        loop {
            let Some(lane) = self.live.lanes.get(&number) else { return };
            let follows = next(&self.graph, &lane.states());
            for place in &follows.unsatisfied {
                self.mark_unsatisfied(number, *place);
            }
            for place in &follows.stop {
                self.stop_step(number, *place, "another step failed that fails the instance at once", false);
            }
            if let Some(outcome) = follows.outcome {
                return self.end_lane(number, outcome);
            }
            if self.live.head.stopping.is_some() || self.full() {
                self.live.head.more |= self.live.head.stopping.is_none() && !follows.ready.is_empty();
                return;
            }
            let room = self.room(number);
            for place in follows.ready.iter().take(room) {
                if self.full() {
                    self.live.head.more = true;
                    return;
                }
                self.start_step(number, *place);
            }
            let again = !follows.unsatisfied.is_empty() || !follows.stop.is_empty();
            if !again && (follows.ready.is_empty() || room == 0) {
                return;
            }
        }
    }

    /// Steps that may still start in a lane.
    fn room(&self, number: u64) -> usize {
        use troupe_workflows::bounds::INSTANCE_STEP_CONCURRENCY_DEFAULT;
        let most = match &self.begun.kind.0 {
            Kind::Instance { workflow, .. } => workflow.instance_step_concurrency,
            _ => None,
        };
        let most = usize::try_from(most.unwrap_or(INSTANCE_STEP_CONCURRENCY_DEFAULT)).unwrap_or(usize::MAX);
        let lane = self.live.lanes.get(&number);
        let active = lane.map_or(0, |lane| {
            lane.steps.iter().filter(|step| step.status.is_active() || step.status.is_retryable()).count()
        });
        most.saturating_sub(active)
    }

    fn end_lane(&mut self, number: u64, outcome: InstanceStatus) {
        let counts = &mut self.live.head.counts;
        match outcome {
            InstanceStatus::Succeeded => counts.succeeded += 1,
            InstanceStatus::Stopped => counts.stopped += 1,
            _ => counts.failed += 1,
        }
        let why = self.why_of(number);
        if outcome != InstanceStatus::Succeeded {
            self.failure(number, &why);
        }
        if !matches!(self.begun.kind.0, Kind::Instance { .. }) {
            self.live.ended(number, outcome);
        }
        self.keep_inside(number);
        match &self.begun.kind.0 {
            // An instance's steps stay to be seen, and to be restarted.
            Kind::Instance { .. } => self.end(outcome, &why),
            Kind::Foreach { .. } => drop(self.close_lane(number)),
            Kind::While { .. } => {
                if let Some(lane) = self.close_lane(number) {
                    let made = lane.steps.iter().map(|step| &step.params);
                    self.live.head.values = carry(&self.live.head.values, made);
                }
            }
        }
    }

    /// An iteration is over: its steps are not asked for any more, and neither are the loops among them.
    fn close_lane(&mut self, number: u64) -> Option<Lane> {
        let lane = self.live.lanes.remove(&number)?;
        for (place, step) in lane.steps.iter().enumerate() {
            self.leave_children(number, place, step);
        }
        Some(lane)
    }

    fn why_of(&self, number: u64) -> String {
        let Some(lane) = self.live.lanes.get(&number) else { return String::new() };
        let failed = lane.steps.iter().enumerate().find(|(_, step)| step.status.is_failure());
        failed.map_or_else(String::new, |(place, step)| {
            format!("step {}: {} {}", self.graph.id(place), step.status, step.why)
        })
    }

    fn end_if_over(&mut self) {
        let over = !self.live.head.status.is_terminal()
            && self.live.lanes.is_empty()
            && !matches!(self.begun.kind.0, Kind::Instance { .. });
        if !over {
            return;
        }
        let counts = self.live.head.counts;
        let first = self.live.failures.first().map_or_else(String::new, |(_, why)| why.clone());
        let status = match &self.live.head.stopping {
            Some((_, true)) => InstanceStatus::Failed,
            Some((_, false)) => InstanceStatus::Stopped,
            None if counts.failed > 0 => InstanceStatus::Failed,
            None if counts.stopped > 0 => InstanceStatus::Stopped,
            None => InstanceStatus::Succeeded,
        };
        let why = self.live.head.stopping.clone().map_or(first, |(why, _)| why);
        self.end(status, &why);
    }

    /// Ends the run and tells its parent.
    pub(super) fn end(&mut self, status: InstanceStatus, why: &str) {
        if self.live.head.status.is_terminal() {
            return;
        }
        let status = match &self.live.head.stopping {
            Some((_, true)) if status != InstanceStatus::Succeeded => InstanceStatus::Failed,
            _ => status,
        };
        let stopped = self.live.head.stopping.as_ref().map(|(why, _)| why.as_str());
        let why = stopped.filter(|words| !words.is_empty()).unwrap_or(why);
        let why = if status == InstanceStatus::Succeeded { String::new() } else { cut(why) };
        let head = &mut self.live.head;
        (head.status, head.ended, head.why, head.more) = (status, Some(self.now), why.clone(), false);
        head.until = None;
        self.line(format!("run {} ends: {status} {why}", self.live.head.run).trim_end());
        if let Some(parent) = &self.begun.parent {
            let ended = Ended {
                id: parent.id.clone(),
                run: self.live.head.run,
                status: NamedFields(status),
                counts: self.live.head.counts,
                why,
                values: NamedFields(self.live.head.values.clone()),
            };
            self.told.push(Told::Ended(parent.to.clone(), Box::new(ended)));
        }
    }
}
