//! Subworkflow steps: the start and the stop of another workflow's instance.

use std::collections::BTreeMap;

use serde_json::json;
use troupe_runtime::wire;
use troupe_workflows::definition::{ParamDefinitions, ParamSource};
use troupe_workflows::params::{Lookup as _, Value};
use troupe_workflows::status::StepStatus;

use super::loop_run::LoopRun;
use super::loops::LoopTurn;
use super::nested_outputs::requested_of;
use super::outgoing::Outgoing;
use crate::orchestrator::workflows::{StartWorkflow, StopInstance};
use crate::stored::NamedFields;

/// Nesting limit of subworkflows, so that a workflow that starts itself ends.
const SUBWORKFLOWS_DEEP_MAX: u64 = 10;

impl LoopTurn<'_, '_> {
    /// Starts an instance of another workflow; the step waits for its end if `sync` is set.
    pub(super) fn start_subworkflow(&mut self, id: &str, version: &str, (sync, explicit): (bool, bool)) {
        let depth = self.turn.begun.initiator.0["depth"].as_u64().unwrap_or(0) + 1;
        if depth > SUBWORKFLOWS_DEEP_MAX {
            let why = format!(
                "workflow {id:?} would be the subworkflow of {SUBWORKFLOWS_DEEP_MAX} subworkflows, which are the most: \
                 see whether it starts itself"
            );
            return self.turn.attempt(self.at).fail(StepStatus::FatallyFailed, &why);
        }
        let begun = self.turn.begun;
        let start = StartWorkflow {
            request_id: self.turn.attempt_id(self.at),
            version: version.to_owned(),
            params: NamedFields(self.passed_params(explicit)),
            source: NamedFields(ParamSource::Subworkflow),
            initiator: NamedFields(json!({
                "type": "SUBWORKFLOW",
                "depth": depth,
                "asked": requested_of(self.turn, self.turn.id(self.at)),
                "parent": {
                    "workflow_id": begun.workflow,
                    "workflow_instance_id": begun.instance,
                    "step_id": self.turn.id(self.at),
                },
            })),
            signals: BTreeMap::new(),
            notify: sync.then(|| self.parent(0)),
        };
        self.turn.bytes += wire::encode(&start).len();
        self.turn.send(Outgoing::Start(id.to_owned(), Box::new(start)));
        if sync {
            self.set_looping(LoopRun::single(1));
        } else {
            self.turn.attempt(self.at).succeed();
        }
    }

    /// The parameters of the subworkflow: the step's own, and unless `explicit` is set the workflow's before them.
    fn passed_params(&self, explicit: bool) -> ParamDefinitions {
        let mut params = ParamDefinitions::new();
        if !explicit {
            let inherited = self.turn.live.params.iter();
            params.extend(inherited.map(|(name, param)| (name.clone(), param.passed_down())));
        }
        let own = self.turn.step(self.at).into_iter().flat_map(|step| &step.params);
        for (name, param) in own.filter(|(name, _)| !name.starts_with("subworkflow_")) {
            params.insert(name.clone(), param.passed_down());
        }
        params
    }

    pub(super) fn stop_subworkflow(&mut self, why: &str) {
        let Some(step) = self.turn.step(self.at) else { return };
        let runs = step.looping.as_ref().is_some_and(|looping| !looping.running.is_empty());
        if let (Some(Value::String(id)), true) = (step.params.value("subworkflow_id"), runs) {
            let stop = StopInstance {
                instance: None,
                request_id: Some(self.turn.attempt_id(self.at)),
                why: why.to_owned(),
                kill: false,
            };
            self.turn.send(Outgoing::StopInstance(id, stop));
        }
    }
}
