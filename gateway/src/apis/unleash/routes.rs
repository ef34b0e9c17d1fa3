//! The paths that Unleash's clients know.

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::client;
use crate::edge::state::GatewayState;

/// Every route of this API.
pub(crate) fn routes() -> OpenApiRouter<GatewayState> {
    OpenApiRouter::new()
        .routes(routes!(client::features))
        .routes(routes!(client::register))
        .routes(routes!(client::metrics))
}
