//! The paths that MLflow's clients know.

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{experiments, models, runs, search, stages, versions};
use crate::apis::runs::state::RunsState;

/// Every route of this API.
pub(crate) fn routes() -> OpenApiRouter<RunsState> {
    OpenApiRouter::new()
        .routes(routes!(experiments::create))
        .routes(routes!(experiments::get))
        .routes(routes!(experiments::get_by_name))
        .routes(routes!(experiments::update))
        .routes(routes!(experiments::delete))
        .routes(routes!(experiments::restore))
        .routes(routes!(experiments::set_tag))
        .routes(routes!(experiments::delete_tag))
        .routes(routes!(experiments::search, experiments::find))
        .routes(routes!(runs::create))
        .routes(routes!(runs::get))
        .routes(routes!(runs::update))
        .routes(routes!(runs::delete))
        .routes(routes!(runs::restore))
        .routes(routes!(runs::log_batch))
        .routes(routes!(runs::log_metric))
        .routes(routes!(runs::log_parameter))
        .routes(routes!(runs::set_tag))
        .routes(routes!(runs::delete_tag))
        .routes(routes!(runs::history))
        .routes(routes!(runs::artifacts))
        .routes(routes!(search::search))
        .routes(routes!(models::create))
        .routes(routes!(models::get))
        .routes(routes!(models::update))
        .routes(routes!(models::delete))
        .routes(routes!(models::set_tag))
        .routes(routes!(models::delete_tag))
        .routes(routes!(models::set_alias, models::delete_alias, models::by_alias))
        .routes(routes!(models::search))
        .routes(routes!(versions::create))
        .routes(routes!(versions::get))
        .routes(routes!(versions::download_uri))
        .routes(routes!(versions::update))
        .routes(routes!(versions::delete))
        .routes(routes!(versions::set_tag))
        .routes(routes!(versions::delete_tag))
        .routes(routes!(versions::search))
        .routes(routes!(stages::transition))
        .routes(routes!(stages::latest, stages::get_latest))
}
