//! The commands of people and of the pipeline: begin, cancel, pause, resume, judge, restart.

use troupe_runtime::text::cut;
use troupe_runtime::{Context, Decide, Decision, Refused};

use super::definition::{Stage, StageKind};
use super::messages::{Begin, Cancel, Go, Judge, Pause, RestartStage, Resume};
use super::run::{Change, Status, TrafficHold, Wait};
use super::state::Deployment;
use super::turn::{Turn, WHY_CHARS_MAX};
use crate::delivery::pipelines::Pipeline;

const NAME_CHARS_MAX: usize = 128;

fn named(by: &str) -> String {
    let by = cut(by.trim(), NAME_CHARS_MAX);
    if by.is_empty() { "anonymous".to_owned() } else { by }
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
        turn.change(Change::Cancelled(named(&ask.by), cut(&ask.why, WHY_CHARS_MAX)));
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
        let Some((stage, StageKind::Judgment { options, .. })) =
            stage.as_ref().map(|stage| (stage, &stage.kind))
        else {
            let why = format!("stage {:?} does not wait for a judgment", ask.stage);
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
        let (by, option) = (named(&ask.by), cut(&ask.option, WHY_CHARS_MAX));
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
            let why = format!("unknown stage {:?}", ask.stage);
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
            // Stages that the end canceled can begin again.
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
    /// The deploy stage before `stage`, if `stage` needs traffic that was given back.
    fn needs_deploy(&self, stage: &Stage) -> Option<String> {
        let wants =
            matches!(stage.kind, StageKind::Canary(_) | StageKind::Weigh { .. } | StageKind::Promote(_));
        if !wants || self.run.hold != TrafficHold::Returned {
            return None;
        }
        let mut before = vec![stage.ref_id.clone()];
        let mut at = 0;
        while let Some(ref_id) = before.get(at).cloned() {
            at += 1;
            let Some(stage) = self.run.stage(&ref_id) else { continue };
            if matches!(stage.kind, StageKind::Deploy(_)) {
                return Some(ref_id);
            }
            let more: Vec<String> =
                stage.after.iter().filter(|after| !before.contains(after)).cloned().collect();
            before.extend(more);
        }
        None
    }

    /// A stage and every stage after it.
    fn and_after(&self, ref_id: &str) -> Vec<String> {
        let mut stages_after = vec![ref_id.to_owned()];
        loop {
            let comes = |stage: &&Stage| {
                !stages_after.contains(&stage.ref_id)
                    && stage.after.iter().any(|after| stages_after.contains(after))
            };
            let stages = self.run.definition().into_iter().flat_map(|definition| &definition.stages);
            let more: Vec<String> = stages.filter(comes).map(|stage| stage.ref_id.clone()).collect();
            if more.is_empty() {
                return stages_after;
            }
            stages_after.extend(more);
        }
    }

    fn reopen(&mut self) {
        let Some(begun) = &self.run.begun else { return };
        let (to, number) = (troupe_runtime::Address::of::<Pipeline>(begun.pipeline.as_str()), begun.number);
        self.tell(to, &crate::delivery::pipelines::Reopened { number });
    }
}
