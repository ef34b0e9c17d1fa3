//! The parameters of a while. They begin as defined, and the steps of each iteration may replace them with parameters
//! of the same name.

use crate::Ordered;
use crate::params::Value;

/// The loop parameters of the first iteration, from the evaluated `loop_params`.
///
/// # Errors
/// If `loop_params` is not a map or is empty.
pub fn first(loop_params: &Value) -> Result<Ordered<Value>, super::LoopError> {
    match loop_params {
        Value::Map(values) if !values.is_empty() => Ok(values.clone()),
        Value::Map(_) => Err(super::LoopError::Nothing),
        other => Err(super::LoopError::NoArray { name: String::new(), found: other.sort() }),
    }
}

/// The loop parameters of the next iteration: those of the last one, replaced in step order by the steps' parameters of
/// the same name.
#[must_use]
pub fn carry<'a>(
    last: &Ordered<Value>,
    steps: impl IntoIterator<Item = &'a crate::params::Parameters>,
) -> Ordered<Value> {
    let mut next = last.clone();
    for params in steps {
        for (name, value) in &mut next {
            if let Some(made) = params.get(name).and_then(|param| param.evaluated.as_ref()) {
                *value = made.clone();
            }
        }
    }
    next
}
