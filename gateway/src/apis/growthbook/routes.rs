//! The paths that GrowthBook's clients know.

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::features;
use crate::edge::state::GatewayState;

/// Every route of this API.
pub(crate) fn routes() -> OpenApiRouter<GatewayState> {
    OpenApiRouter::new()
        .routes(routes!(features::features))
        .routes(routes!(features::subscribe))
        .routes(routes!(features::evaluate))
}
