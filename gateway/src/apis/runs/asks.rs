//! Messages that draw a number.

use troupe_actors::metadata::flows::{Flow, StartRun, Started};
use troupe_actors::metadata::runs::{Begin, NewTask, Run, TaskMade, run_key};
use troupe_runtime::transport::AskOne;
use troupe_runtime::{Address, AskError, Command, Entity, wire};

use crate::edge::call::Call;
use crate::edge::fresh::random_key;
use crate::edge::problem::Problem;
use crate::edge::state::GatewayState;
use troupe_runtime::routing::tell;

/// Tells an entity a command under the request's idempotency key, or one of its own: what is sent again after an outcome
/// that is not known is decided once.
pub(crate) async fn tell_once<E: Entity, C: Command>(
    edge: &GatewayState,
    call: &Call,
    key: &str,
    command: &C,
) -> Result<C::Reply, AskError> {
    let to = Address::parse_parts(E::KIND, key).map_err(|error| AskError::BadKey(error.to_string()))?;
    let once = call.key_for(E::KIND, key, C::VERB).unwrap_or_else(random_key);
    let ask = AskOne { to, verb: C::VERB.to_owned(), body: wire::encode(command), key: Some(once) };
    let within = call.left().map_err(|_| AskError::Expired)?;
    wire::decode(&edge.router.ask_raw(ask, within).await?).map_err(AskError::Fault)
}

/// Begins a run, and waits until it is there.
pub(crate) async fn start(
    edge: &GatewayState,
    call: &Call,
    flow: &str,
    start: StartRun,
) -> Result<Started, Problem> {
    let started = tell_once::<Flow, StartRun>(edge, call, flow, &start).await?;
    // The flow sends the run its begin too, from another shard, but the next request must already find the run.
    let begin = Begin {
        flow: flow.to_owned(),
        run: started.run.clone(),
        number: started.number,
        made: start.made,
        at: started.at,
        silence_ms: start.silence_ms,
        title: start.title,
        notes: start.notes,
    };
    tell::<Run, Begin>(&edge.router, &run_key(flow, &started.run), &begin, call.left()?).await?;
    Ok(started)
}

/// Makes a task.
pub(crate) async fn new_task(
    edge: &GatewayState,
    call: &Call,
    run_key: &str,
    new: &NewTask,
) -> Result<TaskMade, Problem> {
    Ok(tell_once::<Run, NewTask>(edge, call, run_key, new).await?)
}
