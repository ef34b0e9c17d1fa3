//! Flows.

use axum::Json;
use axum::extract::State;
use serde_json::Value;
use troupe_actors::coordination::directory::Directory;
use troupe_actors::metadata::flows::{CreateFlow, Flow, FlowView, GetFlow};
use troupe_runtime::transport::AskOne;
use troupe_runtime::{Address, AskError, Query, wire};

use super::maker::Maker;
use super::paths::OfFlow;
use super::rows;
use super::trouble::{Trouble, exists, not_found};
use crate::apis::runs::tasks::short;
use crate::edge::body::Body;
use crate::edge::call::Call;
use crate::edge::extract::Path;
use crate::edge::problem::ProblemBody;
use crate::edge::state::GatewayState;
use troupe_runtime::routing::{ask, tell};

/// Flows asked at once.
const AT_ONCE: usize = 256;

/// All flows.
#[utoipa::path(get, path = "/metaflow/flows", tag = "metaflow", operation_id = "metaflow_list_flows",
    responses((status = 200, description = "a list of flows", body = serde_json::Value)))]
pub(crate) async fn list(State(edge): State<GatewayState>, call: Call) -> Result<Json<Value>, Trouble> {
    let directory = Directory::read::<Flow>(&edge.globals);
    let names: Vec<String> =
        directory.iter().flat_map(|directory| directory.entries()).map(|entry| entry.key.clone()).collect();
    let mut found = Vec::new();
    for some in names.chunks(AT_ONCE) {
        let asks = some.iter().map(|name| AskOne {
            to: Address::of::<Flow>(name.clone()),
            verb: GetFlow::VERB.to_owned(),
            body: wire::encode(&GetFlow {}),
            key: None,
        });
        let answers = edge.router.ask_many(asks.collect(), call.left()?).await;
        for (name, answer) in some.iter().zip(answers) {
            let view: FlowView = wire::decode(&answer?).map_err(AskError::Fault)?;
            found.push(rows::flow(name, &view));
        }
    }
    Ok(Json(Value::Array(found)))
}

pub(super) async fn viewed(edge: &GatewayState, call: &Call, name: &str) -> Result<FlowView, Trouble> {
    let view = ask::<Flow, GetFlow>(&edge.router, name, &GetFlow {}, call.left()?).await?;
    match view.made {
        Some(_) => Ok(view),
        None => Err(not_found("FLOW_NOT_FOUND", "flow_id", format!("flow {:?} not found", short(name)))),
    }
}

/// A flow.
#[utoipa::path(get, path = "/metaflow/flows/{flow}", tag = "metaflow", operation_id = "metaflow_get_flow", params(OfFlow),
    responses((status = 200, description = "the flow", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn get(
    State(edge): State<GatewayState>,
    call: Call,
    Path(path): Path<OfFlow>,
) -> Result<Json<Value>, Trouble> {
    Ok(Json(rows::flow(&path.flow, &viewed(&edge, &call, &path.flow).await?)))
}

/// Makes a flow.
#[utoipa::path(post, path = "/metaflow/flows/{flow}", tag = "metaflow", operation_id = "metaflow_create_flow", params(OfFlow),
    request_body(content = serde_json::Value, description = "`user_name`, `tags`, `system_tags`"),
    responses((status = 200, description = "the flow", body = serde_json::Value),
        (status = 409, description = "it is there", body = ProblemBody, content_type = "application/problem+json"),
        (status = "default", description = "why not", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn create(
    State(edge): State<GatewayState>,
    call: Call,
    Path(path): Path<OfFlow>,
    Body { json: maker, .. }: Body<Maker, Trouble>,
) -> Result<Json<Value>, Trouble> {
    let create = CreateFlow { made: maker.made(), ..CreateFlow::default() };
    let created = tell::<Flow, CreateFlow>(&edge.router, &path.flow, &create, call.left()?).await?;
    if !created.fresh {
        return Err(exists("flow_id", format!("there is a flow {:?}: get it", short(&path.flow))));
    }
    Ok(Json(rows::flow(&path.flow, &viewed(&edge, &call, &path.flow).await?)))
}
