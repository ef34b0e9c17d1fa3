//! Every limit of a workflow by name; Maestro's value where Maestro has one.

/// Bytes of a submitted definition.
pub const DEFINITION_BYTES_MAX: usize = 256 << 10;
/// Steps in one list; a foreach's own steps are another list.
pub const STEPS_MAX: usize = 300;
/// Nesting limit of foreach, while and subworkflow steps.
pub const DEPTH_MAX: usize = 10;
/// Characters of the id of a workflow, step or parameter.
pub const ID_CHARS_MAX: usize = 128;
/// Characters of a name.
pub const NAME_CHARS_MAX: usize = 256;
/// Characters of a description.
pub const TEXT_CHARS_MAX: usize = 16_384;
/// Parameters of one workflow or step.
pub const PARAMS_MAX: usize = 128;
/// Bytes of all evaluated parameters of one instance or step in storage, where a range takes a few bytes.
pub const PARAMS_BYTES_MAX: usize = 750_000;
/// Bytes of the same in memory.
pub const PARAMS_MEMORY_MAX: usize = 16 << 20;
/// Elements of one array or map.
pub const ELEMENTS_MAX: usize = 1_000_000;
/// Nesting limit of parameter maps.
pub const PARAM_DEPTH_MAX: usize = 10;
/// Bytes of one expression.
pub const EXPRESSION_BYTES_MAX: usize = 16_384;
/// Tags of one workflow or step.
pub const TAGS_MAX: usize = 64;
/// Iterations of one foreach.
pub const ITERATIONS_MAX: u64 = 1_000_000;
/// Concurrency limit of the iterations of one foreach.
pub const FOREACH_CONCURRENCY_MAX: u64 = 500;
/// Default concurrency of the iterations of one foreach.
pub const FOREACH_CONCURRENCY_DEFAULT: u64 = INSTANCE_STEP_CONCURRENCY_DEFAULT;
/// Parameters that a foreach loops over.
pub const LOOP_PARAMS_MAX: usize = 16;
/// Iterations of one while.
pub const WHILE_ITERATIONS_MAX: u64 = 1_000_000;
/// Concurrency limit of a workflow's instances.
pub const WORKFLOW_CONCURRENCY_MAX: u64 = 1000;
/// Default concurrency of instances under `parallel`.
pub const WORKFLOW_CONCURRENCY_DEFAULT: u64 = 20;
/// Concurrency limit of a workflow's steps, over all its instances.
pub const STEP_CONCURRENCY_MAX: u64 = 1000;
/// The default of that limit.
pub const STEP_CONCURRENCY_DEFAULT: u64 = 20;
/// Default concurrency of one instance's steps.
pub const INSTANCE_STEP_CONCURRENCY_DEFAULT: u64 = 100;
/// Concurrency limit of one instance's steps.
pub const INSTANCE_STEP_CONCURRENCY_MAX: u64 = 1000;
/// Retries after failures of one kind.
pub const RETRIES_MAX: u64 = 99;
/// Seconds between two attempts: one day.
pub const RETRY_DELAY_SECONDS_MAX: u64 = 24 * 3600;
/// Default timeout of a step or instance in milliseconds: ten days.
pub const TIMEOUT_MS_DEFAULT: u64 = 10 * 24 * 3600 * 1000;
/// Longest timeout in milliseconds: 120 days.
pub const TIMEOUT_MS_MAX: u64 = 120 * 24 * 3600 * 1000;
/// Longest sleep in milliseconds.
pub const SLEEP_MS_MAX: u64 = TIMEOUT_MS_MAX;
/// Triggers of one kind in one workflow.
pub const TRIGGERS_MAX: usize = 32;
/// Signals that one trigger joins, one step waits for, or one step raises.
pub const SIGNALS_MAX: usize = 16;
/// Parameters of one signal that are matched or sent.
pub const SIGNAL_PARAMS_MAX: usize = 32;
/// Problems in a report; further ones are only counted.
pub const PROBLEMS_MAX: usize = 100;

/// Parameter names that only the system sets.
pub const RESERVED_PARAMS: [&str; 17] = [
    "maestro",
    "Maestro",
    "MAESTRO",
    "scheduler",
    "Scheduler",
    "SCHEDULER",
    "util",
    "Util",
    "UTIL",
    "params",
    "Params",
    "PARAMS",
    "AUTH_BLOB",
    "AUTH_DATA",
    "AUTH_ACTING_ON_BEHALF_OF_BLOB",
    "AUTH_TRIGGERING_ON_BEHALF_OF_BLOB",
    "AUTHORIZED_MANAGERS",
];
