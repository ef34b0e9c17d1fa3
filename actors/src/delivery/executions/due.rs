//! What a deployment does when its timer fires.

use troupe_runtime::{Command, Context, Decide, Decision, Timestamp};

use super::messages::Due;
use super::run::{Status, Wait};
use super::state::Deployment;
use super::turn::Turn;

impl Decide<Due> for Deployment {
    fn decide(&self, _ask: &Due, ctx: &Context<'_>) -> Decision<Self, Due> {
        let mut turn = Turn::new(self.run().clone(), ctx);
        if turn.run.begun.is_none() || turn.run.status.is_over() {
            return Decision::unchanged().reply(());
        }
        if turn.run.until().is_some_and(|until| until <= ctx.now) {
            let ms = turn.run.definition().map_or(0, |definition| definition.timeout_ms);
            let mut why = match ms / 3_600_000 {
                0 => format!("it took longer than its limit, {} s", ms as f64 / 1_000.0),
                hours => format!("it took longer than its limit, {hours} hours"),
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

impl<C: Command<Reply = ()>> Turn<'_, C> {
    fn stage_due(&mut self, ref_id: &str) {
        let (Some(stage), Some(held)) =
            (self.run.stage(ref_id).cloned(), self.run.stages.get(ref_id).cloned())
        else {
            return;
        };
        let looked = held.due.is_some_and(|due| due <= self.ctx.now);
        match &held.wait {
            Some(Wait::Time) if looked => self.succeed(&stage),
            // Waiting for another execution's end is limited by the pipeline's timeout, not by the stage's.
            Some(Wait::Turn) if looked => {
                self.begin_attempt(&stage);
                self.waits_its_turn(ref_id);
            }
            Some(Wait::Turn) => {}
            _ if held.until.is_some_and(|until| until <= self.ctx.now) => {
                self.call_off(ref_id, held.wait, "it took too long");
                let seconds = stage.timeout_ms as f64 / 1_000.0;
                self.fail(&stage, &format!("it took longer than its limit, {seconds} s"));
            }
            Some(Wait::Again) if looked => self.begin_attempt(&stage),
            Some(Wait::Look { looks }) if looked => {
                let looks = *looks;
                self.look(&stage, looks);
            }
            _ => {}
        }
    }

    /// Keeps a stage that requested the traffic again in the state of waiting for its turn, until the answer arrives.
    fn waits_its_turn(&mut self, ref_id: &str) {
        let held = self.run.stages.get(ref_id);
        let asked = held.is_some_and(|held| held.wait == Some(Wait::Traffic));
        if let Some(stage) = self.run.stage(ref_id).cloned().filter(|_| asked) {
            self.await_turn(&stage);
        }
    }
}
