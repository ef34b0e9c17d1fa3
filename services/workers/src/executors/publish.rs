//! A trained artifact becomes a version.

use serde::Deserialize;
use serde_json::{Value, json};
use troupe_actors::NamedFields;
use troupe_actors::coordination::work_queues::{Failure, Grant, Outcome};
use troupe_actors::metadata::lineage::{Lineage, Relate, model_node, run_node};
use troupe_actors::models::{Model, Publish};
use troupe_actors::orchestrator::runs::WorkflowRun;
use troupe_runtime::{Address, AskError, AskOptions, Entity as _, Timestamp};

use super::super::task::failed;
use super::dispatch::{ExecutorContext, spec};

#[derive(Debug, Deserialize)]
struct Spec {
    model: String,
    /// What training gave.
    publication: Value,
    /// The run that trained it, as `FLOW/ID`.
    #[serde(default)]
    run: Option<String>,
}

/// Publishes; the router tries the artifact first. The same artifact published again is the same version.
pub(super) async fn run(context: &ExecutorContext, grant: &Grant) -> Outcome {
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
    match context.router.ask(&to, &publish, AskOptions::within(left)).await {
        Ok(published) => {
            let workflow =
                (grant.owner.kind == WorkflowRun::KIND).then(|| format!("workflow:{}", grant.owner.key));
            let run = spec.run.as_deref().map(run_node);
            for from in workflow.into_iter().chain(run) {
                let relate =
                    Relate { to: model_node(&spec.model, published.version), how: "published".to_owned() };
                // A task that is delivered twice relates twice; a name that cannot be a lineage node does not fail the task.
                let progress = context
                    .router
                    .ask(&Address::of::<Lineage>(from), &relate, AskOptions::within(left))
                    .await;
                if let Err(error @ (AskError::Refused(_) | AskError::BadKey(_))) = &progress {
                    tracing::debug!(%error, "a version was published without a link to where it came from");
                } else if let Err(error) = progress {
                    return asked(&error);
                }
            }
            Outcome::Done {
                output: NamedFields(json!({ "model": spec.model, "version": published.version })),
            }
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
