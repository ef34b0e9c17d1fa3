//! The facts that expressions can read. The engine that runs workflows implements them; each fact has an empty default.

use super::Value;

/// The facts of an evaluation. Equal facts give equal values.
pub trait Facts {
    /// Milliseconds since 1970: `System.currentTimeMillis()`, `DateTime.now()`.
    fn now_ms(&self) -> i64;

    /// The seed of `UUID.randomUUID()` and `params.nextUniqueId()`; equal seeds give equal ids.
    fn seed(&self) -> u64;

    /// `params.getFromInstance(field)`: `workflow_id`, `workflow_instance_id`, `workflow_run_id`, `workflow_uuid`,
    /// `correlation_id`, `owner`, `RUN_POLICY`, `INITIATOR_TYPE`, `INITIATOR_TIMEZONE`, `INITIATOR_RUNNER_NAME`,
    /// `FIRST_TIME_TRIGGER_TIMEZONE`. An absent field is null.
    fn of_instance(&self, _field: &str) -> Option<Value> {
        None
    }

    /// `params.getFromStep(field)` of the step itself: `step_id`, `step_attempt_id`, `step_instance_id`,
    /// `step_instance_uuid`, `step_type_info`, `MAESTRO_STEP_USER_RETRIES`, `MAESTRO_STEP_ERROR_RETRIES` ...
    fn of_own_step(&self, _field: &str) -> Option<Value> {
        None
    }

    /// Whether the definition has a step with this id, to distinguish `step__param` from a plain name.
    fn is_step(&self, _step: &str) -> bool {
        false
    }

    /// `params.getFromStep(step, param)` and `step__param`: an evaluated parameter of a complete step, or
    /// `MAESTRO_STEP_STATUS` and `MAESTRO_STEP_END_TIME`.
    fn of_step(&self, _step: &str, _param: &str) -> Option<Value> {
        None
    }

    /// `params.getFromSignal(param)`: a parameter that the signal trigger defines.
    fn of_trigger(&self, _param: &str) -> Option<Value> {
        None
    }

    /// `params.getFromSignal(signal, param)`: a parameter of a signal that started the instance.
    fn of_signal(&self, _signal: &str, _param: &str) -> Option<Value> {
        None
    }

    /// `params.getFromSignalDependency(index, param)`: a parameter of a signal that the step waited for.
    fn of_signal_dependency(&self, _index: usize, _param: &str) -> Option<Value> {
        None
    }

    /// `params.getFromForeach(foreach, step, param)`: the parameter's values over all iterations, as an array.
    fn of_foreach(&self, _foreach: &str, _step: &str, _param: &str) -> Option<Value> {
        None
    }

    /// `params.getFromSubworkflow(subworkflow, step, param)`.
    fn of_subworkflow(&self, _subworkflow: &str, _step: &str, _param: &str) -> Option<Value> {
        None
    }

    /// `params.getExecutionEnvironment()`.
    fn environment(&self) -> &str {
        "prod"
    }
}

/// Only a time and a seed.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFacts {
    pub now_ms: i64,
    pub seed: u64,
}

impl Facts for NoFacts {
    fn now_ms(&self) -> i64 {
        self.now_ms
    }

    fn seed(&self) -> u64 {
        self.seed
    }
}
