//! Handles one message: applies changes to a copy of the run until no stage can begin, and collects events and effects.

use serde_json::{Map, Value};
use troupe_runtime::entity::Timer;
use troupe_runtime::text::cut;
use troupe_runtime::{Address, Command, Context, Decision, Timestamp};

use super::definition::{OnFailure, RollbackTo, Stage};
use super::messages::{Cancel, ChildEnded, Due};
use super::plan::{Outcome, Plan, Request, Step};
use super::run::{Change, OUTPUTS_BYTES_MAX, Run, Status, TrafficHold, Wait};
use super::stages;
use super::state::{Deployment, Event};
use crate::canary_analysis;
use crate::coordination::directory::{Directory, Entry, Upsert};
use crate::coordination::work_queues;
use crate::delivery::pipelines::{ExecutionEnded, Pipeline};
use crate::delivery::traffic::{GiveBack, Traffic};
use crate::metadata::lineage::{model_node, relate};
use crate::models::{self, Advance, Model};
use crate::stored::NamedFields;

const TIMER: &str = "due";
/// How long a stage retries for data that may not have arrived yet, and the interval between tries, in milliseconds.
const RETRY_FOR_MS: u64 = 15_000;
const RETRY_MS: u64 = 500;
/// Milliseconds between two requests of a stage that waits for its turn at the traffic. The traffic announces a turn by
/// itself; the repeated request is for a waiting queue that was full.
const TURN_MS: u64 = 5_000;
pub(super) const WHY_CHARS_MAX: usize = 400;

/// A copy of the run under change, and the decision with the events and effects of the changes.
pub(super) struct Turn<'a, C: Command> {
    pub(super) run: Run,
    pub(super) ctx: &'a Context<'a>,
    decision: Decision<Deployment, C>,
}

impl<'a, C: Command<Reply = ()>> Turn<'a, C> {
    pub(super) fn new(run: Run, ctx: &'a Context<'a>) -> Self {
        Self { run, ctx, decision: Decision::unchanged() }
    }

    pub(super) fn change(&mut self, change: Change) {
        self.run.apply(&change, self.ctx.now);
        if let Change::Targeted(target) = &change {
            let model = model_node(&target.model, target.canary);
            let here = format!("deployment:{}", self.ctx.key);
            self.decide(|decision| relate(decision, &model, here, "deployed"));
        }
        self.decide(|decision| decision.and(Event::Changed(NamedFields(change), self.ctx.now)));
    }

    pub(super) fn tell<T: Command>(&mut self, to: Address, command: &T) {
        self.decide(|decision| decision.tell(to, command));
    }

    fn decide(&mut self, step: impl FnOnce(Decision<Deployment, C>) -> Decision<Deployment, C>) {
        let before = std::mem::replace(&mut self.decision, Decision::unchanged());
        self.decision = step(before);
    }

    pub(super) fn here(&self) -> Address {
        Address::of::<Deployment>(self.ctx.key)
    }

    /// The stage that an answer is for, if the attempt that asked still waits for it.
    pub(super) fn waiting(&self, id: &str, is: impl Fn(&Wait) -> bool) -> Option<Stage> {
        let mut parts = id.split('/');
        let (ref_id, attempt) = (parts.next()?, parts.next()?.parse::<u32>().ok()?);
        let held = self.run.stages.get(ref_id)?;
        let waits = held.status == Status::Running && held.attempt == attempt;
        (waits && held.wait.as_ref().is_some_and(is)).then(|| self.run.stage(ref_id).cloned())?
    }

    pub(super) fn wait(&mut self, stage: &Stage, wait: Wait, due: Option<Timestamp>) {
        self.change(Change::StageWaits(stage.ref_id.clone(), wait, due));
    }

