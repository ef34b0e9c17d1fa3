//! The edge as a whole: what it needs, how its routes are composed, how it starts and stops.

use std::future::Future;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower_http::catch_panic::CatchPanicLayer;
use troupe_runtime::Router;
use troupe_runtime::entity::Globals;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::admission;
use crate::canaries::analyst::Analyst;
use crate::canaries::fetch::Fetch;
use crate::canaries::prometheus::Prometheus;
use crate::config::GatewayConfig;
use crate::domain::Domain;
use crate::listener::Bounded;
use crate::metadata::config::MetadataConfig;
use crate::openapi;
use crate::pressure::{Gauge, Places};
use crate::problem::Problem;
use crate::readiness::Readiness;
use crate::recommend::Recommend;
use crate::remember::Remember;
use crate::routes::deployments::{executions, pipelines};
use crate::routes::maestro;
use crate::routes::{
    actors, canaries as canary_routes, canary_configs, events, features, growthbook, health, index, lineage,
    metaflow, mlflow, recommendations, unleash,
};
use crate::served::{Served, Writer};
use crate::titles::Titles;

/// The public edge of one node.
pub struct Gateway {
    /// Reaches every entity.
    pub router: Router,
    /// Committed states of control entities: experiments, models.
    pub globals: Arc<Globals>,
    /// Says which messages the requests become.
    pub domain: Arc<dyn Domain>,
    /// Runs models.
    pub recommender: Arc<dyn Recommend>,
    /// Knows whether the node should get traffic.
    pub ready: Arc<dyn Readiness>,
    /// Renders `/metrics`.
    pub metrics: PrometheusHandle,
    /// Bounds.
    pub config: GatewayConfig,
    /// When a run that nobody hears of has failed.
    pub metadata: MetadataConfig,
    /// Where values of runs are filed for Metaflow's client, an absolute path; none leaves them unfiled.
    pub values_dir: Option<PathBuf>,
}

/// What handlers share.
pub(crate) struct Shared {
    pub(crate) router: Router,
    pub(crate) globals: Arc<Globals>,
    pub(crate) domain: Arc<dyn Domain>,
    pub(crate) recommender: Arc<dyn Recommend>,
    pub(crate) ready: Arc<dyn Readiness>,
    pub(crate) metrics: PrometheusHandle,
    pub(crate) config: GatewayConfig,
    pub(crate) metadata: MetadataConfig,
    pub(crate) values_dir: Option<PathBuf>,
    pub(crate) places: Arc<Places>,
    pub(crate) titles: Titles,
    pub(crate) remember: Remember,
    pub(crate) openapi: Bytes,
    pub(crate) fetch: Fetch,
    pub(crate) served: Arc<Served>,
}

/// A handle on what handlers share; cheap to clone.
#[derive(Clone)]
pub(crate) struct Edge(Arc<Shared>);

impl Deref for Edge {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Gateway {
    /// Serves until `shutdown` resolves, then takes no more connections, lets requests in work end for at most
    /// `config.drain`, and returns.
    ///
    /// # Errors
    /// The listener failed.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let drain = self.config.drain;
        let connections_max = self.config.connections_max;
        let (remember, remembering) = Remember::start(&self.router, self.config.remember_queue_max);
        let fetch = Fetch {
            router: self.router.clone(),
            prometheus: self.config.prometheus.clone().map(Prometheus::new),
        };
        let salt = RandomState::new().build_hasher().finish();
        let analyst = Analyst::start(fetch.clone(), self.globals.clone(), salt);
        let served = Arc::<Served>::default();
        let writer = Writer::start(served.clone(), self.router.clone(), self.globals.clone());
        let places = Places::new(self.config.in_flight_max);
        let gauge = Gauge::start(places.clone(), self.config.in_flight_max, self.config.late_max);
        let app = self.app(remember, fetch, served, places);
        let (stopping, mut stopped) = watch::channel(false);
        let serving =
            axum::serve(Bounded::new(listener, connections_max), app).with_graceful_shutdown(async move {
                shutdown.await;
                let _ = stopping.send(true);
            });
        let overdue = async move {
            // An error means that the server ended first, and with it this wait.
            if stopped.wait_for(|stopping| *stopping).await.is_err() {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(drain).await;
        };
        let served = tokio::select! {
            served = serving => served,
            () = overdue => {
                tracing::warn!(?drain, "requests were still in work when the time to end them was over");
                Ok(())
            }
        };
        drop((analyst, writer, gauge));
        remembering.stop(drain).await;
        served
    }

