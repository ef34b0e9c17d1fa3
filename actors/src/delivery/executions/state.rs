//! How a deployment decides.

use bincode::{Decode, Encode};
use serde::Serialize;
use troupe_runtime::entity::Answer;
use troupe_runtime::{Context, Decide, Decision, Entity, Refused, Timestamp};

use super::definition::{Does, Stage};
use super::messages::{Begin, Cancel, Due, GetDeployment, Go, Judge, Pause, RestartStage, Resume};
use super::run::{Change, Hold, Run, Status, Wait};
use super::stages;
use super::turn::{Turn, cut};
use crate::delivery::pipelines::Pipeline;
use crate::stored::NamedFields;

const NAME_CHARS_MAX: usize = 128;

/// One execution of a pipeline, keyed `PIPELINE:N`.
#[derive(Debug, Default, Encode, Decode, Serialize)]
pub struct Deployment {
    run: NamedFields<Run>,
}

/// What happened to a deployment.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
pub enum Event {
    /// It changed.
    Changed(NamedFields<Change>, Timestamp),
}

impl Deployment {
    /// How it is.
    #[must_use]
    pub const fn run(&self) -> &Run {
        &self.run.0
    }

    fn known(&self, key: &str) -> Result<(), Refused> {
        if self.run.0.begun.is_some() {
            return Ok(());
        }
        Err(Refused::field("UNKNOWN_DEPLOYMENT", "id", format!("there is no execution {key:?}")))
    }

    fn running(&self, key: &str) -> Result<(), Refused> {
        self.known(key)?;
        if self.run.0.status.is_over() {
            let why = format!("{key} is {}: start the pipeline again", self.run.0.status.label());
            return Err(Refused::new("ENDED", why));
        }
        Ok(())
    }
}

fn named(by: &str) -> String {
    let by: String = by.trim().chars().take(NAME_CHARS_MAX).collect();
    if by.is_empty() { "somebody".to_owned() } else { by }
}

impl Entity for Deployment {
    const KIND: &'static str = "deployments";
    type Event = Event;

    fn create(_key: &str) -> Self {
        Self::default()
    }

    fn apply(&mut self, event: &Event) {
        let Event::Changed(change, at) = event;
        self.run.0.apply(&change.0, *at);
    }

    fn size(&self) -> usize {
        let stages = self.run.0.stages.len() * 2_000;
        size_of::<Self>() + stages + self.run.0.notes.len() * 250 + self.run.0.weights.len() * 16
    }
}

impl Decide<Begin> for Deployment {
    fn decide(&self, ask: &Begin, ctx: &Context<'_>) -> Decision<Self, Begin> {
        let mut turn = Turn::new(self.run().clone(), ctx);
        if turn.run.begun.is_some() {
            return Decision::unchanged().reply(());
        }
        turn.change(Change::Made(Box::new(ask.begun.0.clone())));
        if !ask.waits {
            turn.change(Change::Started);
        }
        let state = turn.run.status.label();
        turn.list(state);
        turn.advance()
    }
}

impl Decide<Go> for Deployment {
    fn decide(&self, _ask: &Go, ctx: &Context<'_>) -> Decision<Self, Go> {
        let mut turn = Turn::new(self.run().clone(), ctx);
        if turn.run.begun.is_none() || turn.run.status != Status::NotStarted {
            return Decision::unchanged().reply(());
        }
        turn.change(Change::Started);
        turn.list(Status::Running.label());
        turn.advance()
    }
}

impl Decide<Cancel> for Deployment {
    fn decide(&self, ask: &Cancel, ctx: &Context<'_>) -> Decision<Self, Cancel> {
        if let Err(refused) = self.known(ctx.key) {
            return Decision::refuse(refused);
        }
        let mut turn = Turn::new(self.run().clone(), ctx);
        if turn.run.status.is_over() {
            return Decision::unchanged().reply(());
        }
        turn.change(Change::Cancelled(named(&ask.by), cut(&ask.why)));
        let why =
            if ask.why.is_empty() { format!("{} cancelled it", named(&ask.by)) } else { ask.why.clone() };
        turn.end(Status::Canceled, &why);
        turn.advance()
    }
}

impl Decide<Pause> for Deployment {
    fn decide(&self, ask: &Pause, ctx: &Context<'_>) -> Decision<Self, Pause> {
        if let Err(refused) = self.running(ctx.key) {
            return Decision::refuse(refused);
        }
        let mut turn = Turn::new(self.run().clone(), ctx);
        match turn.run.status {
            Status::Paused => return Decision::unchanged().reply(()),
            Status::Running => {}
            _ => {
                return Decision::refuse(Refused::new(
                    "NOT_STARTED",
                    "it waits for its turn: cancel it instead",
                ));
            }
        }
        turn.change(Change::Paused(named(&ask.by)));
        turn.list(Status::Paused.label());
        turn.advance()
    }
}

