//! Decides the answers to the requests of stages. A late answer, for which no stage waits, changes nothing.

use serde_json::{Map, Value, json};
use troupe_runtime::text::cut;
use troupe_runtime::{Address, Command, Context, Decide, Decision, Timestamp};

use super::definition::{Poll, Stage, StageKind};
use super::messages::{Cancel, ChildEnded};
use super::run::{Change, Target, Wait};
use super::stages::call;
use super::state::Deployment;
use super::turn::{Turn, WHY_CHARS_MAX};
use crate::canary_analysis::CanaryEnded;
use crate::coordination::work_queues::{Finished, Outcome, Progress};
use crate::delivery::traffic::{TrafficSet, WHOLE};
use crate::models::Advanced;

impl Decide<TrafficSet> for Deployment {
    fn decide(&self, ask: &TrafficSet, ctx: &Context<'_>) -> Decision<Self, TrafficSet> {
        let mut turn = Turn::new(self.run().clone(), ctx);
        let Some(stage) = turn.waiting(&ask.id, |wait| matches!(wait, Wait::Traffic | Wait::Turn)) else {
            return Decision::unchanged().reply(());
        };
        match (&ask.refused, &ask.split.0) {
            // A version that was just published may not have reached the control group's replica yet.
            (Some(why), _) if why.starts_with("NO_VERSION") => turn.retry(&stage, why),
            (Some(why), _) if turn.is_held_by_ancestor(why) => {
                turn.fail(&stage, &format!("{why}: it waits for this execution, so neither would end"));
            }
            // The holder belongs to another pipeline, and its end is not reported to this execution.
            (Some(why), _) if why.starts_with("HELD") => {
                let words = cut(&format!("it waits for its turn: {why}"), WHY_CHARS_MAX);
                if turn.run.stages.get(&stage.ref_id).is_some_and(|held| held.why != words) {
                    turn.output(&stage, &words, Map::new());
                }
                turn.await_turn(&stage);
            }
            (Some(why), _) => turn.fail(&stage, why),
            (None, split) => {
                if let (Some(split), Some(target)) = (split, turn.run.target.clone()) {
                    if target.production != split.production {
                        turn.change(Change::Targeted(Target { production: split.production, ..target }));
                    }
                    turn.change(Change::Weighed(split.weight, split.baseline));
                    let outputs = json!({ "production": split.production, "canary": split.canary,
                        "weight": f64::from(split.weight) / 100.0 });
                    turn.output(&stage, "", outputs.as_object().cloned().unwrap_or_default());
                }
                turn.succeed(&stage);
            }
        }
        turn.advance()
    }
}

impl<C: Command<Reply = ()>> Turn<'_, C> {
    /// Whether an ancestor that waits for this execution holds the traffic.
    fn is_held_by_ancestor(&self, why: &str) -> bool {
        let above = self.run.begun.as_ref().map(|begun| begun.ancestry.waiting.as_slice());
        above.unwrap_or_default().iter().any(|ancestor| why.starts_with(&format!("HELD: {ancestor} holds ")))
    }
}

impl Decide<Advanced> for Deployment {
    fn decide(&self, ask: &Advanced, ctx: &Context<'_>) -> Decision<Self, Advanced> {
        let mut turn = Turn::new(self.run().clone(), ctx);
        let Some(stage) = turn.waiting(&ask.id, |wait| matches!(wait, Wait::Model)) else {
            return Decision::unchanged().reply(());
        };
        match (&ask.refused, &stage.kind) {
            (Some(why), _) => turn.fail(&stage, why),
            (None, StageKind::Promote(_)) => {
                let held = turn.run.hold == super::run::TrafficHold::Held;
                if let Some(target) = turn.run.target.clone().filter(|_| held) {
                    turn.promoted(&target);
                }
                turn.succeed(&stage);
            }
            (None, _) => turn.succeed(&stage),
        }
        turn.advance()
    }
}

