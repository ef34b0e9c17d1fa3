//! Connections from peers: bounded, with a timeout, authenticated, and then handed over.
//!
//! The node with the lower number dials for sessions. A connection from a node with a higher number is a knock: it
//! carries no data, and means that the peer is reachable and waits to be dialled.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use ractor::ActorRef;
use ractor_cluster::NodeServerMessage;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::server::TlsStream;

use super::complaints::Complaints;
use super::link::{Link, Links, Stage};
use super::stream::{Connection, Counted};
use super::tls::{Tls, has_two_channels, name_of, session_number};
use crate::locks::lock;
use crate::time::micros;

/// Accepts connections while the node runs.
pub(super) async fn accept(
    links: Arc<Links>,
    listener: TcpListener,
    tls: Tls,
    server: ActorRef<NodeServerMessage>,
) {
    let places = Arc::new(Semaphore::new(usize::from(links.config.handshakes_max)));
    let seats = Arc::new(Mutex::new(BTreeMap::new()));
    let complaints = Arc::new(Mutex::new(Complaints::default()));
    loop {
        let Ok((stream, from)) = listener.accept().await else {
            // Probably out of file descriptors, which will be freed.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        let Ok(place) = places.clone().try_acquire_owned() else { continue };
        let Some(seat) = Seat::take(&seats, from.ip(), links.config.handshakes_per_address_max) else {
            refused(&complaints, from.ip(), "too many connections of this address authenticate at once");
            continue;
        };
        let (links, tls, server, complaints) =
            (links.clone(), tls.clone(), server.clone(), complaints.clone());
        #[allow(clippy::disallowed_methods, reason = "bounded by the semaphore and the timeout")]
        tokio::spawn(async move {
            let within = links.config.handshake_timeout;
            let outcome = match tokio::time::timeout(within, authenticate(&links, &tls, stream)).await {
                Ok(outcome) => outcome,
                Err(_) => Err(format!("no handshake within {within:?}")),
            };
            let outcome = match outcome {
                Ok((link, _)) if links.here < link.peer.node => {
                    link.knocked.notify_one();
                    Ok(())
                }
                Ok((link, connection)) => replace(&links, &link).await.map(|()| {
                    let stream = connection.open(&links);
                    let opened = NodeServerMessage::ConnectionOpenedExternal { stream, is_server: true };
                    let _ = server.cast(opened);
                }),
                Err(error) => Err(error),
            };
            drop((place, seat));
            if let Err(error) = outcome {
                refused(&complaints, from.ip(), &error);
            }
        });
    }
}

/// Number of connections that authenticate, by address.
type Seats = Arc<Mutex<BTreeMap<IpAddr, u16>>>;

/// One such connection.
struct Seat {
    seats: Seats,
    from: IpAddr,
}

impl Seat {
    /// Counts one more connection of this address; `None` at the bound.
    fn take(seats: &Seats, from: IpAddr, max: u16) -> Option<Self> {
        let mut taken = lock(seats);
        let count = taken.entry(from).or_default();
        if *count >= max {
            return None;
        }
        *count += 1;
        Some(Self { seats: seats.clone(), from })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = lock(&self.seats);
        if let Some(count) = taken.get_mut(&self.from) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.from);
            }
        }
    }
}

/// Ends an old session for a new connection. The peer dials because it has no session, so a session here is half open
/// and silent. A session that is still active belongs to another node: a node with the peer's certificate by mistake
/// must not break the rightful node's sessions.
async fn replace(links: &Links, link: &Link) -> Result<(), String> {
    let arrived = links.clock.mono();
    let beat = links.config.heartbeat_every;
    let mut stage = link.stage.subscribe();
    let ended = stage.wait_for(|stage| *stage != Stage::Up);
    if tokio::time::timeout(beat * 3, ended).await.is_ok() {
        return Ok(());
    }
    // Frames in transit when the peer dialled arrive within one heartbeat.
    let late = arrived.saturating_add(micros(beat));
    if link.last_received_at().is_some_and(|received| received > late) {
        return Err(format!(
            "it has the certificate of {:?}, and that node has an active session",
            link.peer.name
        ));
    }
    links.end(link, "the peer opened a new connection");
    Ok(())
}

fn refused(complaints: &Mutex<Complaints>, from: IpAddr, error: &str) {
    let mut complaints = lock(complaints);
    // A node's port changes, its address does not.
    let worth_a_line = complaints.note(&format!("{from}: {error}"));
    if let Some(count) = worth_a_line {
        tracing::warn!(%from, error, count, "a connection to the mesh was refused");
    }
}

async fn authenticate(
    links: &Links,
    tls: &Tls,
    stream: TcpStream,
) -> Result<(Arc<Link>, Connection<TlsStream<Counted>>), String> {
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    let stream = Counted { stream, sent: links.sent.clone() };
    let stream = tls.now().acceptor.accept(stream).await.map_err(|error| format!("TLS: {error}"))?;
    let connection = stream.get_ref().1;
    let shown = connection.peer_certificates().and_then(|chain| chain.first());
    let shown = shown.ok_or_else(|| "no certificate".to_owned())?;
    let all = links.all();
    let names = all.values().map(|link| link.peer.name.as_str());
    let name = name_of(shown, names)
        .ok_or_else(|| "the certificate does not name a configured node".to_owned())?
        .to_owned();
    let link = links.named(&name).ok_or_else(|| "no such peer".to_owned())?;
    let (number, two_channels) = (session_number(connection)?, has_two_channels(connection));
    Ok((link, Connection { stream, name, number, two_channels }))
}
