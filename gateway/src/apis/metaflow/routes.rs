//! The paths that Metaflow's clients know.

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{artifacts, flows, metadata, runs, service, steps, tasks};
use crate::apis::runs::state::RunsState;

/// Every route of this API.
pub(crate) fn routes() -> OpenApiRouter<RunsState> {
    OpenApiRouter::new()
        .routes(routes!(service::ping))
        .routes(routes!(service::version))
        .routes(routes!(service::healthcheck))
        .routes(routes!(service::token))
        .routes(routes!(flows::list))
        .routes(routes!(flows::get, flows::create))
        .routes(routes!(runs::list))
        .routes(routes!(runs::get))
        .routes(routes!(runs::create))
        .routes(routes!(runs::beat))
        .routes(routes!(runs::mutate_tags))
        .routes(routes!(steps::list))
        .routes(routes!(steps::get))
        .routes(routes!(steps::create))
        .routes(routes!(tasks::list))
        .routes(routes!(tasks::get))
        .routes(routes!(tasks::filtered))
        .routes(routes!(tasks::create))
        .routes(routes!(tasks::beat))
        .routes(routes!(metadata::of_task, metadata::create))
        .routes(routes!(metadata::of_run))
        .routes(routes!(artifacts::of_run))
        .routes(routes!(artifacts::of_step))
        .routes(routes!(artifacts::of_task))
        .routes(routes!(artifacts::of_attempt))
        .routes(routes!(artifacts::get))
        .routes(routes!(artifacts::get_attempt))
        .routes(routes!(artifacts::create))
}