    pub(super) fn output(&mut self, stage: &Stage, words: &str, outputs: Map<String, Value>) {
        let small = serde_json::to_string(&outputs).is_ok_and(|text| text.len() <= OUTPUTS_BYTES_MAX);
        let outputs = if small { outputs } else { Map::new() };
        self.change(Change::StageOutput(stage.ref_id.clone(), cut(words, WHY_CHARS_MAX), outputs));
    }

    pub(super) fn succeed(&mut self, stage: &Stage) {
        self.change(Change::StageEnded(stage.ref_id.clone(), Status::Succeeded, String::new()));
    }

    /// Ends a stage with the status of its failure policy.
    pub(super) fn fail(&mut self, stage: &Stage, why: &str) {
        let status = match stage.on_failure {
            OnFailure::Fail => Status::Terminal,
            OnFailure::Continue => Status::FailedContinue,
            OnFailure::Stop | OnFailure::FailLater => Status::Stopped,
        };
        self.change(Change::StageEnded(stage.ref_id.clone(), status, cut(why, WHY_CHARS_MAX)));
    }

    /// Begins and ends stages until neither is possible, then sets the timer.
    pub(super) fn advance(mut self) -> Decision<Deployment, C> {
        // Each step begins or ends a stage, and a pipeline has 100 stages at most.
        for _ in 0..1_000 {
            if self.run.status.is_over() || self.run.started.is_none() || !self.step() {
                break;
            }
        }
        self.set_clock();
        self.decision.reply(())
    }

    fn step(&mut self) -> bool {
        let failed = |held: &super::run::StageRun| held.status == Status::Terminal;
        if let Some((ref_id, held)) = self.run.stages.iter().find(|(_, held)| failed(held)) {
            let why = format!("stage {ref_id} failed: {}", held.why);
            self.end(Status::Terminal, &why);
            return true;
        }
        if self.run.status == Status::Paused {
            return false;
        }
        if let Some(stage) = self.ready() {
            self.begin(&stage);
            return true;
        }
        if self.run.stages.values().any(|held| held.status == Status::Running) {
            return false;
        }
        let later = |stage: &&Stage| {
            let held = self.run.stages.get(&stage.ref_id);
            stage.on_failure == OnFailure::FailLater
                && held.is_some_and(|held| held.status == Status::Stopped)
        };
        let later = self.run.definition().and_then(|definition| definition.stages.iter().find(later));
        match later.map(|stage| stage.ref_id.clone()) {
            Some(ref_id) => {
                self.end(Status::Terminal, &format!("stage {ref_id} failed, and other branches are done"))
            }
            None => self.end(Status::Succeeded, ""),
        }
        true
    }

    fn ready(&self) -> Option<Stage> {
        let definition = self.run.definition()?;
        let status = |ref_id: &String| self.run.stages.get(ref_id).map(|held| held.status);
        let ready = |stage: &&Stage| {
            status(&stage.ref_id) == Some(Status::NotStarted)
                && stage.after.iter().all(|wanted| status(wanted).is_some_and(Status::lets_on))
        };
        definition.stages.iter().find(ready).cloned()
    }

    fn begin(&mut self, stage: &Stage) {
        let until = Timestamp(self.ctx.now.0.saturating_add(stage.timeout_ms));
        let attempt = self.run.attempt(&stage.ref_id) + 1;
        if let Some(condition) = &stage.enabled {
            match super::expression::holds(condition, &self.run.context()) {
                Ok(true) => {}
                Ok(false) => {
                    let why = format!("{condition} does not hold");
                    self.change(Change::StageEnded(
                        stage.ref_id.clone(),
                        Status::Skipped,
                        cut(&why, WHY_CHARS_MAX),
                    ));
                    return;
                }
                Err(why) => {
                    self.change(Change::StageBegan(stage.ref_id.clone(), attempt, until));
                    self.fail(stage, &why);
                    return;
                }
            }
        }
        self.change(Change::StageBegan(stage.ref_id.clone(), attempt, until));
        self.begin_attempt(stage);
    }

