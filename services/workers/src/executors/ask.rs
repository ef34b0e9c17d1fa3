//! A message to an entity of this cluster: any verb that a client could send.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use troupe_actors::NamedFields;
use troupe_actors::coordination::work_queues::{Failure, Grant, Outcome};
use troupe_runtime::{Address, AskOptions};
use xxhash_rust::xxh3::xxh3_128;

use super::super::task::failed;
use super::dispatch::{ExecutorContext, spec};
use super::publish::asked;

const WITHIN: Duration = Duration::from_secs(30);

#[derive(Debug, Deserialize)]
struct Spec {
    kind: String,
    key: String,
    verb: String,
    #[serde(default)]
    body: Option<Value>,
}

/// Asks once; the task's id is the idempotency key.
pub(super) async fn run(context: &ExecutorContext, grant: &Grant) -> Outcome {
    let spec: Spec = match spec(grant) {
        Ok(spec) => spec,
        Err(outcome) => return outcome,
    };
    let to = match Address::parse_parts(&spec.kind, &spec.key) {
        Ok(to) => to,
        Err(error) => return failed(format!("key: {error}"), Failure::Fatal),
    };
    let verb = if spec.verb.contains(".v") { spec.verb } else { format!("{}.v1", spec.verb) };
    let options = AskOptions { key: Some(xxh3_128(grant.id.as_bytes())), ..AskOptions::within(WITHIN) };
    match context.router.ask_json(to, &verb, &spec.body.unwrap_or_else(|| json!({})), options).await {
        Ok(reply) => Outcome::Done { output: NamedFields(reply) },
        Err(error) => asked(&error),
    }
}
