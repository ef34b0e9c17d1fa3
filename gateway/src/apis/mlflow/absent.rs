//! What MLflow's clients know and is kept nowhere here, with what does the same.

use axum::http::StatusCode;
use troupe_runtime::text::cut;

use super::Trouble;
use super::edge::{ENDPOINT_NOT_FOUND, NOT_IMPLEMENTED};
use crate::edge::problem::Problem;

const ROOTS: [&str; 2] = ["/api/2.0/mlflow/", "/api/3.0/mlflow/"];

/// Beginnings of paths, and what to do instead.
const ABSENT: [(&str, &str); 11] = [
    (
        "logged-models",
        "logged models are not kept: log the artifact with its run and register it as a model's version",
    ),
    ("runs/log-model", "logged models are not kept: register the artifact as a model's version"),
    ("runs/outputs", "logged models are not kept: register the artifact as a model's version"),
    ("runs/log-inputs", "data sets are not kept: say what a run was fed as its tags or parameters"),
    ("experiments/search-datasets", "data sets are not kept: search runs by the tags that name them"),
    ("datasets", "data sets are not kept: say what a run was fed as its tags or parameters"),
    (
        "artifacts/presigned",
        "artifacts are where their client puts them: create the experiment with an artifact_location",
    ),
    (
        "metrics/get-history-bulk-interval",
        "curves are read run by run: get-history has pages of 25,000 points",
    ),
    (
        "registered-models/rename",
        "a model is kept under its name: register the new one, and delete the old one",
    ),
    ("traces", "traces are not kept"),
    ("scorers", "scorers are not kept"),
];

/// The answer to a path that no route has, if it is one of MLflow's.
pub(crate) fn answer(path: &str) -> Option<Trouble> {
    let path = ROOTS.iter().find_map(|root| path.strip_prefix(root))?;
    let known = ABSENT.iter().find(|(begin, _)| path.starts_with(begin));
    let problem = match known {
        Some((_, instead)) => Problem::new(StatusCode::NOT_IMPLEMENTED, NOT_IMPLEMENTED, *instead),
        None => {
            let path = cut(path, 128);
            Problem::new(
                StatusCode::NOT_FOUND,
                ENDPOINT_NOT_FOUND,
                format!("no route {path:?}: see /openapi.json"),
            )
        }
    };
    Some(Trouble::from(problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_kept_says_what_to_do_instead() {
        for (path, code) in [
            ("/api/2.0/mlflow/logged-models/search", Some(NOT_IMPLEMENTED)),
            ("/api/3.0/mlflow/traces", Some(NOT_IMPLEMENTED)),
            ("/api/2.0/mlflow/registered-models/rename", Some(NOT_IMPLEMENTED)),
            ("/api/3.0/mlflow/server-info", Some(ENDPOINT_NOT_FOUND)),
            ("/api/2.0/other", None),
        ] {
            assert_eq!(answer(path).map(|trouble| trouble.0.0.code), code.map(str::to_owned), "{path}");
        }
    }
}
