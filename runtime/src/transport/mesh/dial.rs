//! Connections to peers: dialled again and again, with growing pauses, for as long as there is no session.

use std::sync::Arc;
use std::time::Duration;

use ractor::ActorRef;
use ractor_cluster::NodeServerMessage;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;

use super::link::{Link, Links};
use super::stream::MeshStream;
use super::tls::Tls;

/// Keeps a session with one peer. The node with the lower number dials, so that the two never cross.
pub(super) async fn dial(links: Arc<Links>, link: Arc<Link>, tls: Tls, server: ActorRef<NodeServerMessage>) {
    let mut pause = links.config.redial_min;
    loop {
        if link.connected() {
            pause = links.config.redial_min;
            link.lost.notified().await;
            continue;
        }
        let within = links.config.handshake_timeout;
        let outcome = match tokio::time::timeout(within, connect(&link, &tls)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(format!("no connection to {} within {within:?}", link.peer.addr)),
        };
        match outcome {
            Ok(stream) => {
                let opened = NodeServerMessage::ConnectionOpenedExternal { stream, is_server: false };
                if server.cast(opened).is_err() {
                    return;
                }
                if until_connected(&link, within).await {
                    continue;
                }
                link.failed("the peer did not authenticate: is the cookie the same?".to_owned());
            }
            Err(error) => link.failed(error),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(links.config.redial_max);
    }
}

async fn until_connected(link: &Link, within: Duration) -> bool {
    let deadline = tokio::time::Instant::now() + within;
    while tokio::time::Instant::now() < deadline {
        if link.connected() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    link.connected()
}

async fn connect(link: &Link, tls: &Tls) -> Result<Box<dyn ractor_cluster::ClusterBidiStream>, String> {
    let addr = link.peer.addr;
    let stream = TcpStream::connect(addr).await.map_err(|error| format!("{addr}: {error}"))?;
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    let name = ServerName::try_from(link.peer.name.clone()).map_err(|error| error.to_string())?;
    let stream =
        tls.connector.connect(name, stream).await.map_err(|error| format!("TLS with {addr}: {error}"))?;
    Ok(Box::new(MeshStream { stream, name: link.peer.name.clone() }))
}
