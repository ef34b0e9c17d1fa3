//! Links between nodes: what is cut, lost, late, out of order or doubled.

use rand::Rng as _;
use rand::rngs::SmallRng;

use crate::replication::ReplicaId;
use crate::transport::Envelope;
use crate::{NodeId, ShardId};

/// Frames on their way over one link at most; beyond it the sender is told that there is no room.
const FRAMES_MAX: u32 = 4_096;

/// What travels: envelopes, and what stands for calls to services and for the bulk lane.
#[derive(Debug, Clone)]
pub(super) enum Mail {
    Envelope(Envelope),
    /// A whole snapshot.
    Snapshot(ShardId, Vec<u8>),
    /// Take my replica back.
    Readmit(ShardId, NodeId),
    /// It is to take part under this id.
    Readmitted(ShardId, ReplicaId),
    /// Is this a member?
    IsMember(ShardId, ReplicaId),
    /// It is.
    Member(ShardId, ReplicaId),
    /// A replica is no member, says a leader of this term.
    Removed(ShardId, ReplicaId, u64),
}

/// What every link does to frames besides cuts.
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

/// All links; node zero stands for the clients.
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

    /// Cuts a direction once more, or takes one cut back.
    pub(super) fn cut(&mut self, from: u16, to: u16, on: bool) {
        let link = self.at(from, to);
        link.cuts = if on { link.cuts + 1 } else { link.cuts.saturating_sub(1) };
    }

    /// When a frame sent now arrives: never, once or twice.
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
        // A carrier promises that no ask comes twice; what nodes say to each other has to bear it all the same.
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

    /// Everything works again.
    pub(super) fn heal(&mut self) {
        self.weather = Weather::default();
        for link in &mut self.links {
            link.cuts = 0;
        }
    }
}