impl<C: Command<Reply = ()>> Turn<'_, C> {
    /// Gives up the traffic after a promotion: the champion gets all members without a split.
    fn promoted(&mut self, target: &Target) {
        let back = crate::delivery::traffic::GiveBack {
            by: self.ctx.key.to_owned(),
            keep: false,
            why: format!("version {} is the champion", target.canary),
        };
        self.tell(Address::of::<crate::delivery::traffic::Traffic>(target.model.as_str()), &back);
        let who = format!("{}@{}", target.model, target.canary);
        self.change(Change::GaveBack(who, "it is the champion".to_owned()));
        self.change(Change::Weighed(WHOLE, false));
    }
}

impl Decide<CanaryEnded> for Deployment {
    fn decide(&self, ask: &CanaryEnded, ctx: &Context<'_>) -> Decision<Self, CanaryEnded> {
        let mut turn = Turn::new(self.run().clone(), ctx);
        let waits = |wait: &Wait| matches!(wait, Wait::Canary(id) if *id == ask.canary);
        let Some(stage) = turn.waiting(&ask.id, waits) else { return Decision::unchanged().reply(()) };
        let outputs = json!({ "verdict": ask.verdict.outcome, "passed": ask.verdict.passed, "words": ask.verdict.words });
        turn.output(&stage, &ask.verdict.words, outputs.as_object().cloned().unwrap_or_default());
        if ask.verdict.passed {
            turn.succeed(&stage);
        } else {
            turn.fail(&stage, &format!("the canary has {}: {}", ask.verdict.outcome, ask.verdict.words));
        }
        turn.advance()
    }
}

impl Decide<ChildEnded> for Deployment {
    fn decide(&self, ask: &ChildEnded, ctx: &Context<'_>) -> Decision<Self, ChildEnded> {
        let mut turn = Turn::new(self.run().clone(), ctx);
        let begun = matches!(ask.status.as_str(), "RUNNING" | "NOT_STARTED");
        let Some(stage) = turn.waiting(&ask.id, |wait| matches!(wait, Wait::Child)) else {
            // The child began after this execution had ended. Its result has no use.
            if begun
                && turn.run.status.is_over()
                && !ask.execution.is_empty()
                && turn.waits_for_children(&ask.id)
            {
                let cancel = Cancel { by: ctx.key.to_owned(), why: "what started it has ended".to_owned() };
                turn.tell(Address::of::<Self>(ask.execution.as_str()), &cancel);
            }
            return turn.advance();
        };
        let outputs = json!({ "executionId": ask.execution, "executionStatus": ask.status });
        turn.output(&stage, &ask.why, outputs.as_object().cloned().unwrap_or_default());
        let waits = matches!(&stage.kind, StageKind::Pipeline { wait: true, .. });
        match ask.status.as_str() {
            _ if begun && waits => {}
            "SUCCEEDED" => turn.succeed(&stage),
            _ if begun => turn.succeed(&stage),
            status => turn.fail(&stage, &format!("{} is {status}: {}", ask.execution, ask.why)),
        }
        turn.advance()
    }
}

impl<C: Command<Reply = ()>> Turn<'_, C> {
    fn waits_for_children(&self, id: &str) -> bool {
        let stage = id.split('/').next().and_then(|ref_id| self.run.stage(ref_id));
        stage.is_some_and(|stage| matches!(stage.kind, StageKind::Pipeline { wait: true, .. }))
    }
}

impl Decide<Progress> for Deployment {
    fn decide(&self, ask: &Progress, ctx: &Context<'_>) -> Decision<Self, Progress> {
        let mut turn = Turn::new(self.run().clone(), ctx);
        let waits = |wait: &Wait| matches!(wait, Wait::Call { task, .. } if *task == ask.id);
        let Some(stage) = turn.waiting(&ask.id, waits) else { return Decision::unchanged().reply(()) };
        turn.output(&stage, &ask.words, Map::new());
        turn.advance()
    }
}

