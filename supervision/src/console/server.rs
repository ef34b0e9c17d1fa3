//! The console's server: its dependencies, its routes, its start and stop.

use std::future::Future;
use std::io;
use std::sync::Arc;

use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::watch;
use troupe_runtime::inspect::Inspect;
use troupe_runtime::placement::Operate;

use super::act;
use super::config::ConsoleConfig;
use super::death;
use super::feed::Feed;
use super::look::{Looker, TreeSource};
use super::page::ASSETS;
use super::routes;
use super::state::{ConsoleState, Shared};
use crate::journal::RingJournal;

/// The console of one node, which shows all nodes.
pub struct Console {
    /// Reads views of the cluster.
    pub inspect: Arc<dyn Inspect>,
    /// Changes the cluster.
    pub operate: Arc<dyn Operate>,
    /// The cluster's name.
    pub cluster: String,
    /// Reads supervision trees.
    pub trees: Arc<dyn TreeSource>,
    /// This node's journal.
    pub journal: Arc<RingJournal>,
    /// Renders `/metrics`.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// Bounds.
    pub config: ConsoleConfig,
}

impl Console {
    /// Serves until `shutdown` resolves. Then it ends the streams, gives other requests at most `config.drain` to
    /// end, and returns.
    ///
    /// # Errors
    /// The listener failed.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let drain = self.config.drain;
        let (stop, mut stopping) = watch::channel(false);
        let app = self.app(stopping.clone());
        let serving = axum::serve(listener, app).with_graceful_shutdown(async move {
            shutdown.await;
            let _ = stop.send(true);
        });
        let overdue = async move {
            // An error means that the server ended first, and this wait with it.
            if stopping.wait_for(|stopping| *stopping).await.is_err() {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(drain).await;
        };
        tokio::select! {
            served = serving => served,
            () = overdue => {
                tracing::warn!(?drain, "console requests were still running at the drain timeout");
                Ok(())
            }
        }
    }

    fn app(self, stopping: watch::Receiver<bool>) -> axum::Router {
        let Self { inspect, operate, cluster, trees, journal, metrics, config } = self;
        let looker = Looker { inspect, trees, journal, config };
        let console = ConsoleState::new(Shared {
            feed: Feed::new(looker.clone()),
            looker,
            operate,
            cluster,
            metrics,
            stopping,
        });
        let api = axum::Router::new()
            .route("/api/cluster", get(routes::cluster))
            .route("/api/health", get(routes::health))
            .route("/api/tree", get(routes::tree))
            .route("/api/journal", get(routes::journal))
            .route("/api/keys/{kind}", get(routes::keys))
            .route("/api/entity/{kind}/{*key}", get(routes::entity))
            .route("/api/stream", get(routes::stream))
            .route("/api/death", get(death::death))
            .route("/api/placement", get(act::placement))
            .route("/api/nodes", post(act::join))
            .route("/api/nodes/{node}/{act}", post(act::node))
            .route("/api/shards/{shard}/move", post(act::move_shard))
            .route("/api/shards/{shard}/release", post(act::release))
            .route("/api/restart/{kind}/{*key}", post(act::restart))
            .route("/metrics", get(routes::metrics));
        ASSETS
            .iter()
            .fold(api, |app, asset| app.route(asset.path, get(|| async { asset.respond() })))
            .fallback(routes::not_found)
            .method_not_allowed_fallback(routes::method_not_allowed)
            .with_state(console)
    }
}