impl Decide<Resume> for Deployment {
    fn decide(&self, ask: &Resume, ctx: &Context<'_>) -> Decision<Self, Resume> {
        if let Err(refused) = self.running(ctx.key) {
            return Decision::refuse(refused);
        }
        let mut turn = Turn::new(self.run().clone(), ctx);
        if turn.run.status != Status::Paused {
            return Decision::unchanged().reply(());
        }
        turn.change(Change::Resumed(named(&ask.by)));
        turn.list(Status::Running.label());
        turn.advance()
    }
}

impl Decide<Judge> for Deployment {
    fn decide(&self, ask: &Judge, ctx: &Context<'_>) -> Decision<Self, Judge> {
        if let Err(refused) = self.running(ctx.key) {
            return Decision::refuse(refused);
        }
        let mut turn = Turn::new(self.run().clone(), ctx);
        let held = turn.run.stages.get(&ask.stage);
        let waits =
            held.is_some_and(|held| held.status == Status::Running && held.wait == Some(Wait::Judgment));
        let stage = turn.run.stage(&ask.stage).cloned().filter(|_| waits);
        let Some((stage, Does::Judgment { options, .. })) = stage.as_ref().map(|stage| (stage, &stage.does))
        else {
            let why = format!("stage {:?} waits for no judgment", ask.stage);
            return Decision::refuse(Refused::field("NOT_A_JUDGMENT", "stage", why));
        };
        let goes_on = match ask.judgment.to_lowercase().as_str() {
            "continue" => true,
            "stop" => false,
            _ => {
                return Decision::refuse(Refused::field("BAD_JUDGMENT", "judgment", "give continue or stop"));
            }
        };
        if goes_on && !options.is_empty() && !options.contains(&ask.option) {
            let why = format!("give one of {}", options.join(", "));
            return Decision::refuse(Refused::field("BAD_JUDGMENT", "option", why));
        }
        let (by, option) = (named(&ask.by), cut(&ask.option));
        turn.change(Change::Judged(
            ask.stage.clone(),
            by.clone(),
            ask.judgment.to_lowercase(),
            option.clone(),
        ));
        let outputs = serde_json::json!({ "judgmentStatus": ask.judgment.to_lowercase(), "judgmentInput": option, "by": by });
        turn.output(stage, "", outputs.as_object().cloned().unwrap_or_default());
        if goes_on {
            turn.succeed(stage);
        } else {
            turn.fail(stage, &format!("{by} said stop"));
        }
        turn.advance()
    }
}

impl Decide<RestartStage> for Deployment {
    fn decide(&self, ask: &RestartStage, ctx: &Context<'_>) -> Decision<Self, RestartStage> {
        if let Err(refused) = self.known(ctx.key) {
            return Decision::refuse(refused);
        }
        let mut turn = Turn::new(self.run().clone(), ctx);
        let Some(stage) = turn.run.stage(&ask.stage).cloned() else {
            let why = format!("there is no stage {:?}", ask.stage);
            return Decision::refuse(Refused::field("UNKNOWN_STAGE", "stage", why));
        };
        if !turn.run.stages.get(&ask.stage).is_some_and(|held| held.status.is_over()) {
            let why = format!("stage {:?} has not begun and ended: restart one before it", ask.stage);
            return Decision::refuse(Refused::field("NOT_ENDED", "stage", why));
        }
        if let Some(deploy) = turn.needs_deploy(&stage) {
            let why =
                format!("traffic was given back: restart the stage {deploy:?}, which puts the canary on it");
            return Decision::refuse(Refused::field("NO_TRAFFIC", "stage", why));
        }
        let over = turn.run.status.is_over();
        turn.change(Change::Restarted(ask.stage.clone(), named(&ask.by)));
        for ref_id in turn.and_after(&ask.stage) {
            let held = turn.run.stages.get(&ref_id);
            let wait = held.filter(|held| held.status == Status::Running).and_then(|held| held.wait.clone());
            turn.call_off(&ref_id, wait, "an earlier stage is tried again");
            turn.change(Change::StageReset(ref_id));
        }
        if over {
            // What the end called off, or never began, is open again.
            let canceled: Vec<String> = turn
                .run
                .stages
                .iter()
                .filter(|(_, held)| matches!(held.status, Status::Canceled | Status::Terminal))
                .map(|(ref_id, _)| ref_id.clone())
                .collect();
            for ref_id in canceled {
                turn.change(Change::StageReset(ref_id));
            }
            turn.reopen();
        }
        turn.list(Status::Running.label());
        turn.advance()
    }
}