    fn app(self, remember: Remember, fetch: Fetch, counts: Arc<Served>, places: Arc<Places>) -> axum::Router {
        let (routes, openapi) = composed().split_for_parts();
        let edge = Edge(Arc::new(Shared {
            titles: Titles::new(self.config.titles_max, self.config.titles_age_max),
            places,
            remember,
            fetch,
            served: counts,
            openapi: Bytes::from(openapi::render(&openapi)),
            router: self.router,
            globals: self.globals,
            domain: self.domain,
            recommender: self.recommender,
            ready: self.ready,
            metrics: self.metrics,
            config: self.config,
            metadata: self.metadata,
            values_dir: self.values_dir,
        }));
        routes
            .fallback(not_found)
            .method_not_allowed_fallback(method_not_allowed)
            .layer(CatchPanicLayer::custom(admission::panicked))
            .layer(axum::middleware::from_fn_with_state(edge.clone(), admission::admit))
            .with_state(edge)
    }
}

/// Every route with its description; the only place where one is added.
fn composed() -> OpenApiRouter<Edge> {
    OpenApiRouter::with_openapi(openapi::preface())
        .routes(routes!(index::index))
        .routes(routes!(index::openapi))
        .routes(routes!(health::health))
        .routes(routes!(health::ready))
        .routes(routes!(health::metrics))
        .routes(routes!(events::record))
        .routes(routes!(recommendations::recommend))
        .routes(routes!(features::lookup))
        .routes(routes!(actors::ask))
        .routes(routes!(growthbook::features))
        .routes(routes!(growthbook::subscribe))
        .routes(routes!(growthbook::evaluate))
        .routes(routes!(unleash::features))
        .routes(routes!(unleash::register))
        .routes(routes!(unleash::metrics))
        .routes(routes!(canary_configs::create_config, canary_configs::list_configs))
        .routes(routes!(
            canary_configs::get_config,
            canary_configs::put_config,
            canary_configs::delete_config
        ))
        .routes(routes!(canary_routes::start_adhoc))
        .routes(routes!(canary_routes::list))
        .routes(routes!(canary_routes::start, canary_routes::get))
        .routes(routes!(canary_routes::analyse_adhoc))
        .routes(routes!(canary_routes::analyse, canary_routes::get_analysis))
        .routes(routes!(canary_routes::judge_posted))
        .routes(routes!(canary_routes::judges))
        .routes(routes!(canary_routes::sources))
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
        .routes(routes!(lineage::relate))
        .routes(routes!(lineage::walk))
        .merge(metaflow_routes())
        .merge(mlflow_routes())
        .merge(workflows())
}

/// The routes of Metaflow's clients.
fn metaflow_routes() -> OpenApiRouter<Edge> {
    use metaflow::{artifacts, flows, metadata, runs, service, steps, tasks};
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

/// The routes of MLflow's clients.
fn mlflow_routes() -> OpenApiRouter<Edge> {
    use mlflow::{experiments, models, runs, search, stages, versions};
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

/// Maestro's routes.
fn workflows() -> OpenApiRouter<Edge> {
    use maestro::{actions, breakpoints, definitions, instances, permits, signals, steps};
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

/// This API's description, as `/openapi.json` serves it.
#[must_use]
pub fn api() -> OpenApi {
    composed().into_openapi()
}

async fn not_found(uri: axum::http::Uri) -> axum::response::Response {
    if let Some(answer) = mlflow::absent::answer(uri.path()) {
        return answer.into_response();
    }
    let path: String = uri.path().chars().take(128).collect();
    Problem::new(StatusCode::NOT_FOUND, "NO_SUCH_ROUTE", format!("no route {path:?}: see /")).into_response()
}

async fn method_not_allowed(method: axum::http::Method) -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "METHOD_NOT_ALLOWED",
        format!("this route does not take {method}: the header Allow says what it takes"),
    )
}
