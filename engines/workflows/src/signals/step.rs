//! Signals of a step, evaluated.

use serde::{Deserialize, Serialize};

use crate::Ordered;
use crate::definition::{Operator, ParamDefinitions, SignalDependency, SignalOutput};
use crate::params::{ParamError, Scope, Value, evaluate_one};

/// A signal that a step waits for: its name and the conditions on its parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Wanted {
    pub name: String,
    pub params: Ordered<(Operator, Value)>,
}

/// Evaluates the signals that a step waits for.
///
/// # Errors
/// If a name or parameter cannot be evaluated.
pub fn wanted(dependency: &SignalDependency, scope: &Scope<'_>) -> Result<Wanted, ParamError> {
    let mut params = Ordered::with_capacity(dependency.match_params.len());
    for (key, wanted) in &dependency.match_params {
        params.insert(key.clone(), (wanted.operator, evaluate_one(key, &wanted.param, scope)?));
    }
    Ok(Wanted { name: scope.fill(&dependency.name)?, params })
}

impl Wanted {
    /// Whether a raise satisfies the conditions. A missing parameter never does.
    #[must_use]
    pub fn matches(&self, name: &str, carried: &Ordered<Value>) -> bool {
        self.name == name
            && self.params.iter().all(|(key, (operator, wanted))| {
                carried.get(key).is_some_and(|carried| operator.holds(carried, wanted))
            })
    }
}

/// A signal that a step raises.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Raised {
    pub name: String,
    /// Parameters that subscribers match.
    pub params: Ordered<Value>,
    pub payload: Ordered<Value>,
}

/// Evaluates the signals that a step raises.
///
/// # Errors
/// If a name or parameter cannot be evaluated.
pub fn raised(output: &SignalOutput, scope: &Scope<'_>) -> Result<Raised, ParamError> {
    let all = |definitions: &ParamDefinitions| {
        let values =
            definitions.iter().map(|(key, param)| Ok((key.clone(), evaluate_one(key, param, scope)?)));
        values.collect::<Result<Ordered<Value>, ParamError>>()
    };
    Ok(Raised {
        name: scope.fill(&output.name)?,
        params: all(&output.params)?,
        payload: all(&output.payload)?,
    })
}