impl<C: troupe_runtime::Command<Reply = ()>> Turn<'_, C> {
    /// The stage that put the canary onto traffic, where a stage needs traffic that was given back.
    fn needs_deploy(&self, stage: &Stage) -> Option<String> {
        let wants = matches!(stage.does, Does::Canary(_) | Does::Weigh { .. } | Does::Promote(_));
        if !wants || self.run.hold != Hold::Returned {
            return None;
        }
        let mut before = vec![stage.ref_id.clone()];
        let mut at = 0;
        while let Some(ref_id) = before.get(at).cloned() {
            at += 1;
            let Some(found) = self.run.stage(&ref_id) else { continue };
            if matches!(found.does, Does::Deploy(_)) {
                return Some(ref_id);
            }
            let more: Vec<String> =
                found.after.iter().filter(|after| !before.contains(after)).cloned().collect();
            before.extend(more);
        }
        None
    }

    /// A stage and all that comes after it.
    fn and_after(&self, ref_id: &str) -> Vec<String> {
        let mut found = vec![ref_id.to_owned()];
        loop {
            let comes = |stage: &&Stage| {
                !found.contains(&stage.ref_id) && stage.after.iter().any(|after| found.contains(after))
            };
            let stages = self.run.definition().into_iter().flat_map(|definition| &definition.stages);
            let more: Vec<String> = stages.filter(comes).map(|stage| stage.ref_id.clone()).collect();
            if more.is_empty() {
                return found;
            }
            found.extend(more);
        }
    }

    fn reopen(&mut self) {
        let Some(begun) = &self.run.begun else { return };
        let (to, number) = (troupe_runtime::Address::of::<Pipeline>(begun.pipeline.as_str()), begun.number);
        self.tell(to, &crate::delivery::pipelines::Reopened { number });
    }
}

impl Decide<Due> for Deployment {
    fn decide(&self, _ask: &Due, ctx: &Context<'_>) -> Decision<Self, Due> {
        let mut turn = Turn::new(self.run().clone(), ctx);
        if turn.run.begun.is_none() || turn.run.status.is_over() {
            return Decision::unchanged().reply(());
        }
        if turn.run.until().is_some_and(|until| until <= ctx.now) {
            let ms = turn.run.definition().map_or(0, |definition| definition.timeout_ms);
            let mut why = match ms / 3_600_000 {
                0 => format!("it took longer than it may, {} s", ms as f64 / 1_000.0),
                hours => format!("it took longer than it may, {hours} hours"),
            };
            let mut running = turn.run.stages.values().filter(|held| held.status == Status::Running);
            if let Some(waits) = running.find(|held| held.wait == Some(Wait::Turn)) {
                why = format!("{why}: {}", waits.why);
            }
            turn.end(Status::Terminal, &why);
            return turn.advance();
        }
        let now = ctx.now;
        let is_due = |at: Option<Timestamp>| at.is_some_and(|at| at <= now);
        let due: Vec<String> = turn
            .run
            .stages
            .iter()
            .filter(|(_, held)| held.status == Status::Running && (is_due(held.due) || is_due(held.until)))
            .map(|(ref_id, _)| ref_id.clone())
            .collect();
        for ref_id in due {
            turn.stage_due(&ref_id);
        }
        turn.advance()
    }
}

impl<C: troupe_runtime::Command<Reply = ()>> Turn<'_, C> {
    fn stage_due(&mut self, ref_id: &str) {
        let (Some(stage), Some(held)) =
            (self.run.stage(ref_id).cloned(), self.run.stages.get(ref_id).cloned())
        else {
            return;
        };
        let looked = held.due.is_some_and(|due| due <= self.ctx.now);
        match &held.wait {
            Some(Wait::Time) if looked => self.succeed(&stage),
            // What it waits for is another's end: that has the pipeline's time, and not the stage's.
            Some(Wait::Turn) if looked => {
                stages::begin(self, &stage);
                self.waits_its_turn(ref_id);
            }
            Some(Wait::Turn) => {}
            _ if held.until.is_some_and(|until| until <= self.ctx.now) => {
                self.call_off(ref_id, held.wait, "it took too long");
                let seconds = stage.timeout_ms as f64 / 1_000.0;
                self.fail(&stage, &format!("it took longer than it may, {seconds} s"));
            }
            Some(Wait::Again) if looked => stages::begin(self, &stage),
            Some(Wait::Look { looks }) if looked => {
                let looks = *looks;
                self.look(&stage, looks);
            }
            _ => {}
        }
    }
}

impl<C: troupe_runtime::Command<Reply = ()>> Turn<'_, C> {
    /// Traffic was asked for again by a stage that waits for its turn: it goes on waiting until that is answered.
    fn waits_its_turn(&mut self, ref_id: &str) {
        let held = self.run.stages.get(ref_id);
        let asked = held.is_some_and(|held| held.wait == Some(Wait::Traffic));
        if let Some(stage) = self.run.stage(ref_id).cloned().filter(|_| asked) {
            self.wait(&stage, Wait::Turn, Some(Timestamp(self.ctx.now.0 + stages::TURN_MS)));
        }
    }
}

impl Answer<GetDeployment> for Deployment {
    fn answer(&self, _ask: &GetDeployment, ctx: &Context<'_>) -> Result<NamedFields<Run>, Refused> {
        self.known(ctx.key)?;
        Ok(self.run.clone())
    }
}
