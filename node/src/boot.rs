//! One node, from its configuration to its last farewell.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use futures::future::FutureExt as _;
use ractor::ActorRef;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use troupe_gateway::Gateway;
use troupe_runtime::cluster::Runtime;
use troupe_runtime::supervised::ChildSpec;
use troupe_runtime::{AskError, NodeId, Registry, wire};
use troupe_supervision::console::{Console, ConsoleConfig, TreeSource};
use troupe_supervision::{
    Options, Strategy, Supervision, SupervisionConfig, SupervisorMessage, Tree, TreeView, supervise,
    supervisor_spec,
};

use crate::config::Config;
use crate::data_dir::may_join;
use crate::guard::guarded;
use crate::parts::{Parts, compose, data_of};
use crate::readiness::{NodeReadiness, declare_features};
use troupe_workers::canaries::{Fetch, Prometheus};
use troupe_workers::{ExecutorContext, Executors, Work};

/// The service that counts its messages, and answers how much that was.
pub const PROBE_SERVICE: &str = "probe";
/// Time for all supervised actors of a node to stop.
const STOP_WITHIN: Duration = Duration::from_secs(10);
/// The service that answers with a node's supervision tree.
const TREE_SERVICE: &str = "tree";
/// Exit status of a node that cannot write any more: `EX_IOERR` of sysexits.h.
const EXIT_LOG_FAILED: i32 = 74;
/// How long a planned stop may take to hand over leadership.
const DRAIN_WITHIN: Duration = Duration::from_secs(5);

struct Trees(Arc<Runtime>);

impl TreeSource for Trees {
    fn tree(&self, node: NodeId) -> futures::future::BoxFuture<'static, Result<TreeView, AskError>> {
        let runtime = self.0.clone();
        async move {
            let reply = runtime.call(node, TREE_SERVICE, Vec::new(), Duration::from_secs(2)).await?;
            wire::decode(&reply).map_err(AskError::Fault)
        }
        .boxed()
    }
}

/// Runs a node with these kinds until `stop` says so.
///
/// # Errors
/// What keeps a node from starting, and a supervision tree that gave up.
pub async fn run(
    registry: Registry,
    config: Config,
    name: &str,
    file: &Path,
    join: Option<&str>,
    stop: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let node = Node::start(registry, config, name, file, join).await?;
    let mut failure = node.parts.failure.clone();
    tokio::select! {
        () = stopped(stop) => return node.stop().await,
        Ok(why) = failure.wait_for(Option::is_some) => {
            // After a failed sync the content of the disk is unknown: only a new start, which reads it, may go on from it.
            // At once: nothing here can be put in order any more, and others wait for this node to be gone.
            tracing::error!(why = why.as_deref(), "the node ends; it can be started again");
            std::process::exit(EXIT_LOG_FAILED)
        }
        () = node.gave_up() => {}
    }
    // A new start gives all parts another chance; half a node would be in the way.
    node.stop().await?;
    bail!("the root supervisor of node {name} gave up; the log says on what")
}

/// A node that runs.
pub struct Node {
    parts: Parts,
    name: String,
    supervisor: ActorRef<SupervisorMessage>,
    draining: Arc<AtomicBool>,
    declaring: JoinHandle<()>,
    /// The gateway and the console.
    doors: [JoinHandle<std::io::Result<()>>; 2],
    close: watch::Sender<bool>,
}

impl Node {
    /// Starts the node of this name with these kinds. `file` is where the configuration was read; relative paths in it
    /// start there.
    ///
    /// # Errors
    /// A name that is not in the configuration, an address in use, a data directory of another node, a broken store.
    pub async fn start(
        registry: Registry,
        config: Config,
        name: &str,
        file: &Path,
        join: Option<&str>,
    ) -> anyhow::Result<Self> {
        let Some(own) = config.nodes.iter().find(|node| node.name == name).cloned() else {
            let names: Vec<&str> = config.nodes.iter().map(|node| node.name.as_str()).collect();
            bail!("node {name:?} is not in the configuration; there are {}", names.join(", "));
        };
        let config = match join {
            Some(admin) => {
                may_join(&data_of(&config, &own, crate::config::base_of(file)))?;
                crate::join::ask(config, &own, admin).await?
            }
            None => config,
        };
        let metrics = metrics_exporter_prometheus::PrometheusBuilder::new().install_recorder()?;
        troupe_gateway::metrics::describe();
        troupe_inference::metrics::describe();
        let parts = compose(registry, &config, &own, crate::config::base_of(file), join.is_some()).await?;
        let work = work_of(&parts, &config, file);
        let fetch = fetch_of(&parts, &config);
        let analyst = troupe_workers::canaries::child(fetch.clone(), parts.runtime.globals(), salt());
        let services: Vec<ChildSpec> =
            [parts.recommender.child(), analyst].into_iter().chain(work.map(Work::child)).collect();
        let supervisor = supervised(&parts, NodeId(own.id), &config.supervision, services).await?;
        let draining = Arc::new(AtomicBool::new(false));
        let close = watch::Sender::new(false);
        let gateway = gateway_of(&parts, &config, fetch, draining.clone(), metrics.clone());
        let console = console_of(&parts, metrics);
        let doors = [
            tokio::spawn(gateway.serve(listen(own.gateway, "gateway").await?, stopped(close.subscribe()))),
            tokio::spawn(console.serve(listen(own.admin, "admin").await?, stopped(close.subscribe()))),
        ];
        tracing::info!(node = name, gateway = %own.gateway, admin = %own.admin, "node started");
        let declaring = tokio::spawn(declare_features(parts.runtime.clone(), config, parts.declared.clone()));
        Ok(Self { parts, name: own.name, supervisor, draining, declaring, doors, close })
    }

