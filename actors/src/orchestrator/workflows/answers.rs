//! The answers of a workflow to queries.

use troupe_runtime::entity::Answer;
use troupe_runtime::{Context, Refused};

use super::messages::{GetInstance, GetWorkflow, InstanceView, VersionView, WorkflowView};
use super::state::{Instance, Workflow};
use crate::stored::NamedFields;

/// Default count of instances in an answer.
const INSTANCES: u32 = 50;

impl Answer<GetWorkflow> for Workflow {
    fn answer(&self, ask: &GetWorkflow, _ctx: &Context<'_>) -> Result<WorkflowView, Refused> {
        let known = &self.known.0;
        let version = ask.version.or(known.active).unwrap_or(known.newest);
        let shown = known.versions.get(&version);
        if ask.version.is_some() && shown.is_none() {
            let why = format!("version {version} does not exist");
            return Err(Refused::field("NO_VERSION", "version", why));
        }
        let definition = shown.and_then(|version| serde_json::to_value(&version.workflow).ok());
        let most = ask.instances.unwrap_or(INSTANCES) as usize;
        let instances = known.instances.iter().rev().take(most).map(|(number, one)| view(*number, one));
        let versions = known.versions.iter().map(|(number, version)| VersionView {
            version: *number,
            at: version.at,
            by: version.by.clone(),
        });
        Ok(WorkflowView {
            active: known.active,
            newest: known.newest,
            properties: NamedFields(known.properties.clone()),
            version,
            definition: NamedFields(definition.unwrap_or_default()),
            versions: versions.collect(),
            instances: instances.collect(),
            started: known.started,
            breakpoints: known.breakpoints.iter().cloned().collect(),
            timeline: known.timeline.iter().cloned().collect(),
        })
    }
}

impl Answer<GetInstance> for Workflow {
    fn answer(&self, ask: &GetInstance, ctx: &Context<'_>) -> Result<InstanceView, Refused> {
        let known = self.known.0.instances.get(&ask.instance);
        known.map(|one| view(ask.instance, one)).ok_or_else(|| {
            let why = format!(
                "workflow {:?} has no instance {}, or the instance was forgotten",
                ctx.key, ask.instance
            );
            Refused::field("NO_INSTANCE", "instance", why)
        })
    }
}

fn view(number: u64, one: &Instance) -> InstanceView {
    InstanceView {
        instance: number,
        run: one.run,
        version: one.version,
        status: NamedFields(one.status),
        request_id: one.request_id.clone(),
        initiator: NamedFields(one.initiator.clone()),
        created: one.created,
        ended: one.ended,
        why: one.why.clone(),
        counts: one.counts,
        blocks: one.blocks,
    }
}
