//! The decisions of a workflow on its commands.

use troupe_runtime::text::cut;
use troupe_runtime::{Context, Decide, Decision, Refused};
use troupe_workflows::definition::Submission;
use troupe_workflows::status::InstanceStatus;
use troupe_workflows::validation::validate;

use super::instances::WorkflowDraft;
use super::messages::{
    Activate, Fire, Push, Pushed, RestartInstance, SetBreakpoint, StartWorkflow, Started, StopInstance,
    Unblock,
};
use super::state::{Change, VERSIONS_HELD_MAX, Workflow};
use crate::coordination::signals::Heard;
use crate::orchestrator::runs::{Ended, RestartAt};
use crate::stored::NamedFields;

const BREAKPOINTS_MAX: usize = 100;

impl Workflow {
    fn definition(&self, version: Option<u64>) -> Option<&troupe_workflows::definition::Workflow> {
        self.known.0.versions.get(&version?).map(|version| &version.workflow)
    }
}

impl Decide<Push> for Workflow {
    fn decide(&self, ask: &Push, ctx: &Context<'_>) -> Decision<Self, Push> {
        let bytes = ask.definition.0.to_string();
        let read = Submission::from_json(bytes.as_bytes())
            .and_then(|submission| validate(&submission).map(|()| submission));
        let submission = match read {
            Ok(submission) => submission,
            Err(problems) => {
                let first = problems.0.first().map(|problem| format!("definition.{}", problem.path));
                let refused = Refused::new("BAD_DEFINITION", problems.to_string());
                return Decision::refuse(Refused { field: first, ..refused });
            }
        };
        if submission.workflow.id != ctx.key {
            let why = format!("the workflow's id is {:?}, not {:?}", submission.workflow.id, ctx.key);
            return Decision::refuse(Refused::field("WRONG_ID", "definition.workflow.id", why));
        }
        let known = &self.known.0;
        let properties = match submission.properties {
            Some(change) => change.over(known.properties.clone()),
            None => known.properties.clone(),
        };
        let newest = known.versions.get(&known.newest);
        let same = newest.is_some_and(|newest| newest.workflow == submission.workflow);
        let activates = submission.is_active;
        if same && properties == known.properties && (!activates || known.active == Some(known.newest)) {
            return Decision::unchanged().reply(Pushed { version: known.newest, fresh: false });
        }
        if !same && known.versions.len() >= VERSIONS_HELD_MAX {
            let why =
                format!("instances wait for {VERSIONS_HELD_MAX} versions: let some begin, or stop them");
            return Decision::refuse(Refused::new("TOO_MANY_VERSIONS", why));
        }
        let mut draft = WorkflowDraft::new(self, ctx);
        let version = if same { known.newest } else { known.newest + 1 };
        draft.apply(Change::Pushed {
            version,
            workflow: Box::new(submission.workflow),
            properties: Box::new(properties),
            by: cut(&ask.by, 128),
            at: ctx.now,
        });
        draft.line(&format!("version {version} pushed by {}", ask.by));
        if activates {
            draft.apply(Change::Activated(Some(version)));
        }
        draft.drop_stale_raises(self.definition(known.active));
        draft.schedule();
        let active = draft.known.active;
        let after = draft.known.versions.get(&active.unwrap_or(0)).map(|version| version.workflow.clone());
        let decision = draft.decide(Decision::unchanged());
        let before = self.definition(known.active);
        Self::arm(decision, (ctx.key, ctx.now), before, after.as_ref())
            .reply(Pushed { version, fresh: !same })
    }
}

