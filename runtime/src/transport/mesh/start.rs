//! The mesh: start and stop, and its list of peers.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use ractor::{Actor as _, ActorCell, ActorRef};
use ractor_cluster::node::NodeConnectionMode;
use ractor_cluster::{IncomingEncryptionMode, NodeServer, NodeServerMessage};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::link::{Link, Links};
use super::peer::MeshPeer;
use super::postbox::Postbox;
use super::speaks::Speaks;
use super::tls::Tls;
use super::{accept, dial, watch};
use crate::address::NodeId;
use crate::locks::lock;
use crate::node_spec::NodeSpec;
use crate::observe::PeerView;
use crate::time::Clock;
use crate::transport::{Envelope, ReceiverSlot, SendError, Transport, TransportConfig};

/// The settings of this node's mesh.
#[derive(Clone)]
pub struct MeshSpec {
    /// Its number.
    pub here: NodeId,
    /// Its name, and its certificate's.
    pub name: String,
    /// Changes at each start.
    pub incarnation: u64,
    /// The cluster's shared secret. Never logged.
    pub cookie: String,
    /// Its listen address.
    pub listen: SocketAddr,
    /// The other nodes.
    pub peers: Vec<MeshPeer>,
    /// Certificates: `ca.pem`, `NAME.pem`, `NAME.key`.
    pub certs: PathBuf,
    /// Timing and bounds.
    pub config: TransportConfig,
}

/// An error of starting a mesh.
#[derive(Debug, thiserror::Error)]
pub enum MeshError {
    /// The certificates cannot be used.
    #[error("certificates: {0}")]
    Certificates(String),
    /// The address is in use or not local.
    #[error("mesh address {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// ractor could not start an actor.
    #[error("the mesh's actors could not be started: {0}")]
    Spawn(String),
}

/// The running mesh. Dropping it ends its tasks; its actors end with their supervisor or by [`Mesh::stop`].
pub struct Mesh {
    links: Arc<Links>,
    server: ActorRef<NodeServerMessage>,
    postbox: ActorCell,
    tls: Tls,
    /// Each peer's tasks.
    peers: Mutex<BTreeMap<NodeId, JoinSet<()>>>,
    _tasks: JoinSet<()>,
}

impl Mesh {
    /// Listens and starts to dial. Must be called within a tokio runtime. One mesh per process, because ractor's
    /// registries are global.
    ///
    /// # Errors
    /// See [`MeshError`].
    pub async fn start(spec: MeshSpec, clock: Clock, slot: ReceiverSlot) -> Result<Arc<Self>, MeshError> {
        let tls = Tls::load(&spec.certs, &spec.name).map_err(MeshError::Certificates)?;
        let listener =
            TcpListener::bind(spec.listen).await.map_err(|error| MeshError::Listen(spec.listen, error))?;
        let links = Arc::new(Links {
            here: spec.here,
            incarnation: spec.incarnation,
            clock,
            slot,
            links: ArcSwap::default(),
            config: spec.config,
            sent: Arc::default(),
            broken: std::sync::atomic::AtomicU64::new(0),
            connections: Mutex::default(),
        });
        let fail = |error: ractor::SpawnErr| MeshError::Spawn(error.to_string());
        let (postbox, _) = Postbox::spawn(None, Postbox, links.clone()).await.map_err(fail)?;
        // ractor_cluster requires a listener of its own: it is on an unannounced local port, behind the same TLS.
        let server = NodeServer::new(
            0,
            spec.cookie,
            format!("{}.{}", spec.name, spec.incarnation),
            Speaks::HERE.to_string(),
            Some(IncomingEncryptionMode::Tls(tls.now().acceptor.clone())),
            Some(NodeConnectionMode::Isolated),
        )
        .with_listen_addr(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let (server, _) = NodeServer::spawn(None, server, ()).await.map_err(fail)?;
        let (events, changes) = tokio::sync::mpsc::unbounded_channel();
        let subscribe = NodeServerMessage::SubscribeToEvents {
            id: "mesh".to_owned(),
            subscription: Box::new(watch::Events(events)),
        };
        server.cast(subscribe).map_err(|error| MeshError::Spawn(error.to_string()))?;
        let mut tasks = JoinSet::new();
        tasks.spawn(watch::follow(links.clone(), changes));
        tasks.spawn(watch::beat(links.clone()));
        let noted = links.clone();
        tasks.spawn(tls.clone().follow(move |change, reason| noted.note("certificates", change, reason)));
        tasks.spawn(accept::accept(links.clone(), listener, tls.clone(), server.clone()));
        let mesh =
            Self { links, server, postbox: postbox.get_cell(), tls, peers: Mutex::default(), _tasks: tasks };
        mesh.follow(spec.peers);
        Ok(Arc::new(mesh))
    }

    /// Replaces the peers: sessions with all others end. A peer with a new address gets a new link.
    fn follow(&self, mut peers: Vec<MeshPeer>) {
        for peer in &mut peers {
            peer.addr = self.links.config.dial.get(&peer.name).copied().unwrap_or(peer.addr);
        }
        let mut running = lock(&self.peers);
        let before = self.links.all();
        let mut links = BTreeMap::new();
        let mut fresh = Vec::new();
        for peer in peers {
            let same = before.get(&peer.node).filter(|link| link.peer == peer).cloned();
            let link = same.unwrap_or_else(|| {
                let link = Arc::new(Link::new(peer, &self.links.config));
                fresh.push(link.clone());
                link
            });
            links.insert(link.peer.node, link);
        }
        let gone = before
            .values()
            .filter(|link| links.get(&link.peer.node).is_none_or(|now| !Arc::ptr_eq(now, link)));
        let gone: Vec<Arc<Link>> = gone.cloned().collect();
        self.links.links.store(Arc::new(links));
        for link in gone {
            running.remove(&link.peer.node);
            self.links.end(&link, "the peer was removed from this cluster, or has moved");
        }
        for link in fresh {
            let mut tasks = JoinSet::new();
            tasks.spawn(watch::write(self.links.clone(), link.clone()));
            tasks.spawn(dial::dial(self.links.clone(), link.clone(), self.tls.clone(), self.server.clone()));
            running.insert(link.peer.node, tasks);
        }
    }

    /// Ends every session and the mesh's actors.
    pub fn stop(&self) {
        self.server.stop(None);
        self.postbox.stop(None);
    }
}

impl Transport for Mesh {
    fn send(&self, to: NodeId, envelope: &Envelope) -> Result<(), SendError> {
        self.links.links.load().get(&to).ok_or(SendError::NoSuchPeer)?.send(envelope)
    }

    fn peers(&self) -> Vec<PeerView> {
        let now = self.links.clock.mono();
        self.links.all().values().map(|link| link.view(now)).collect()
    }

    fn sent_bytes(&self) -> u64 {
        self.links.sent.load(std::sync::atomic::Ordering::Relaxed)
    }

    fn set_peers(&self, peers: &[NodeSpec]) {
        let peer = |node: &NodeSpec| MeshPeer { node: node.id, name: node.name.clone(), addr: node.mesh };
        self.follow(peers.iter().map(peer).collect());
    }
}
