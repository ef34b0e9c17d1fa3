//! The paths that Spinnaker's clients know.

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{executions, pipelines};
use crate::edge::state::GatewayState;

/// Every route of this API.
pub(crate) fn routes() -> OpenApiRouter<GatewayState> {
    OpenApiRouter::new()
        .routes(routes!(pipelines::put, pipelines::list))
        .routes(routes!(pipelines::validate))
        .routes(routes!(pipelines::list_of))
        .routes(routes!(pipelines::get))
        .routes(routes!(pipelines::start, pipelines::delete))
        .routes(routes!(executions::get))
        .routes(routes!(executions::list))
        .routes(routes!(executions::cancel))
        .routes(routes!(executions::pause))
        .routes(routes!(executions::resume))
        .routes(routes!(executions::restart))
        .routes(routes!(executions::judge))
}
