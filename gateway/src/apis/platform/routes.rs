//! The paths of the platform's own API.

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::events::record;
use super::state::PlatformState;
use super::{actors, features, health, index, lineage, recommendations};

/// Every route of this API.
pub(crate) fn routes() -> OpenApiRouter<PlatformState> {
    OpenApiRouter::new()
        .routes(routes!(index::index))
        .routes(routes!(index::openapi))
        .routes(routes!(health::health))
        .routes(routes!(health::ready))
        .routes(routes!(health::metrics))
        .routes(routes!(record::record))
        .routes(routes!(recommendations::recommend))
        .routes(routes!(features::lookup))
        .routes(routes!(actors::ask))
        .routes(routes!(lineage::relate))
        .routes(routes!(lineage::walk))
}
