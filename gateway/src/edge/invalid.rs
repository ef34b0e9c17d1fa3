//! Problems of a body, each with the path of its field, as one answer.

use axum::http::StatusCode;
use troupe_statistics::canary::Problem as Wrong;

use super::problem::Problem;

pub(crate) fn invalid(problems: &[Wrong]) -> Problem {
    // What is wrong with all of a body has no path.
    let said: Vec<String> = problems
        .iter()
        .map(|problem| match problem.path.as_str() {
            "" => problem.why.clone(),
            path => format!("{path}: {}", problem.why),
        })
        .collect();
    let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "BAD_REQUEST", said.join("; "));
    match problems.first() {
        Some(first) if first.path.is_empty() => problem.field("body"),
        Some(first) => problem.field(first.path.clone()),
        None => problem,
    }
}
