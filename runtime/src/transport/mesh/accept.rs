//! Connections from peers: bounded, timed, authenticated, and only then handed over.
//!
//! The node with the lower number dials for sessions. A connection from a node with a higher one is a knock: it carries
//! nothing, and says that the peer is there and waits to be dialled.

use std::sync::Arc;

use ractor::ActorRef;
use ractor_cluster::NodeServerMessage;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::link::{Link, Links};
use super::stream::MeshStream;
use super::tls::{Tls, name_of, session_number};

/// Accepts for as long as the node runs.
pub(super) async fn accept(
    links: Arc<Links>,
    listener: TcpListener,
    tls: Tls,
    server: ActorRef<NodeServerMessage>,
) {
    let places = Arc::new(Semaphore::new(usize::from(links.config.handshakes_max)));
    let refused = Arc::new(std::sync::atomic::AtomicU64::new(0));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: others will be freed.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        let Ok(place) = places.clone().try_acquire_owned() else { continue };
        let (links, tls, server, refused) = (links.clone(), tls.clone(), server.clone(), refused.clone());
        #[allow(clippy::disallowed_methods, reason = "bounded by the semaphore and the timeout")]
        tokio::spawn(async move {
            let within = links.config.handshake_timeout;
            let outcome = match tokio::time::timeout(within, authenticate(&links, &tls, stream)).await {
                Ok(outcome) => outcome,
                Err(_) => Err(format!("no handshake within {within:?}")),
            };
            drop(place);
            match outcome {
                Ok((link, _)) if links.here < link.peer.node => link.knocked.notify_one(),
                Ok((link, stream)) => {
                    // The peer dials because it has no session: what is left of one here is half open.
                    links.end(&link, "the peer opened a new connection");
                    let opened = NodeServerMessage::ConnectionOpenedExternal { stream, is_server: true };
                    let _ = server.cast(opened);
                }
                Err(error) => {
                    let count = refused.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
                    // A peer that tries again and again must not fill the log.
                    if count.is_power_of_two() {
                        tracing::warn!(error, count, "a connection to the mesh was refused");
                    }
                }
            }
        });
    }
}

async fn authenticate(
    links: &Links,
    tls: &Tls,
    stream: TcpStream,
) -> Result<(Arc<Link>, Box<dyn ractor_cluster::ClusterBidiStream>), String> {
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    let stream = tls.acceptor.accept(stream).await.map_err(|error| format!("TLS: {error}"))?;
    let connection = stream.get_ref().1;
    let shown = connection.peer_certificates().and_then(|chain| chain.first());
    let shown = shown.ok_or_else(|| "no certificate".to_owned())?;
    let names = links.links.values().map(|link| link.peer.name.as_str());
    let name = name_of(shown, names)
        .ok_or_else(|| "the certificate is of no configured node".to_owned())?
        .to_owned();
    let link = links.links.values().find(|link| link.peer.name == name);
    let link = link.ok_or_else(|| "no such peer".to_owned())?.clone();
    let number = session_number(connection)?;
    Ok((link, Box::new(MeshStream { stream, name, number })))
}
