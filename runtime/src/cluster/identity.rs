//! The identity of this disk and of the disks it has met: tells a first start from a start after the disk was lost.
//!
//! A replica that lost its promises may start a second history, or vote twice in a term. So a node with an empty log
//! asks every peer before it initialises anything. A peer that remembers another disk under this node's name makes
//! the node rejoin as a new replica. Peers remember the first disk that they met and never replace it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use bincode::{Decode, Encode};
use tokio::sync::watch;

use crate::address::NodeId;
use crate::locks::lock;
use crate::wire;

/// A few bytes that survive as long as the disk. Blocking.
pub trait Facts: Send + Sync + 'static {
    /// The bytes saved last.
    ///
    /// # Errors
    /// The disk.
    fn load(&self) -> Result<Option<Vec<u8>>, String>;

    /// Replaces it; durable when this returns.
    ///
    /// # Errors
    /// The disk.
    fn save(&self, bytes: &[u8]) -> Result<(), String>;
}

/// A file for these bytes, beside log and checkpoints.
pub struct IdentityFile {
    dir: PathBuf,
}

impl IdentityFile {
    /// In a directory, which is created if missing.
    #[must_use]
    pub fn in_dir(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    fn path(&self) -> PathBuf {
        self.dir.join("identity")
    }

    fn replace(&self, bytes: &[u8]) -> std::io::Result<()> {
        std::fs::create_dir_all(&self.dir)?;
        let draft = self.dir.join(".identity");
        let mut file = File::create(&draft)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&draft, self.path())?;
        File::open(&self.dir)?.sync_all()
    }
}

impl Facts for IdentityFile {
    fn load(&self) -> Result<Option<Vec<u8>>, String> {
        match std::fs::read(self.path()) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("{}: {error}", self.path().display())),
        }
    }

    fn save(&self, bytes: &[u8]) -> Result<(), String> {
        self.replace(bytes).map_err(|error| format!("{}: {error}", self.path().display()))
    }
}

/// A peer's answer to a disk that introduces itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(super) enum Greeting {
    /// The disk is the one known under this name, or the first.
    Welcome,
    /// Another disk was known under this name.
    Stranger,
}

/// How a node without a log starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BootstrapMode {
    /// No peer knows an earlier disk of this node: it may initialise the cluster.
    Init,
    /// There was an earlier disk, and its promises are lost.
    Rejoin,
}

/// The saved form.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
struct Saved {
    disk: u128,
    /// Every group has a durable record of its replica: a log without one was lost.
    settled: bool,
    met: BTreeMap<u16, u128>,
}

/// This disk's identity.
pub(super) struct Identity {
    facts: Arc<dyn Facts>,
    saved: Mutex<Saved>,
    /// Changes when a peer introduces itself: the peer can be asked now.
    pub(super) introduced: watch::Sender<()>,
}

impl Identity {
    /// Reads the identity, or creates one for a new disk. `used`: its log is not empty.
    pub(super) fn open(facts: Arc<dyn Facts>, used: bool) -> Result<Self, String> {
        let saved = match facts.load()? {
            Some(bytes) => wire::decode(&bytes)?,
            None => {
                let saved = Saved { disk: rand::random(), settled: used, met: BTreeMap::new() };
                facts.save(&wire::encode(&saved))?;
                saved
            }
        };
        Ok(Self { facts, saved: Mutex::new(saved), introduced: watch::Sender::new(()) })
    }

    pub(super) fn disk(&self) -> u128 {
        self.saved().disk
    }

    /// Whether every group has had a record of its replica.
    pub(super) fn settled(&self) -> bool {
        self.saved().settled
    }

    /// Records that every group has a record of its replica.
    pub(super) fn settle(&self) -> Result<(), String> {
        let mut saved = self.saved();
        if saved.settled {
            return Ok(());
        }
        saved.settled = true;
        self.facts.save(&wire::encode(&*saved))
    }

