//! The proxied links between all nodes.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::Context as _;
use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::conditions::LinkConditions;
use super::link::carry;

/// Most connections of one link; a further one is closed.
const CONNECTIONS_MAX: usize = 256;

/// From one node to another, by index.
type Pair = (usize, usize);

/// A link for each ordered pair of nodes. Dropping it closes all connections.
pub struct Links {
    listens: BTreeMap<Pair, SocketAddr>,
    conditions: BTreeMap<Pair, watch::Sender<LinkConditions>>,
    _tasks: JoinSet<()>,
}

impl Links {
    /// Opens the links to the mesh addresses. The seed drives the random conditions.
    ///
    /// # Errors
    /// No port was free.
    pub async fn open(meshes: &[SocketAddr], seed: u64) -> anyhow::Result<Self> {
        let pairs: Vec<Pair> = (0..meshes.len())
            .flat_map(|from| (0..meshes.len()).map(move |to| (from, to)))
            .filter(|(from, to)| from != to)
            .collect();
        let conditions: BTreeMap<Pair, watch::Sender<LinkConditions>> =
            pairs.iter().map(|pair| (*pair, watch::Sender::new(LinkConditions::default()))).collect();
        let mut listens = BTreeMap::new();
        let mut tasks = JoinSet::new();
        for pair @ (from, to) in pairs {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("a link between two nodes")?;
            listens.insert(pair, listener.local_addr()?);
            let ways = [conditions[&pair].subscribe(), conditions[&(to, from)].subscribe()];
            tasks.spawn(accept(listener, meshes[to], ways, seed ^ (from * meshes.len() + to) as u64));
        }
        Ok(Self { listens, conditions, _tasks: tasks })
    }

    /// The address at which `from` dials `to`.
    #[must_use]
    pub fn address(&self, from: usize, to: usize) -> SocketAddr {
        self.listens[&(from, to)]
    }

    /// Sets the conditions of these directions; unknown pairs are ignored.
    pub fn set(&self, pairs: impl IntoIterator<Item = Pair>, conditions: LinkConditions) {
        for pair in pairs {
            if let Some(sender) = self.conditions.get(&pair) {
                sender.send_replace(conditions);
            }
        }
    }

    /// Sets the same conditions on every link.
    pub fn set_all(&self, conditions: LinkConditions) {
        self.set(self.conditions.keys().copied(), conditions);
    }
}

async fn accept(
    listener: TcpListener,
    mesh: SocketAddr,
    ways: [watch::Receiver<LinkConditions>; 2],
    seed: u64,
) {
    let mut connections = JoinSet::new();
    let mut count = 0;
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((near, _)) = accepted else { continue };
                if connections.len() < CONNECTIONS_MAX {
                    count += 2;
                    connections.spawn(connect(near, mesh, ways.clone(), seed.wrapping_mul(1_000_003) + count));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connect(near: TcpStream, mesh: SocketAddr, ways: [watch::Receiver<LinkConditions>; 2], seed: u64) {
    let [mut there, mut back] = ways;
    // A connection needs both directions.
    for way in [&mut there, &mut back] {
        if way.wait_for(|conditions| !conditions.cut).await.is_err() {
            return;
        }
    }
    let Ok(far) = TcpStream::connect(mesh).await else { return };
    if near.set_nodelay(true).and(far.set_nodelay(true)).is_err() {
        return;
    }
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    tokio::join!(
        carry(near_in, far_out, there, SmallRng::seed_from_u64(seed)),
        carry(far_in, near_out, back, SmallRng::seed_from_u64(seed + 1)),
    );
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    async fn mesh() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    struct Ends {
        links: Links,
        near: TcpStream,
        far: TcpStream,
    }

    async fn ends() -> Ends {
        let (_first, first) = mesh().await;
        let (listener, second) = mesh().await;
        let links = Links::open(&[first, second], 3).await.unwrap();
        let near = TcpStream::connect(links.address(0, 1)).await.unwrap();
        let (far, _) = listener.accept().await.unwrap();
        Ends { links, near, far }
    }

    async fn said(stream: &mut TcpStream, bytes: usize) -> Vec<u8> {
        let mut heard = vec![0; bytes];
        stream.read_exact(&mut heard).await.unwrap();
        heard
    }

    #[tokio::test]
    async fn a_one_way_cut_holds_one_direction_until_it_heals() {
        let Ends { links, mut near, mut far } = ends().await;
        links.set([(0, 1)], LinkConditions::cut());
        near.write_all(b"held").await.unwrap();
        far.write_all(b"back").await.unwrap();
        assert_eq!(said(&mut near, 4).await, b"back");
        let held = tokio::time::timeout(Duration::from_millis(100), far.read_u8()).await;
        assert!(held.is_err(), "{held:?} got through a cut");
        links.set_all(LinkConditions::default());
        assert_eq!(said(&mut far, 4).await, b"held");
        drop(near);
        assert_eq!(far.read(&mut [0]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn damage_doubles_and_reordering_reach_the_other_end() {
        let Ends { links, mut near, mut far } = ends().await;
        links.set([(0, 1)], LinkConditions { corrupt: 1.0, ..LinkConditions::default() });
        near.write_all(&[0; 8]).await.unwrap();
        let ones: u32 = said(&mut far, 8).await.iter().map(|byte| byte.count_ones()).sum();
        assert_eq!(ones, 1);
        links.set([(0, 1)], LinkConditions { duplicate: 1.0, ..LinkConditions::default() });
        near.write_all(b"ab").await.unwrap();
        assert_eq!(said(&mut far, 4).await, b"abab");
    }

    #[tokio::test]
    async fn a_link_to_a_closed_port_closes() {
        let (listener, gone) = mesh().await;
        let (_other, other) = mesh().await;
        drop(listener);
        let links = Links::open(&[gone, other], 3).await.unwrap();
        let mut near = TcpStream::connect(links.address(1, 0)).await.unwrap();
        assert_eq!(near.read(&mut [0]).await.unwrap_or(0), 0);
    }
}
