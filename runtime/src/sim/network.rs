//! Links between nodes, with cuts, loss, delay, reordering and duplication.

use rand::Rng as _;
use rand::rngs::SmallRng;

use super::plan::Fault;
use crate::replication::ReplicaId;
use crate::transport::Envelope;
use crate::{NodeId, ShardId};

/// Frames in transit on one link; a further frame is refused.
const FRAMES_MAX: u32 = 4_096;

/// Mail: envelopes, and the equivalents of service calls and of the bulk lane.
#[derive(Debug, Clone)]
pub(super) enum Mail {
    Envelope(Envelope),
    /// A whole snapshot.
    Snapshot(ShardId, Vec<u8>),
    /// Asks to admit the node's replica.
    Readmit(ShardId, NodeId),
    /// The replica is admitted under this id.
    Readmitted(ShardId, ReplicaId),
    /// Asks whether a replica is a member.
    IsMember(ShardId, ReplicaId),
    /// The replica is a member.
    Member(ShardId, ReplicaId),
    /// The replica was removed, by a leader of this term.
    Removed(ShardId, ReplicaId, u64),
}

/// Faults of all links besides cuts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Weather {
    pub(super) drop: u8,
    pub(super) reorder: u8,
    pub(super) duplicate: u8,
    pub(super) delay: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Link {
    cuts: u16,
    /// When the newest frame in order arrives.
    last: u64,
    flying: u32,
}

/// All links; node zero is the clients.
pub(super) struct Network {
    links: Vec<Link>,
    size: usize,
    pub(super) weather: Weather,
    pub(super) lost: u64,
    pub(super) most: u32,
}

impl Network {
    pub(super) fn new(nodes: u16) -> Self {
        let size = usize::from(nodes) + 1;
        let links = vec![Link::default(); size * size];
        Self { links, size, weather: Weather::default(), lost: 0, most: 0 }
    }

    fn at(&mut self, from: u16, to: u16) -> &mut Link {
        &mut self.links[usize::from(from) * self.size + usize::from(to)]
    }

    /// Adds or removes one cut of a direction.
    pub(super) fn cut(&mut self, from: u16, to: u16, on: bool) {
        let link = self.at(from, to);
        link.cuts = if on { link.cuts + 1 } else { link.cuts.saturating_sub(1) };
    }

    /// Applies the cuts of a fault, or takes them back.
    pub(super) fn apply(&mut self, fault: &Fault, on: bool) {
        match fault {
            Fault::Isolate { nodes, clients, .. } => {
                let all = u16::try_from(self.size).unwrap_or(u16::MAX);
                for inside in nodes {
                    for outside in (0..all).filter(|node| !nodes.contains(node)) {
                        if outside == 0 && *clients {
                            continue;
                        }
                        self.cut(*inside, outside, on);
                        self.cut(outside, *inside, on);
                    }
                }
            }
            Fault::OneWay { from, to, .. } if from != to => self.cut(*from, *to, on),
            Fault::CutPair { a, b, .. } if a != b => {
                self.cut(*a, *b, on);
                self.cut(*b, *a, on);
            }
            _ => {}
        }
    }

    /// Arrival times of a frame sent now: none, one or two.
    pub(super) fn route(&mut self, from: u16, to: u16, now: u64, rng: &mut SmallRng) -> [Option<u64>; 2] {
        let weather = self.weather;
        let percent = |rng: &mut SmallRng, of: u8| of > 0 && rng.random_range(0..100) < of;
        let link = self.at(from, to);
        if link.cuts > 0 || link.flying >= FRAMES_MAX || percent(rng, weather.drop) {
            self.lost += 1;
            return [None, None];
        }
        let mut due = now + rng.random_range(150..450);
        if weather.delay > 0 {
            due += rng.random_range(0..=weather.delay);
        }
        if !percent(rng, weather.reorder) {
            // A session keeps its order.
            due = due.max(link.last + 1);
            link.last = due;
        }
        // A transport delivers an ask at most once; traffic between nodes must tolerate duplicates.
        let between_nodes = from > 0 && to > 0;
        let again =
            (between_nodes && percent(rng, weather.duplicate)).then(|| due + rng.random_range(1..5_000));
        link.flying += 1 + u32::from(again.is_some());
        let flying = link.flying;
        self.most = self.most.max(flying);
        [Some(due), again]
    }

    /// A frame has arrived.
    pub(super) fn landed(&mut self, from: u16, to: u16) {
        self.at(from, to).flying -= 1;
    }

    /// Ends all faults.
    pub(super) fn heal(&mut self) {
        self.weather = Weather::default();
        for link in &mut self.links {
            link.cuts = 0;
        }
    }
}