impl Decide<Finished> for Deployment {
    fn decide(&self, ask: &Finished, ctx: &Context<'_>) -> Decision<Self, Finished> {
        let mut turn = Turn::new(self.run().clone(), ctx);
        let waits = |wait: &Wait| matches!(wait, Wait::Call { task, .. } if *task == ask.id);
        let Some(stage) = turn.waiting(&ask.id, waits) else { return Decision::unchanged().reply(()) };
        let looks = match turn.run.stages.get(&stage.ref_id).and_then(|held| held.wait.clone()) {
            Some(Wait::Call { looks, .. }) => looks,
            _ => 0,
        };
        let StageKind::Webhook(spec) = &stage.kind else { return Decision::unchanged().reply(()) };
        match (&ask.outcome, &spec.poll) {
            (Outcome::Done { output }, None) => {
                turn.output(&stage, "", answered(&output.0));
                turn.succeed(&stage);
            }
            (Outcome::Done { output }, Some(poll)) if looks == 0 => {
                turn.output(&stage, "", answered(&output.0));
                turn.look_later(&stage, poll, 1);
            }
            (Outcome::Done { output }, Some(poll)) => turn.looked(&stage, poll, looks, &output.0),
            // A failed status request is repeated until the stage times out.
            (_, Some(poll)) if looks > 0 => turn.look_later(&stage, poll, looks + 1),
            (Outcome::Failed { why, .. }, _) => turn.fail(&stage, why),
            (Outcome::TimedOut, _) => turn.fail(&stage, "the webhook did not answer in time"),
        }
        turn.advance()
    }
}

/// The whole answer, as the context keeps it.
fn answered(output: &Value) -> Map<String, Value> {
    Map::from_iter([("webhook".to_owned(), output.clone())])
}

impl<C: Command<Reply = ()>> Turn<'_, C> {
    fn look_later(&mut self, stage: &Stage, poll: &Poll, looks: u32) {
        self.wait(stage, Wait::Look { looks }, Some(Timestamp(self.ctx.now.0 + poll.every_ms)));
    }

    /// Requests the status of what a webhook started.
    pub(super) fn look(&mut self, stage: &Stage, looks: u32) {
        let StageKind::Webhook(spec) = &stage.kind else { return };
        let Some(poll) = &spec.poll else { return };
        let mut context = self.run.context();
        let own = self.run.stages.get(&stage.ref_id).and_then(|held| held.outputs.get("webhook").cloned());
        context["webhook"] = own.unwrap_or(Value::Null);
        let url = if poll.url.is_empty() { &spec.url } else { &poll.url };
        match super::expression::filled(&Value::from(url.as_str()), &context) {
            Ok(url) => {
                let spec = json!({ "url": url, "method": "GET", "within_ms": 10_000 });
                let plan = call(&self.run, self.ctx, stage, looks, spec);
                self.carry_out(stage, plan);
            }
            Err(why) => self.fail(stage, &format!("statusUrl: {why}")),
        }
    }

    fn looked(&mut self, stage: &Stage, poll: &Poll, looks: u32, output: &Value) {
        let path = poll.status.trim_start_matches('$').trim_start_matches('.');
        let body = output.get("body").unwrap_or(output);
        let value = if path.is_empty() { Some(body.clone()) } else { super::expression::at(path, body) };
        let status = match &value {
            Some(Value::String(text)) => text.to_uppercase(),
            Some(other) => other.to_string().to_uppercase(),
            None => String::new(),
        };
        if poll.success.contains(&status) {
            self.output(stage, &status, answered(output));
            self.succeed(stage);
        } else if poll.failure.contains(&status) {
            self.output(stage, &status, answered(output));
            self.fail(stage, &format!("the webhook's status is {status}"));
        } else {
            self.output(stage, &status, Map::new());
            self.look_later(stage, poll, looks + 1);
        }
    }
}