    /// Begins the current attempt of a stage, or asks again for what it waits for.
    pub(super) fn begin_attempt(&mut self, stage: &Stage) {
        let plan = stages::begin(&self.run, self.ctx, stage);
        self.carry_out(stage, plan);
    }

    pub(super) fn carry_out(&mut self, stage: &Stage, plan: Plan) {
        for step in plan.steps {
            match step {
                Step::Change(change) => self.change(change),
                Step::Output(words, outputs) => self.output(stage, &words, outputs),
                Step::Tell(to, Request::Traffic(set)) => self.tell(to, set.as_ref()),
                Step::Tell(to, Request::Canary(start)) => self.tell(to, start.as_ref()),
                Step::Tell(to, Request::Task(offer)) => self.tell(to, offer.as_ref()),
                Step::Tell(to, Request::Pipeline(run)) => self.tell(to, run.as_ref()),
                Step::GiveBack(model, why) => self.give_back(&model, false, why),
                Step::Move(model, version, to, id) => self.move_version(&model, version, to, id),
                Step::SetAside(model, version, to, id) => self.set_aside(&model, version, to, &id),
            }
        }
        match plan.outcome {
            Outcome::Done => self.succeed(stage),
            Outcome::Wait(wait, due) => self.wait(stage, wait, due),
            Outcome::Retry(why) => self.retry(stage, &why),
            Outcome::Failed(why) => self.fail(stage, &why),
        }
    }

    /// Begins the stage again after [`RETRY_MS`], or fails it after [`RETRY_FOR_MS`].
    pub(super) fn retry(&mut self, stage: &Stage, why: &str) {
        let began = self.run.stages.get(&stage.ref_id).and_then(|held| held.began).unwrap_or_default();
        if self.ctx.now.0.saturating_sub(began.0) >= RETRY_FOR_MS {
            self.fail(stage, why);
            return;
        }
        self.wait(stage, Wait::Again, Some(Timestamp(self.ctx.now.0 + RETRY_MS)));
    }

    /// Waits for the traffic, and requests it again after [`TURN_MS`].
    pub(super) fn await_turn(&mut self, stage: &Stage) {
        self.wait(stage, Wait::Turn, Some(Timestamp(self.ctx.now.0 + TURN_MS)));
    }

    /// Ends the execution: cancels what its stages wait for, returns the traffic unless it succeeded, and reports the end to
    /// the pipeline and to the parent. Callers check that the run is not over, so this happens once.
    pub(super) fn end(&mut self, status: Status, why: &str) {
        let open: Vec<(String, Option<Wait>)> = self
            .run
            .stages
            .iter()
            .filter(|(_, held)| held.status == Status::Running)
            .map(|(ref_id, held)| (ref_id.clone(), held.wait.clone()))
            .collect();
        for (ref_id, wait) in open {
            self.call_off(&ref_id, wait, why);
            let ended = Change::StageEnded(ref_id, Status::Canceled, "the execution ended".to_owned());
            self.change(ended);
        }
        self.release(status, why);
        self.change(Change::Ended(status, cut(why, WHY_CHARS_MAX)));
        let Some(begun) = self.run.begun.clone() else { return };
        let ended = ExecutionEnded {
            number: begun.number,
            status: status.label().to_owned(),
            why: cut(why, WHY_CHARS_MAX),
        };
        self.tell(Address::of::<Pipeline>(begun.pipeline.as_str()), &ended);
        if let Some((parent, id)) = begun.parent {
            let (execution, status) = (self.ctx.key.to_owned(), status.label().to_owned());
            self.tell(parent, &ChildEnded { id, execution, status, why: cut(why, WHY_CHARS_MAX) });
        }
        self.list(status.label());
    }

