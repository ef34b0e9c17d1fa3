//! Parameters: merged from layers by the rules of their modes, then evaluated in the order of their references.

mod defaults;
mod error;
mod evaluate;
mod facts;
mod interpolate;
mod layers;
mod merge;
mod packed;
mod parameter;
mod scope;
#[cfg(test)]
mod tests;
mod value;

pub use defaults::{step_defaults, type_defaults, workflow_defaults};
pub use error::ParamError;
pub use evaluate::{evaluate, evaluate_one, evaluate_workflow};
pub use facts::{Facts, NoFacts};
pub use interpolate::{fill, referenced};
pub use layers::{Run, needed_defaults, step_params, workflow_params};
pub use merge::{Merge, merge, merge_outputs};
pub(crate) use packed::{serialize as serialize_longs, unpack};
pub use parameter::{Parameter, Parameters, parameters};
pub use scope::{Lookup, Scope};
pub use value::Value;
pub(crate) use value::{java_double, long_to_double};
