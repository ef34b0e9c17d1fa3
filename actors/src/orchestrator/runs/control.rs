//! What people and parents do to a run and its steps.

use troupe_workflows::status::{InstanceStatus, StepStatus};

use super::messages::{ActOn, Kind};
use super::turn::{Told, Turn, cut};

impl Turn<'_> {
    /// Stops everything that runs.
    pub(super) fn stop_all(&mut self, why: &str, kill: bool) {
        if self.live.head.stopping.is_some() {
            return;
        }
        self.live.head.stopping = Some((cut(why), kill));
        self.line(format!("it is stopped: {why}"));
        self.stop_steps(why, kill);
        if matches!(self.begun.kind.0, Kind::Instance { .. }) && self.no_step_goes_on() {
            let status = if kill { InstanceStatus::Failed } else { InstanceStatus::Stopped };
            self.end(status, why);
        }
    }

    /// An instance has taken too long.
    pub(super) fn time_out(&mut self) {
        let why = "the instance took too long";
        self.live.head.stopping.get_or_insert_with(|| (why.to_owned(), false));
        self.stop_steps(why, false);
        self.end(InstanceStatus::TimedOut, why);
    }

    fn stop_steps(&mut self, why: &str, kill: bool) {
        let open: Vec<u64> = self.live.lanes.keys().copied().collect();
        for lane in open {
            for place in 0..self.graph.len() {
                self.stop_step(lane, place, why, kill);
            }
        }
    }

    fn no_step_goes_on(&self) -> bool {
        let mut steps = self.live.lanes.values().flat_map(|lane| &lane.steps);
        !steps.any(|step| step.status.is_active() || step.status.is_retryable())
    }

    /// Stops a step that goes on. One that has runs of its own ends when these have.
    pub(super) fn stop_step(&mut self, lane: u64, place: usize, why: &str, kill: bool) {
        let Some(step) = self.step(lane, place) else { return };
        if !step.status.is_active() && !step.status.is_retryable() {
            return;
        }
        self.take_back(lane, place, why);
        let status = if kill { StepStatus::FatallyFailed } else { StepStatus::Stopped };
        self.halt(lane, place, status, why);
    }

    pub(super) fn halt(&mut self, lane: u64, place: usize, status: StepStatus, why: &str) {
        let now = self.now;
        self.release(lane, place);
        if let Some(step) = self.step(lane, place) {
            (step.status, step.ended, step.due, step.until) = (status, Some(now), None, None);
            step.why = cut(why);
            step.progress = None;
        }
        self.line(format!("step {}: {status} {why}", self.graph.id(place)));
    }

    /// Takes back what a step's attempt has asked of others.
    pub(super) fn take_back(&mut self, lane: u64, place: usize, why: &str) {
        let id = self.id_of(lane, place);
        let Some(step) = self.step(lane, place) else { return };
        let (status, loops, sleeps) = (step.status, step.looping.is_some(), step.due.is_some());
        match status {
            StepStatus::WaitingForSignals => self.hear_no_more(lane, place, None),
            StepStatus::Running if loops => self.stop_children(lane, place, why),
            StepStatus::Running if self.deploys(place) => self.call_off_deploy(lane, place, why),
            StepStatus::Running if !sleeps => self.told.push(Told::Withdraw(id)),
            _ => {}
        }
    }

    /// What a person does with one step; an error says why not.
    pub(super) fn act(&mut self, lane: u64, place: usize, act: ActOn, by: &str) -> Result<(), String> {
        let Some(step) = self.step(lane, place) else { return Err(format!("lane {lane} does not run")) };
        let (status, over) = (step.status, step.status.is_terminal() && !step.status.is_retryable());
        let said = format!("step {}: {act:?} by {by}", self.graph.id(place)).to_lowercase();
        match act {
            ActOn::Stop | ActOn::Kill if !over && status != StepStatus::NotCreated => {
                self.stop_step(lane, place, &format!("by {by}"), act == ActOn::Kill);
            }
            ActOn::Skip if !over => {
                self.take_back(lane, place, "it is skipped");
                self.release(lane, place);
                let now = self.now;
                if let Some(step) = self.step(lane, place) {
                    (step.status, step.ended, step.due, step.until) =
                        (StepStatus::Skipped, Some(now), None, None);
                    step.why = format!("skipped by {by}");
                }
            }
            ActOn::Resume if status == StepStatus::Paused => self.go_on(lane, place),
            // One that failed for good may be tried again as long as others keep the instance going.
            ActOn::Retry if status.is_failure() => self.start_step(lane, place),
            ActOn::Bypass if status == StepStatus::WaitingForSignals => {
                self.hear_no_more(lane, place, None);
                self.evaluate_step(lane, place);
            }
            _ => return Err(format!("a step that is {status} cannot be told to {act:?}").to_lowercase()),
        }
        self.line(said);
        Ok(())
    }
}
