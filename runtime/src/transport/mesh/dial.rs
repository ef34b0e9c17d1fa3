//! Dialling of peers: repeated with growing pauses while a peer has no session.
//!
//! The node with the lower number dials, so that two sessions never cross. The other node knocks: it connects and
//! disconnects, and the dialler cuts its pause short. So a restarted node has its sessions within a round trip,
//! whichever side it is.

use std::sync::Arc;
use std::time::Duration;

use ractor::ActorRef;
use ractor_cluster::NodeServerMessage;
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use rustls::pki_types::ServerName;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::link::{Link, Links, Stage};
use super::stream::{Connection, Counted};
use super::tls::{Tls, has_two_channels, session_number};
use crate::time::micros;

/// Keeps a session with one peer while the node runs.
pub(super) async fn dial(links: Arc<Links>, link: Arc<Link>, tls: Tls, server: ActorRef<NodeServerMessage>) {
    let mut jitter = SmallRng::seed_from_u64(links.incarnation ^ u64::from(link.peer.node.0) << 48);
    let mut stage = link.stage.subscribe();
    let mut pause = links.config.redial_min;
    let lasted = micros(links.config.redial_max);
    loop {
        // The current state is marked as seen: below, only a change counts.
        if *stage.borrow_and_update() != Stage::Up {
            let within = links.config.handshake_timeout;
            match attempt(&links, &link, &tls, &server).await {
                Ok(()) if tokio::time::timeout(within, stage.changed()).await.is_ok() => {}
                Ok(()) => link.failed(format!("no session within {within:?} after the connection")),
                Err(error) => link.failed(error),
            }
        }
        if *stage.borrow_and_update() == Stage::Up {
            let since = links.clock.mono();
            if stage.wait_for(|stage| *stage != Stage::Up).await.is_err() {
                return;
            }
            if links.clock.mono().saturating_sub(since) >= lasted {
                // The session was stable: the first retry is immediate.
                pause = links.config.redial_min;
                continue;
            }
        }
        let wait = pause.mul_f64(jitter.random_range(0.75..1.25));
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = link.knocked.notified() => {}
            // The peer has dialled in the meantime.
            _ = stage.wait_for(|stage| *stage == Stage::Up) => {}
        }
        pause = (pause * 2).min(links.config.redial_max);
    }
}

/// Dials or knocks. A success means that the peer has accepted the connection, not that there is a session.
async fn attempt(
    links: &Arc<Links>,
    link: &Link,
    tls: &Tls,
    server: &ActorRef<NodeServerMessage>,
) -> Result<(), String> {
    let within = links.config.handshake_timeout;
    let late = |_| format!("no connection to {} within {within:?}", link.peer.addr);
    let stream = tokio::time::timeout(within, connect(links, link, tls)).await.map_err(late)??;
    if links.here < link.peer.node {
        let connection = stream.get_ref().1;
        let (number, two_channels) = (session_number(connection)?, has_two_channels(connection));
        let stream = Connection { stream, name: link.peer.name.clone(), number, two_channels }.open(links);
        let opened = NodeServerMessage::ConnectionOpenedExternal { stream, is_server: false };
        return server.cast(opened).map_err(|_| "the mesh is stopping".to_owned());
    }
    knock(stream, within).await
}

async fn connect(links: &Links, link: &Link, tls: &Tls) -> Result<TlsStream<Counted>, String> {
    let addr = link.peer.addr;
    let stream = TcpStream::connect(addr).await.map_err(|error| format!("{addr}: {error}"))?;
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    let name = ServerName::try_from(link.peer.name.clone()).map_err(|error| error.to_string())?;
    let stream = Counted { stream, sent: links.sent.clone() };
    tls.now().connector.connect(name, stream).await.map_err(|error| format!("TLS with {addr}: {error}"))
}

/// Waits for the peer to disconnect: by then it has checked our certificate or reported an error.
async fn knock(mut stream: TlsStream<Counted>, within: Duration) -> Result<(), String> {
    match tokio::time::timeout(within, stream.read(&mut [0])).await {
        // A dropped stream disconnects without a TLS close.
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::InvalidData => {
            Err(format!("TLS: the peer refused the connection: {error}"))
        }
        Ok(_) => Ok(()),
        Err(_) => Err(format!("the peer did not answer a knock within {within:?}")),
    }
}
