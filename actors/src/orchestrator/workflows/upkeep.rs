//! Commands on the properties and the deletion of a workflow.

use troupe_runtime::{Address, Context, Decide, Decision, Refused};
use troupe_workflows::validation::validate_properties;

use super::instances::WorkflowDraft;
use super::messages::{DeleteWorkflow, SetProperties};
use super::state::{Change, Workflow};
use crate::coordination::directory::{Directory, Remove};
use crate::orchestrator::runs::{Forget, WorkflowRun, key_of};

impl Decide<SetProperties> for Workflow {
    fn decide(&self, ask: &SetProperties, ctx: &Context<'_>) -> Decision<Self, SetProperties> {
        let known = &self.known.0;
        if known.versions.is_empty() {
            return Decision::refuse(Refused::field("NO_VERSION", "version", "the workflow does not exist"));
        }
        if let Err(problems) = validate_properties(&ask.properties.0) {
            let first = problems.0.first().map(|problem| problem.path.clone());
            let refused = Refused::new("BAD_PROPERTIES", problems.to_string());
            return Decision::refuse(Refused { field: first, ..refused });
        }
        let properties = ask.properties.0.clone().over(known.properties.clone());
        if properties == known.properties {
            return Decision::unchanged().reply(());
        }
        let mut draft = WorkflowDraft::new(self, ctx);
        draft.apply(Change::Properties(Box::new(properties)));
        draft.line(&format!("properties changed by {}", ask.by));
        // The new run strategy may start or stop instances.
        draft.schedule();
        draft.decide(Decision::unchanged()).reply(())
    }
}

impl Decide<DeleteWorkflow> for Workflow {
    fn decide(&self, ask: &DeleteWorkflow, ctx: &Context<'_>) -> Decision<Self, DeleteWorkflow> {
        let known = &self.known.0;
        if known.versions.is_empty() && known.instances.is_empty() {
            return Decision::unchanged().reply(());
        }
        let open = known.instances.values().filter(|instance| !instance.status.is_terminal()).count();
        if open > 0 {
            let why = format!("{open} of its instances wait or run: stop them first");
            return Decision::refuse(Refused::new("RUNNING", why));
        }
        let mut draft = WorkflowDraft::new(self, ctx);
        draft.apply(Change::Deleted);
        draft.line(&format!("deleted by {}", ask.by));
        let before = known.active.and_then(|active| known.versions.get(&active));
        let mut decision = draft.decide(Decision::unchanged());
        decision = Self::arm(decision, (ctx.key, ctx.now), before.map(|version| &version.workflow), None);
        for number in known.instances.keys() {
            let run = Address::of::<WorkflowRun>(key_of(ctx.key, *number));
            decision = decision.tell(run, &Forget {});
        }
        decision.tell(Directory::of::<Self>(), &Remove { key: ctx.key.to_owned() }).reply(())
    }
}