    /// Cancels what a stage waits for.
    pub(super) fn call_off(&mut self, ref_id: &str, wait: Option<Wait>, why: &str) {
        match wait {
            Some(Wait::Canary(canary)) => {
                let cancel = canary_analysis::Cancel { why: cut(why, WHY_CHARS_MAX) };
                self.tell(Address::of::<canary_analysis::Canary>(canary), &cancel);
            }
            Some(Wait::Call { task, .. }) => {
                self.tell(work_queues::queue_of(&task), &work_queues::Withdraw { id: task.clone() });
            }
            Some(Wait::Child) => {
                let outputs = self.run.stages.get(ref_id).map(|held| &held.outputs);
                let child = outputs.and_then(|outputs| outputs.get("executionId")).and_then(Value::as_str);
                if let Some(child) = child.map(str::to_owned) {
                    let by = self.ctx.key.to_owned();
                    self.tell(Address::of::<Deployment>(child), &Cancel { by, why: cut(why, WHY_CHARS_MAX) });
                }
            }
            // Leaves the waiting queue: the next execution must not wait for one that no longer asks.
            Some(Wait::Turn) => {
                if let Some(target) = self.run.target.clone() {
                    let back =
                        GiveBack { by: self.ctx.key.to_owned(), keep: false, why: cut(why, WHY_CHARS_MAX) };
                    self.tell(Address::of::<Traffic>(target.model), &back);
                }
            }
            _ => {}
        }
    }

    /// Gives up the traffic. The split stays after a success; otherwise the champion gets all traffic.
    fn release(&mut self, status: Status, why: &str) {
        let (TrafficHold::Held, Some(target)) = (self.run.hold, self.run.target.clone()) else { return };
        let keep = status == Status::Succeeded;
        // A version that never got traffic did not fail on it, and keeps its stage.
        let tried = !self.run.weights.is_empty();
        self.give_back(&target.model, keep, why);
        if !keep && tried {
            self.set_aside(&target.model, target.canary, target.on_failure, "end");
        }
    }

    pub(super) fn give_back(&mut self, model: &str, keep: bool, why: &str) {
        let back = GiveBack { by: self.ctx.key.to_owned(), keep, why: cut(why, WHY_CHARS_MAX) };
        self.tell(Address::of::<Traffic>(model), &back);
        if !keep {
            self.change(Change::GaveBack("production".to_owned(), cut(why, WHY_CHARS_MAX)));
        }
    }

    /// Moves an unwanted version out of use.
    pub(super) fn set_aside(&mut self, model: &str, version: u32, to: RollbackTo, id: &str) {
        let to = match to {
            RollbackTo::Archived => models::Stage::Archived,
            RollbackTo::Staging => models::Stage::Staging,
        };
        self.move_version(model, version, to, id.to_owned());
    }

    pub(super) fn move_version(&mut self, model: &str, version: u32, to: models::Stage, id: String) {
        let advance = Advance { version, to, owner: self.here(), id };
        self.tell(Address::of::<Model>(model), &advance);
    }

    /// Updates the entry in the directory.
    pub(super) fn list(&mut self, state: &str) {
        let about = self.run.begun.as_ref().map_or_else(String::new, |begun| {
            format!("{} {}", begun.definition.application, begun.by).trim().to_owned()
        });
        let entry =
            Entry { key: self.ctx.key.to_owned(), state: state.to_owned(), about, ..Entry::default() };
        self.tell(Directory::of::<Deployment>(), &Upsert { entry });
    }

    /// Sets the one timer to the earliest due time, so that every wait has a timer.
    fn set_clock(&mut self) {
        let running = self.run.stages.values().filter(|held| held.status == Status::Running);
        let until = |held: &super::run::StageRun| held.until.filter(|_| held.wait != Some(Wait::Turn));
        let times = running.flat_map(|held| [held.due, until(held)]).chain([self.run.until()]);
        let first = times.flatten().min().filter(|_| !self.run.status.is_over());
        self.decide(|decision| match first {
            Some(at) => decision.set_timer(TIMER, Timer::once(at, &Due {})),
            None => decision.cancel_timer(TIMER),
        });
    }
}
