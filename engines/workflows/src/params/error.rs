//! Errors of merging and evaluating parameters.

use crate::expression::ExpressionError;

/// An error of a parameter with its full path (`loop_params.i`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParamError {
    #[error("param {name}: {source}")]
    Expression { name: String, source: ExpressionError },
    #[error("param {name} refers to itself through {through}; break the cycle")]
    Circle { name: String, through: String },
    #[error(
        "param {name} refers to {reference}, which is neither a parameter here nor one of a step that is complete"
    )]
    Unknown { name: String, reference: String },
    #[error("param {name} comes to {found} where {wanted} is declared; change the type or the value")]
    Type { name: String, found: &'static str, wanted: &'static str },
    #[error("param {name} is {mode} and cannot be changed by {by}; leave it out")]
    Mode { name: String, mode: &'static str, by: &'static str },
    #[error("param {name} is of type {before} and cannot become {after}; keep the type")]
    TypeChanged { name: String, before: &'static str, after: &'static str },
    #[error("param {name} is required and has no value; give it one")]
    Missing { name: String },
    #[error("output param {name} is not defined by the step; define it among the step's params")]
    UndefinedOutput { name: String },
    #[error("params take {found} bytes, {bound} at most; keep large data elsewhere and pass its address")]
    TooLarge { found: usize, bound: usize },
}