impl Decide<Activate> for Workflow {
    fn decide(&self, ask: &Activate, ctx: &Context<'_>) -> Decision<Self, Activate> {
        let known = &self.known.0;
        if let Some(version) = ask.version
            && !known.versions.contains_key(&version)
        {
            let why = format!("version {version} does not exist");
            return Decision::refuse(Refused::field("NO_VERSION", "version", why));
        }
        if ask.version == known.active {
            return Decision::unchanged().reply(());
        }
        let mut draft = WorkflowDraft::new(self, ctx);
        draft.apply(Change::Activated(ask.version));
        let what = match ask.version {
            Some(version) => format!("version {version} made active"),
            None => "deactivated".to_owned(),
        };
        draft.line(&format!("{what} by {}", ask.by));
        draft.drop_stale_raises(self.definition(known.active));
        let decision = draft.decide(Decision::unchanged());
        let (before, after) = (self.definition(known.active), self.definition(ask.version));
        Self::arm(decision, (ctx.key, ctx.now), before, after).reply(())
    }
}

impl Decide<StartWorkflow> for Workflow {
    fn decide(&self, ask: &StartWorkflow, ctx: &Context<'_>) -> Decision<Self, StartWorkflow> {
        let mut draft = WorkflowDraft::new(self, ctx);
        match (draft.start(ask), &ask.notify) {
            (Ok(started), _) => draft.decide(Decision::unchanged()).reply(started),
            (Err(refused), None) => Decision::refuse(refused),
            (Err(refused), Some(parent)) => {
                draft.refuse_to(parent, &refused);
                let status = NamedFields(InstanceStatus::Failed);
                let nothing = Started { instance: None, version: 0, fresh: false, status };
                draft.decide(Decision::unchanged()).reply(nothing)
            }
        }
    }
}

impl Decide<StopInstance> for Workflow {
    fn decide(&self, ask: &StopInstance, ctx: &Context<'_>) -> Decision<Self, StopInstance> {
        let mut draft = WorkflowDraft::new(self, ctx);
        let wanted: Vec<u64> = draft
            .known
            .instances
            .iter()
            .filter(|(number, _)| ask.instance.is_none_or(|wanted| wanted == **number))
            .filter(|(_, one)| ask.request_id.as_ref().is_none_or(|request| *request == one.request_id))
            .map(|(number, _)| *number)
            .collect();
        if wanted.is_empty() && ask.instance.is_some() {
            return Decision::refuse(Refused::field(
                "NO_INSTANCE",
                "instance",
                "the instance does not exist",
            ));
        }
        let stopped = wanted.into_iter().filter(|number| draft.stop(*number, &ask.why, ask.kill)).count();
        draft.schedule();
        draft.decide(Decision::unchanged()).reply(stopped as u64)
    }
}

impl Decide<RestartInstance> for Workflow {
    fn decide(&self, ask: &RestartInstance, ctx: &Context<'_>) -> Decision<Self, RestartInstance> {
        let Some(instance) = self.known.0.instances.get(&ask.instance) else {
            return Decision::refuse(Refused::field(
                "NO_INSTANCE",
                "instance",
                "the instance does not exist",
            ));
        };
        let run = instance.run + 1;
        if instance.again.as_deref() == Some(ask) {
            return Decision::unchanged().reply(run);
        }
        if !instance.status.is_terminal() {
            return Decision::refuse(Refused::new("RUNNING", "the instance is not over: stop it first"));
        }
        if instance.run != ask.seen || instance.run == 0 {
            let why = format!("its newest run is {}", instance.run);
            return Decision::refuse(Refused::field("STALE", "seen", why));
        }
        if let RestartAt::Step(step) = &ask.at {
            let steps = self.definition(Some(instance.version)).map(|workflow| &workflow.steps);
            if !steps.is_some_and(|steps| steps.iter().any(|known| known.id == *step)) {
                let why = format!(
                    "version {} has no step {step:?}, or the version was forgotten",
                    instance.version
                );
                return Decision::refuse(Refused::field("NO_STEP", "at", why));
            }
        }
        let mut next = instance.clone();
        (next.status, next.ended, next.blocks) = (InstanceStatus::Created, None, false);
        (next.why, next.again) = (String::new(), Some(Box::new(ask.clone())));
        let mut draft = WorkflowDraft::new(self, ctx);
        if let Err(refused) = draft.room() {
            return Decision::refuse(refused);
        }
        draft.set(ask.instance, next);
        draft.line(&format!("instance {} restarted by {}", ask.instance, ask.by));
        draft.schedule();
        let held = draft.known.instances.get(&ask.instance).filter(|instance| instance.status.is_terminal());
        if let Some(held) = held {
            return Decision::refuse(Refused::new("RUN_STRATEGY", held.why.clone()));
        }
        draft.decide(Decision::unchanged()).reply(run)
    }
}