    /// A peer's disk introduces itself.
    pub(super) fn greet(&self, node: NodeId, disk: u128) -> Result<Greeting, String> {
        let mut saved = self.saved();
        if let Some(known) = saved.met.get(&node.0) {
            return Ok(if *known == disk { Greeting::Welcome } else { Greeting::Stranger });
        }
        // A disk of the same bootstrap was met before this disk settled; a disk that comes later must rejoin.
        let greeting = if saved.settled { Greeting::Stranger } else { Greeting::Welcome };
        let mut next = saved.clone();
        next.met.insert(node.0, disk);
        // Saved before the answer: the peer may act on it.
        self.facts.save(&wire::encode(&next))?;
        *saved = next;
        Ok(greeting)
    }

    /// Records the disk of a peer that answered a greeting.
    pub(super) fn met(&self, node: NodeId, disk: u128) -> Result<(), String> {
        let mut saved = self.saved();
        if saved.met.contains_key(&node.0) {
            return Ok(());
        }
        let mut next = saved.clone();
        next.met.insert(node.0, disk);
        self.facts.save(&wire::encode(&next))?;
        *saved = next;
        Ok(())
    }

    fn saved(&self) -> MutexGuard<'_, Saved> {
        lock(&self.saved)
    }
}

/// The result of the peers' greetings so far; `None` while a peer that has not answered might know another disk.
pub(super) fn bootstrap_mode(
    peers: &[NodeId],
    greetings: &BTreeMap<NodeId, Greeting>,
) -> Option<BootstrapMode> {
    if greetings.values().any(|greeting| *greeting == Greeting::Stranger) {
        return Some(BootstrapMode::Rejoin);
    }
    peers.iter().all(|peer| greetings.contains_key(peer)).then_some(BootstrapMode::Init)
}

#[cfg(test)]
mod tests {
    use super::super::MemoryDisk;
    use super::*;

    #[test]
    fn a_node_bootstraps_when_every_peer_welcomes_it_and_rejoins_when_one_knows_another_disk() {
        use Greeting::{Stranger, Welcome};
        let peers = [NodeId(2), NodeId(3)];
        for (greetings, expected) in [
            (vec![], None),
            (vec![(2, Welcome)], None),
            (vec![(2, Welcome), (3, Welcome)], Some(BootstrapMode::Init)),
            (vec![(2, Stranger)], Some(BootstrapMode::Rejoin)),
            (vec![(2, Welcome), (3, Stranger)], Some(BootstrapMode::Rejoin)),
        ] {
            let greetings = greetings.into_iter().map(|(node, greeting)| (NodeId(node), greeting)).collect();
            assert_eq!(bootstrap_mode(&peers, &greetings), expected, "{greetings:?}");
        }
        assert_eq!(bootstrap_mode(&[], &BTreeMap::new()), Some(BootstrapMode::Init), "a node alone");
    }

    #[test]
    fn the_first_disk_that_was_met_is_remembered_across_a_restart_and_never_replaced() {
        let disk = MemoryDisk::default();
        let open = || Identity::open(disk.open().facts, false).unwrap();
        let first = open();
        assert_eq!(first.greet(NodeId(2), 7), Ok(Greeting::Welcome));
        let again = open();
        assert_eq!(again.disk(), first.disk());
        assert_eq!(again.greet(NodeId(2), 7), Ok(Greeting::Welcome));
        assert_eq!(again.greet(NodeId(2), 8), Ok(Greeting::Stranger));
        assert_eq!(again.greet(NodeId(2), 8), Ok(Greeting::Stranger), "it is not forgotten by asking twice");
        assert!(!again.settled());
        again.settle().unwrap();
        assert!(open().settled());
        assert_eq!(
            again.greet(NodeId(4), 9),
            Ok(Greeting::Stranger),
            "a disk that comes after the bootstrap rejoins"
        );
        assert_eq!(again.greet(NodeId(2), 7), Ok(Greeting::Welcome), "a disk of the bootstrap is welcome");
        again.met(NodeId(5), 11).unwrap();
        assert_eq!(again.greet(NodeId(5), 11), Ok(Greeting::Welcome), "they met when this disk greeted it");
    }
}
