//! The edge as a whole: its parts, how its routes are composed, how it starts and stops.

use std::future::Future;
use std::io;
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
use troupe_runtime::text::cut;
use troupe_workers::canaries::Fetch;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::apis::kayenta::state::KayentaState;
use crate::apis::platform::recommend::Recommend;
use crate::apis::platform::record_shown::RecordShown;
use crate::apis::platform::served::{Served, Writer};
use crate::apis::platform::state::PlatformState;
use crate::apis::platform::titles::Titles;
use crate::apis::runs::config::MetadataConfig;
use crate::apis::runs::state::RunsState;
use crate::apis::{growthbook, kayenta, maestro, metaflow, mlflow, platform, runs, spinnaker, unleash};
use crate::config::GatewayConfig;
use crate::edge::admission;
use crate::edge::concurrency::{ConcurrencyLimit, LatenessProbe};
use crate::edge::listener::Bounded;
use crate::edge::openapi;
use crate::edge::problem::Problem;
use crate::edge::readiness::Readiness;
use crate::edge::state::{GatewayState, Shared};

/// The public edge of one node.
pub struct Gateway {
    /// Reaches every entity.
    pub router: Router,
    /// Committed states of control entities: experiments, models.
    pub globals: Arc<Globals>,
    /// Runs models.
    pub recommender: Arc<dyn Recommend>,
    /// Knows whether the node should get traffic.
    pub ready: Arc<dyn Readiness>,
    /// Renders `/metrics`.
    pub metrics: PrometheusHandle,
    /// Bounds.
    pub config: GatewayConfig,
    /// Brings the points of canaries that are judged on request.
    pub fetch: Fetch,
    /// When a silent run has failed.
    pub metadata: MetadataConfig,
    /// Where values of runs are filed for Metaflow's client, an absolute path; `None` leaves them unfiled.
    pub values_dir: Option<PathBuf>,
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
        let (record_shown, recording) = RecordShown::start(&self.router, self.config.remember_queue_max);
        let served = Arc::<Served>::default();
        let writer = Writer::start(served.clone(), self.router.clone(), self.globals.clone());
        let limit = ConcurrencyLimit::new(self.config.in_flight_max);
        let probe = LatenessProbe::start(limit.clone(), self.config.in_flight_max, self.config.late_max);
        let app = self.app(record_shown, served, limit);
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
        drop((writer, probe));
        recording.stop(drain).await;
        served
    }

    fn app(
        self,
        record_shown: RecordShown,
        served: Arc<Served>,
        limit: Arc<ConcurrencyLimit>,
    ) -> axum::Router {
        let titles = Titles::new(self.config.titles_max, self.config.titles_age_max);
        let gateway = GatewayState::new(Shared {
            router: self.router,
            globals: self.globals,
            config: self.config,
            limit,
        });
        let own = platform::state::Own {
            recommender: self.recommender,
            ready: self.ready,
            metrics: self.metrics,
            titles,
            record_shown,
            served,
            openapi: Bytes::from(openapi::render(&api())),
        };
        let platform = PlatformState::new(gateway.clone(), own);
        let kayenta = KayentaState::new(gateway.clone(), kayenta::state::Own { fetch: self.fetch });
        let own = runs::state::Own { metadata: self.metadata, values_dir: self.values_dir };
        let runs = RunsState::new(gateway.clone(), own);
        let routes: OpenApiRouter = OpenApiRouter::new()
            .merge(platform::routes().with_state(platform))
            .merge(growthbook::routes().with_state(gateway.clone()))
            .merge(unleash::routes().with_state(gateway.clone()))
            .merge(kayenta::routes().with_state(kayenta))
            .merge(spinnaker::routes().with_state(gateway.clone()))
            .merge(metaflow::routes().with_state(runs.clone()))
            .merge(mlflow::routes().with_state(runs))
            .merge(maestro::routes().with_state(gateway.clone()));
        axum::Router::from(routes)
            .fallback(not_found)
            .method_not_allowed_fallback(method_not_allowed)
            .layer(CatchPanicLayer::custom(admission::panicked))
            .layer(axum::middleware::from_fn_with_state(gateway, admission::admit))
    }
}

/// This API's description, as `/openapi.json` serves it.
#[must_use]
pub fn api() -> OpenApi {
    [
        platform::routes().into_openapi(),
        growthbook::routes().into_openapi(),
        unleash::routes().into_openapi(),
        kayenta::routes().into_openapi(),
        spinnaker::routes().into_openapi(),
        metaflow::routes().into_openapi(),
        mlflow::routes().into_openapi(),
        maestro::routes().into_openapi(),
    ]
    .into_iter()
    .fold(openapi::preface(), |mut whole, api| {
        whole.merge(api);
        whole
    })
}

async fn not_found(uri: axum::http::Uri) -> axum::response::Response {
    if let Some(answer) = mlflow::absent::answer(uri.path()) {
        return answer.into_response();
    }
    let path = cut(uri.path(), 128);
    Problem::new(StatusCode::NOT_FOUND, "NO_SUCH_ROUTE", format!("no route {path:?}: see /")).into_response()
}

async fn method_not_allowed(method: axum::http::Method) -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "METHOD_NOT_ALLOWED",
        format!("this route does not take {method}: the header Allow says what it takes"),
    )
}
