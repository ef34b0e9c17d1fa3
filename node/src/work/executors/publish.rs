//! A trained artifact becomes a version.

use serde::Deserialize;
use serde_json::{Value, json};
use troupe_actors::Kept;
use troupe_actors::models::{Model, Publish};
use troupe_actors::tasks::{Failure, Grant, Outcome};
use troupe_runtime::{Address, AskError, AskOptions, Timestamp};

use super::super::task::failed;
use super::{Bench, spec};

#[derive(Debug, Deserialize)]
struct Spec {
    model: String,
    /// What training gave.
    publication: Value,
}

/// Publishes; the router tries the artifact first. The same artifact published again is the same version.
pub(super) async fn run(bench: &Bench, grant: &Grant) -> Outcome {
    let spec: Spec = match spec(grant) {
        Ok(spec) => spec,
        Err(outcome) => return outcome,
    };
    let publish: Publish = match serde_path_to_error::deserialize(&spec.publication) {
        Ok(publish) => publish,
        Err(error) => {
            return failed(format!("publication.{}: {}", error.path(), error.inner()), Failure::Fatal);
        }
    };
    let left = std::time::Duration::from_millis(grant.until.0.saturating_sub(Timestamp::wall().0));
    let to = Address::of::<Model>(spec.model.as_str());
    match bench.router.ask(&to, &publish, AskOptions::within(left)).await {
        Ok(published) => {
            Outcome::Done { output: Kept(json!({ "model": spec.model, "version": published.version })) }
        }
        Err(error) => asked(&error),
    }
}

/// What an ask that failed says of the task.
pub(super) fn asked(error: &AskError) -> Outcome {
    let kind = match error {
        AskError::Refused(_) => Failure::User,
        AskError::UnknownKind(_)
        | AskError::UnknownVerb { .. }
        | AskError::BadBody(_)
        | AskError::BadKey(_) => Failure::Fatal,
        _ => Failure::Platform,
    };
    failed(error.to_string(), kind)
}