impl Decide<Ended> for Workflow {
    fn decide(&self, ask: &Ended, ctx: &Context<'_>) -> Decision<Self, Ended> {
        let number = ask.id.parse().unwrap_or(0);
        let current = self.known.0.instances.get(&number);
        if current.is_none_or(|instance| instance.status.is_terminal() || instance.run != ask.run) {
            return Decision::unchanged().reply(());
        }
        let mut draft = WorkflowDraft::new(self, ctx);
        draft.over(number, ask.status.0, &ask.why, ask.counts, &ask.values.0);
        draft.schedule();
        draft.decide(Decision::unchanged()).reply(())
    }
}

impl Decide<Unblock> for Workflow {
    fn decide(&self, ask: &Unblock, ctx: &Context<'_>) -> Decision<Self, Unblock> {
        let mut draft = WorkflowDraft::new(self, ctx);
        let blocking: Vec<_> = draft
            .known
            .instances
            .iter()
            .filter(|(number, one)| one.blocks && ask.instance.is_none_or(|wanted| wanted == **number))
            .map(|(number, one)| (*number, one.clone()))
            .collect();
        let count = blocking.len() as u64;
        for (number, mut instance) in blocking {
            instance.blocks = false;
            draft.set(number, instance);
        }
        draft.schedule();
        draft.decide(Decision::unchanged()).reply(count)
    }
}

impl Decide<SetBreakpoint> for Workflow {
    fn decide(&self, ask: &SetBreakpoint, ctx: &Context<'_>) -> Decision<Self, SetBreakpoint> {
        let known = &self.known.0;
        let held = known.breakpoints.contains(&ask.step);
        if held && ask.on {
            return Decision::unchanged().reply(());
        }
        let newest = self.definition(Some(known.newest));
        if ask.on && newest.is_none_or(|workflow| workflow.step(&ask.step).is_none()) {
            let why = format!("step {:?} does not exist", ask.step);
            return Decision::refuse(Refused::field("NO_STEP", "step", why));
        }
        if ask.on && known.breakpoints.len() >= BREAKPOINTS_MAX {
            return Decision::refuse(Refused::new("TOO_MANY", "remove some breakpoints first"));
        }
        let mut draft = WorkflowDraft::new(self, ctx);
        if held != ask.on {
            draft.apply(Change::Breakpoint(ask.step.clone(), ask.on));
        }
        draft.send_breakpoints(!ask.on && !ask.stays.0);
        draft.decide(Decision::unchanged()).reply(())
    }
}

impl Decide<Fire> for Workflow {
    fn decide(&self, ask: &Fire, ctx: &Context<'_>) -> Decision<Self, Fire> {
        let mut draft = WorkflowDraft::new(self, ctx);
        draft.fire(ask);
        let decision = draft.decide(Decision::unchanged());
        let at = usize::try_from(ask.trigger).unwrap_or(usize::MAX);
        Self::wind(decision, (ctx.key, ctx.now), self.definition(self.known.0.active), at).reply(())
    }
}

impl Decide<Heard> for Workflow {
    fn decide(&self, ask: &Heard, ctx: &Context<'_>) -> Decision<Self, Heard> {
        let mut draft = WorkflowDraft::new(self, ctx);
        draft.signal_arrived(ask, ctx.seed);
        draft.decide(Decision::unchanged()).reply(())
    }
}
