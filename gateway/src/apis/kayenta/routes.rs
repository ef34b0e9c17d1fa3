//! The paths that Kayenta's clients know.

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::state::KayentaState;
use super::{canaries, configs};

/// Every route of this API.
pub(crate) fn routes() -> OpenApiRouter<KayentaState> {
    OpenApiRouter::new()
        .routes(routes!(configs::create_config, configs::list_configs))
        .routes(routes!(configs::get_config, configs::put_config, configs::delete_config))
        .routes(routes!(canaries::start_adhoc))
        .routes(routes!(canaries::list))
        .routes(routes!(canaries::start, canaries::get))
        .routes(routes!(canaries::analyse_adhoc))
        .routes(routes!(canaries::analyse, canaries::get_analysis))
        .routes(routes!(canaries::judge_posted))
        .routes(routes!(canaries::judges))
        .routes(routes!(canaries::sources))
}
