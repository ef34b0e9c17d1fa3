//! Which disk this is and which it has met: what tells a first start from one after the disk was lost.
//!
//! A replica that forgot what it promised may found a second history, or vote twice. So a node whose log holds nothing
//! asks every peer before it founds anything: one that remembers another disk under its name sends it to join as a new
//! replica instead. Peers remember the first disk that they met and never another.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bincode::{Decode, Encode};
use tokio::sync::watch;

use crate::address::NodeId;
use crate::wire;

/// A few bytes that survive what the disk survives. Blocking.
pub trait Facts: Send + Sync + 'static {
    /// What was saved last.
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

/// Facts in a file of their own, beside log and checkpoints.
pub struct IdentityFile {
    dir: PathBuf,
}

impl IdentityFile {
    /// In a directory, which is made when it is not there.
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

/// What a peer says to a disk that introduces itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(super) enum Greeting {
    /// It is the one that was always there under this name, or the first.
    Welcome,
    /// Another was there before.
    Stranger,
}

/// What a node without a log does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// Nobody knows a life before this one.
    Found,
    /// There was one, and what it promised is lost.
    Join,
}

/// What is saved.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
struct Saved {
    disk: u128,
    /// Every group's record of its replica is durable: a log without one was lost.
    settled: bool,
    met: BTreeMap<u16, u128>,
}

/// This disk's identity.
pub(super) struct Identity {
    facts: Arc<dyn Facts>,
    saved: Mutex<Saved>,
    /// Changes whenever a peer introduces itself: it can be asked now.
    pub(super) heard: watch::Sender<()>,
}

impl Identity {
    /// Reads it, or makes one for a new disk. `used` tells that its log holds something already.
    pub(super) fn open(facts: Arc<dyn Facts>, used: bool) -> Result<Self, String> {
        let saved = match facts.load()? {
            Some(bytes) => wire::decode(&bytes)?,
            None => {
                let saved = Saved { disk: rand::random(), settled: used, met: BTreeMap::new() };
                facts.save(&wire::encode(&saved))?;
                saved
            }
        };
        Ok(Self { facts, saved: Mutex::new(saved), heard: watch::Sender::new(()) })
    }

    pub(super) fn disk(&self) -> u128 {
        self.saved().disk
    }

    /// Whether every group has had a record of its replica.
    pub(super) fn settled(&self) -> bool {
        self.saved().settled
    }

    /// Every group has one now.
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
        // Whoever founds with this disk was met before this disk founded; who comes later joins.
        let greeting = if saved.settled { Greeting::Stranger } else { Greeting::Welcome };
        let mut next = saved.clone();
        next.met.insert(node.0, disk);
        // Remembered before it is said: the peer may act on the answer.
        self.facts.save(&wire::encode(&next))?;
        *saved = next;
        Ok(greeting)
    }

    /// A peer that answered a greeting has this disk: they have met.
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
        self.saved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What follows from the peers' greetings so far; none while a peer that has not answered might know better.
pub(super) fn arrival(peers: &[NodeId], greetings: &BTreeMap<NodeId, Greeting>) -> Option<Arrival> {
    if greetings.values().any(|greeting| *greeting == Greeting::Stranger) {
        return Some(Arrival::Join);
    }
    peers.iter().all(|peer| greetings.contains_key(peer)).then_some(Arrival::Found)
}

#[cfg(test)]
mod tests {
    use super::super::MemoryDisk;
    use super::*;

    #[test]
    fn a_node_founds_when_every_peer_welcomes_it_and_joins_when_one_knows_another_disk() {
        use Greeting::{Stranger, Welcome};
        let peers = [NodeId(2), NodeId(3)];
        for (greetings, expected) in [
            (vec![], None),
            (vec![(2, Welcome)], None),
            (vec![(2, Welcome), (3, Welcome)], Some(Arrival::Found)),
            (vec![(2, Stranger)], Some(Arrival::Join)),
            (vec![(2, Welcome), (3, Stranger)], Some(Arrival::Join)),
        ] {
            let greetings = greetings.into_iter().map(|(node, greeting)| (NodeId(node), greeting)).collect();
            assert_eq!(arrival(&peers, &greetings), expected, "{greetings:?}");
        }
        assert_eq!(arrival(&[], &BTreeMap::new()), Some(Arrival::Found), "a node alone");
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
        assert_eq!(again.greet(NodeId(4), 9), Ok(Greeting::Stranger), "who comes after the founding joins");
        assert_eq!(again.greet(NodeId(2), 7), Ok(Greeting::Welcome), "who founded comes home");
        again.met(NodeId(5), 11).unwrap();
        assert_eq!(again.greet(NodeId(5), 11), Ok(Greeting::Welcome), "they met when this disk greeted it");
    }
}
