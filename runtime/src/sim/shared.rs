//! State shared by the whole simulation: clock, random numbers, event queue and checks.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use xxhash_rust::xxh3::xxh3_64;

use super::bystanders::NearRead;
use super::network::{Mail, Network};
use super::options::Options;
use super::watch::Watch;
use crate::entity::Registry;
use crate::shard::SnapshotJob;
use crate::transport::Envelope;
use crate::{ShardId, wire};

/// Asks in one request at most.
pub(super) const BURST_MAX: usize = 2_000;

/// A future event.
pub(super) enum Event {
    /// A frame arrives.
    Frame { from: u16, to: u16, mails: Vec<Mail> },
    /// An event within a node; dropped if it is of an earlier incarnation.
    Node { node: u16, boot: u32, what: Inner },
    /// A node starts.
    Boot { node: u16, boot: u32 },
    /// A client continues; dropped if it has continued already.
    Client { client: u16, serial: u64 },
    /// A fault of the plan begins.
    Fault(usize),
    /// The fault ends.
    Mended(usize),
    /// The operator checks the placement.
    Operate,
}

/// An event within a node.
pub(super) enum Inner {
    /// The Raft clock moves.
    Tick,
    /// A sync is done.
    Synced,
    /// Writes a checkpoint of the replica with this opening number.
    Checkpoint(u64, ShardId),
    /// Reads and sends a snapshot.
    Snapshot(SnapshotJob),
    /// A lost replica asks for admission.
    Rejoin(ShardId),
    /// A broken replica restarts.
    Restart(ShardId),
}

struct Due {
    at: u64,
    serial: u64,
    event: Event,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        // The heap returns the greatest element first.
        (other.at, other.serial).cmp(&(self.at, self.serial))
    }
}

/// The shared state.
pub(super) struct Shared {
    /// Microseconds since the start.
    pub(super) now: u64,
    pub(super) rng: SmallRng,
    /// Random numbers for the load besides the clients' calls.
    pub(super) dice: SmallRng,
    /// Answers of followers.
    pub(super) nears: Vec<NearRead>,
    /// Number of timers requested.
    pub(super) alarms: u64,
    /// All faults have ended, and no new load is started.
    pub(super) healed: bool,
    pub(super) network: Network,
    pub(super) watch: Watch,
    pub(super) options: Options,
    pub(super) registry: Arc<Registry>,
    /// Target nodes of each shard, the preferred leader first.
    pub(super) placement: Vec<Vec<u16>>,
    /// All nodes that were ever targets of each shard.
    pub(super) known: Vec<Vec<u16>>,
    /// Asks of clients to their own node, delivered before any other event.
    pub(super) at_home: Vec<(u16, Mail)>,
    queue: BinaryHeap<Due>,
    serial: u64,
    hash: u64,
    pub(super) events: u64,
}

impl Shared {
    pub(super) fn new(options: Options, rng: SmallRng, registry: Arc<Registry>) -> Self {
        // A request is accepted as a whole, so one request may exceed the bound.
        let backlog_max = options.shard().mailbox_asks_max as usize + BURST_MAX;
        Self {
            now: 0,
            dice: SmallRng::from_rng(&mut rng.clone()),
            rng,
            nears: Vec::new(),
            alarms: 0,
            healed: false,
            network: Network::new(options.nodes),
            watch: Watch::new(options.shards, backlog_max),
            placement: (0..=options.shards).map(|shard| options.placement(shard)).collect(),
            known: (0..=options.shards).map(|shard| options.placement(shard)).collect(),
            options,
            registry,
            at_home: Vec::new(),
            queue: BinaryHeap::new(),
            serial: 0,
            hash: 0,
            events: 0,
        }
    }

    pub(super) fn after(&mut self, delay: u64, event: Event) {
        self.serial += 1;
        self.queue.push(Due { at: self.now + delay, serial: self.serial, event });
    }

    pub(super) fn at(&mut self, at: u64, event: Event) {
        self.after(at.saturating_sub(self.now), event);
    }

    /// The next event up to `until`; the clock moves to it.
    pub(super) fn next(&mut self, until: u64) -> Option<Event> {
        if self.queue.peek().is_none_or(|due| due.at > until) {
            self.now = self.now.max(until);
            return None;
        }
        let due = self.queue.pop()?;
        self.now = due.at;
        self.events += 1;
        Some(due.event)
    }

    /// Sends a frame.
    pub(super) fn send(&mut self, from: u16, to: u16, mails: Vec<Mail>) {
        self.note(&[u64::from(from), u64::from(to), mails.len() as u64]);
        for mail in &mails {
            self.note_mail(mail);
        }
        let [due, again] = self.network.route(from, to, self.now, &mut self.rng);
        if let Some(again) = again {
            self.at(again, Event::Frame { from, to, mails: mails.clone() });
        }
        if let Some(due) = due {
            self.at(due, Event::Frame { from, to, mails });
        }
    }

    /// Adds to the trace's hash.
    pub(super) fn note(&mut self, numbers: &[u64]) {
        self.mix(self.now);
        for number in numbers {
            self.mix(*number);
        }
    }

    fn note_mail(&mut self, mail: &Mail) {
        match mail {
            Mail::Envelope(Envelope::Raft { shard, messages }) => {
                self.mix(u64::from(shard.0));
                for message in messages {
                    self.mix(xxh3_64(message));
                }
            }
            Mail::Envelope(other) => self.mix(xxh3_64(&wire::encode(other))),
            Mail::Snapshot(shard, blob) => self.note(&[u64::from(shard.0), xxh3_64(blob)]),
            Mail::Readmit(shard, node) => self.note(&[u64::from(shard.0), u64::from(node.0)]),
            Mail::Readmitted(shard, id)
            | Mail::IsMember(shard, id)
            | Mail::Member(shard, id)
            | Mail::Removed(shard, id, _) => self.note(&[u64::from(shard.0), id.0]),
        }
    }

    fn mix(&mut self, number: u64) {
        self.hash = (self.hash.rotate_left(23) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    /// Hash of the trace.
    pub(super) const fn hash(&self) -> u64 {
        self.hash
    }

    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        self.rng.random_range(low..high)
    }
}
