//! The paths that Maestro's clients know.

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{actions, breakpoints, definitions, instances, permits, signals, steps};
use crate::edge::state::GatewayState;

/// Every route of this API.
pub(crate) fn routes() -> OpenApiRouter<GatewayState> {
    OpenApiRouter::new()
        .routes(routes!(definitions::push, definitions::list))
        .routes(routes!(definitions::push_yaml))
        .routes(routes!(definitions::check))
        .routes(routes!(definitions::check_yaml))
        .routes(routes!(definitions::get))
        .routes(routes!(definitions::delete))
        .routes(routes!(definitions::overview))
        .routes(routes!(definitions::timeline))
        .routes(routes!(definitions::set_properties))
        .routes(routes!(actions::start))
        .routes(routes!(actions::act))
        .routes(routes!(actions::activate))
        .routes(routes!(instances::list))
        .routes(routes!(instances::get))
        .routes(routes!(instances::get_run))
        .routes(routes!(instances::act))
        .routes(routes!(instances::restart))
        .routes(routes!(steps::list))
        .routes(routes!(steps::list_of_run))
        .routes(routes!(steps::get))
        .routes(routes!(steps::get_attempt))
        .routes(routes!(steps::iterations))
        .routes(routes!(steps::act))
        .routes(routes!(steps::restart))
        .routes(routes!(breakpoints::add, breakpoints::list, breakpoints::remove))
        .routes(routes!(breakpoints::list_paused))
        .routes(routes!(breakpoints::resume))
        .routes(routes!(signals::announce))
        .routes(routes!(signals::get))
        .routes(routes!(permits::set))
        .routes(routes!(permits::get, permits::delete))
}
