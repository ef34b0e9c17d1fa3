//! The scope of a step's expressions: facts of the run, the instance and the other steps.

use troupe_workflows::params::{Facts, Value};

use super::iteration::Iteration;
use super::loop_run::LoopRun;
use super::nested_outputs;
use super::turn::Turn;

/// The facts for one step, or for the whole run if `step_index` is `None`.
pub(super) struct StepScope<'t, 'a> {
    pub(super) turn: &'t Turn<'a>,
    pub(super) iteration: Option<&'t Iteration>,
    pub(super) step_index: Option<usize>,
}

impl StepScope<'_, '_> {
    fn looping(&self, step: &str) -> Option<&LoopRun> {
        self.iteration?.steps.get(self.turn.graph.index_of(step)?)?.looping.as_ref()
    }
}

impl Facts for StepScope<'_, '_> {
    fn now_ms(&self) -> i64 {
        i64::try_from(self.turn.now.0).unwrap_or(i64::MAX)
    }

    fn seed(&self) -> u64 {
        self.turn.seed.wrapping_add(self.step_index.unwrap_or(0) as u64)
    }

    fn of_instance(&self, field: &str) -> Option<Value> {
        let begun = self.turn.begun;
        let long = |number: u64| i64::try_from(number).ok().map(Value::Long);
        let initiator = |field: &str| begun.initiator.0[field].as_str().map(Value::from);
        match field {
            "workflow_id" => Some(Value::from(begun.workflow.as_str())),
            "workflow_instance_id" => long(begun.instance),
            "workflow_version" | "workflow_version_id" => long(begun.version),
            "workflow_run_id" => long(self.turn.live.head.run),
            "workflow_uuid" | "correlation_id" => Some(Value::from(self.turn.key)),
            "owner" => initiator("owner"),
            "RUN_POLICY" => Some(Value::from(self.turn.live.head.policy.as_str())),
            "INITIATOR_TYPE" => initiator("type"),
            "INITIATOR_RUNNER_NAME" => initiator("user"),
            "INITIATOR_TIMEZONE" | "FIRST_TIME_TRIGGER_TIMEZONE" => initiator("timezone"),
            _ => None,
        }
    }

    fn of_own_step(&self, field: &str) -> Option<Value> {
        let step_index = self.step_index?;
        let step = self.iteration?.steps.get(step_index)?;
        match field {
            "step_id" => Some(Value::from(self.turn.graph.id(step_index))),
            "step_attempt_id" => Some(Value::Long(i64::from(step.attempt))),
            "MAESTRO_STEP_USER_RETRIES" | "MAESTRO_STEP_ERROR_RETRIES" => {
                Some(Value::Long(i64::from(step.failures[0])))
            }
            "MAESTRO_STEP_PLATFORM_RETRIES" => Some(Value::Long(i64::from(step.failures[1]))),
            _ => None,
        }
    }

    fn is_step(&self, step: &str) -> bool {
        self.turn.graph.index_of(step).is_some()
    }

    fn of_step(&self, step: &str, param: &str) -> Option<Value> {
        let step = self.iteration?.steps.get(self.turn.graph.index_of(step)?)?;
        match param {
            "MAESTRO_STEP_STATUS" => Some(Value::from(step.status().word())),
            "MAESTRO_STEP_END_TIME" => Some(Value::Long(i64::try_from(step.ended?.0).ok()?)),
            _ => step.params.get(param)?.evaluated.clone(),
        }
    }

    fn of_foreach(&self, foreach: &str, step: &str, param: &str) -> Option<Value> {
        nested_outputs::of_foreach(self.looping(foreach)?, step, param)
    }

    fn of_subworkflow(&self, subworkflow: &str, step: &str, param: &str) -> Option<Value> {
        nested_outputs::of_subworkflow(self.looping(subworkflow)?, step, param)
    }

    fn of_trigger(&self, param: &str) -> Option<Value> {
        self.turn.live.params.get(param)?.evaluated.clone()
    }

    fn of_signal(&self, signal: &str, param: &str) -> Option<Value> {
        self.turn.begun.signals.get(signal)?.get(param).map(|text| typed(text))
    }

    fn of_signal_dependency(&self, index: usize, param: &str) -> Option<Value> {
        let step = self.iteration?.steps.get(self.step_index?)?;
        step.awaited.get(index)?.came.as_ref()?.get(param).map(|text| typed(text))
    }
}

/// A signal's parameter as the type of the value that it is compared with.
pub(crate) fn carried(text: &str, wanted: &Value) -> Value {
    if matches!(wanted, Value::Long(_)) { typed(text) } else { Value::from(text) }
}

/// A signal's parameter, which is text, as a number if it reads as a whole number.
pub(super) fn typed(text: &str) -> Value {
    text.parse().map_or_else(|_| Value::from(text), Value::Long)
}