    /// Hands over what it leads, answers what it was asked, and stops.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.draining.store(true, Ordering::Relaxed);
        tracing::info!(node = self.name, "draining");
        self.declaring.abort();
        // While the others take over, its doors stay open: requests are routed to them.
        self.parts.runtime.drain(DRAIN_WITHIN).await;
        self.close.send_replace(true);
        let _ = self.supervisor.cast(SupervisorMessage::StopAll);
        let _ = self.supervisor.wait(Some(STOP_WITHIN)).await;
        let _ = tokio::time::timeout(Duration::from_secs(5), futures::future::join_all(self.doors)).await;
        self.parts.mesh.stop();
        let (runtime, wal) = (self.parts.runtime, self.parts.wal);
        tokio::task::spawn_blocking(move || {
            runtime.close();
            wal.close();
        })
        .await?;
        tracing::info!(node = self.name, "stopped");
        Ok(())
    }

    /// Returns when its root supervisor ends without a request to stop.
    async fn gave_up(&self) {
        // Without a bound there is nothing that it could fail by.
        let _ = self.supervisor.wait(None).await;
    }

    /// What it runs on.
    pub fn runtime(&self) -> &Arc<Runtime> {
        &self.parts.runtime
    }
}

/// The node's supervision tree: its shards and its services.
async fn supervised(
    parts: &Parts,
    here: NodeId,
    config: &SupervisionConfig,
    services: Vec<ChildSpec>,
) -> anyhow::Result<ActorRef<SupervisorMessage>> {
    let supervision = Supervision {
        journal: parts.runtime.journal().clone(),
        tree: Arc::new(Tree::new(here)),
        clock: parts.clock,
    };
    let tree = supervision.tree.clone();
    parts.runtime.set_census(tree.clone());
    parts.runtime.serve_call(
        TREE_SERVICE,
        Arc::new(move |_| {
            let view = tree.view();
            async move { Ok(wire::encode(&view)) }.boxed()
        }),
    );
    serve_probe(&parts.runtime);
    let options = config.options(Strategy::OneForOne);
    // A group may need as long as its slowest children together.
    let of_groups = Options { stop_within: STOP_WITHIN.max(options.stop_within), ..options };
    let root = format!("node-{here}");
    let shards =
        supervisor_spec(&format!("{root}/shards"), parts.runtime.children(), options, supervision.clone());
    let services = supervisor_spec(&format!("{root}/services"), services, options, supervision.clone());
    Ok(supervise(&root, vec![shards, services], of_groups, supervision, None).await?)
}

/// What this node does for tasks, if it does any.
fn work_of(parts: &Parts, config: &Config, file: &Path) -> Option<Work> {
    let router = guarded(parts.runtime.router(), parts.recommender.clone(), config.cluster.shards);
    let context = ExecutorContext {
        router: router.clone(),
        http: reqwest::Client::builder().no_proxy().build().ok()?,
        cluster: file.to_owned(),
        config: config.work.clone(),
    };
    config.work.enabled.then(|| Work {
        runtime: parts.runtime.clone(),
        router,
        executors: Executors::new(context),
        config: config.work.clone(),
    })
}

/// Brings the points of canaries.
fn fetch_of(parts: &Parts, config: &Config) -> Fetch {
    Fetch {
        router: guarded(parts.runtime.router(), parts.recommender.clone(), config.cluster.shards),
        prometheus: config.gateway.prometheus.clone().map(Prometheus::new),
    }
}

/// Differs from process to process: the hasher's keys are drawn from the system.
fn salt() -> u64 {
    RandomState::new().build_hasher().finish()
}

fn serve_probe(runtime: &Runtime) {
    let told = Arc::new(AtomicU64::new(0));
    let count = told.clone();
    runtime.serve_tell(
        PROBE_SERVICE,
        Arc::new(move |_, _| {
            count.fetch_add(1, Ordering::Relaxed);
        }),
    );
    runtime.serve_call(
        PROBE_SERVICE,
        Arc::new(move |_| futures::future::ready(Ok(wire::encode(&told.load(Ordering::Relaxed)))).boxed()),
    );
}

fn gateway_of(
    node: &Parts,
    config: &Config,
    fetch: Fetch,
    draining: Arc<AtomicBool>,
    metrics: metrics_exporter_prometheus::PrometheusHandle,
) -> Gateway {
    Gateway {
        router: guarded(node.runtime.router(), node.recommender.clone(), config.cluster.shards),
        globals: node.runtime.globals(),
        recommender: Arc::new(node.recommender.clone()),
        ready: Arc::new(NodeReadiness {
            runtime: node.runtime.clone(),
            recommender: node.recommender.clone(),
            declared: node.declared.clone(),
            draining,
        }),
        metrics,
        config: config.gateway.clone(),
        fetch,
        metadata: config.metadata.clone(),
        values_dir: node.values_dir.clone(),
    }
}

fn console_of(node: &Parts, metrics: metrics_exporter_prometheus::PrometheusHandle) -> Console {
    Console {
        inspect: node.runtime.inspect(),
        operate: Arc::new(node.runtime.operator()),
        cluster: node.runtime.spec().cluster.clone(),
        trees: Arc::new(Trees(node.runtime.clone())),
        journal: node.journal.clone(),
        metrics: Arc::new(move || metrics.render()),
        config: ConsoleConfig::default(),
    }
}

async fn listen(address: SocketAddr, what: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("{what} address {address}"))
}

async fn stopped(mut stop: watch::Receiver<bool>) {
    // A dropped sender means that the process is going down, too.
    let _ = stop.wait_for(|stop| *stop).await;
}
