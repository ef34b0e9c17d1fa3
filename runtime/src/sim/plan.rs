//! Faults and their times. A plan is drawn from the seed before the run, so that it can be stored, replayed and
//! shrunk.

use rand::rngs::SmallRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use serde::{Deserialize, Serialize};

use super::options::Options;

/// A group of faults that can be enabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// Nodes crash, one or all at once, and restart.
    Crash,
    /// Nodes freeze for a while.
    Pause,
    /// Partitions, one-way and pairwise cuts.
    Cut,
    /// Loss, delay, reordering, duplicates.
    Lossy,
    /// Slow syncs, errors on append, full disks, failing checkpoints.
    Disk,
    /// Lost disks and damaged logs: replicas must be rebuilt under a new id.
    Amnesia,
    /// Wall clocks that jump, clocks that run fast or slow.
    Clock,
    /// More asks than a mailbox accepts.
    Overload,
    /// Planned stops after a leadership transfer.
    Drain,
    /// Shards move to other nodes through the cluster entity.
    Membership,
}

impl Group {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Crash,
        Self::Pause,
        Self::Cut,
        Self::Lossy,
        Self::Disk,
        Self::Amnesia,
        Self::Clock,
        Self::Overload,
        Self::Drain,
        Self::Membership,
    ];
}

/// One fault. Times are microseconds; nodes are numbered from one, clients are node zero.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields of a fault are what the fault is about")]
pub enum Fault {
    /// SIGKILL with a power loss: a part of the unsynced records is lost.
    Crash { node: u16, down: u64 },
    /// All nodes at once.
    CrashAll { down: u64 },
    /// The node crashes right after a granted vote has left.
    CrashOnVote { node: u16, within: u64, down: u64 },
    /// SIGSTOP and SIGCONT.
    Pause { node: u16, lasts: u64 },
    /// These nodes reach only each other; clients reach them if `clients` is set.
    Isolate { nodes: Vec<u16>, clients: bool, lasts: u64 },
    /// What `from` sends does not reach `to`.
    OneWay { from: u16, to: u16, lasts: u64 },
    /// Two nodes do not reach each other; all others do.
    CutPair { a: u16, b: u16, lasts: u64 },
    /// Loss, reordering and duplication on every link in percent, and an added delay.
    Lossy { drop: u8, reorder: u8, duplicate: u8, delay: u64, lasts: u64 },
    /// Syncs take longer by `sync`.
    SlowDisk { node: u16, sync: u64, lasts: u64 },
    /// The next append fails, and the node crashes.
    DiskError { node: u16, down: u64 },
    /// Appends fail for this time.
    DiskFull { node: u16, lasts: u64 },
    /// Checkpoints fail.
    StoreError { node: u16, lasts: u64 },
    /// The node crashes and restarts with an empty disk. Skipped while another replica is being rebuilt.
    Wipe { node: u16, down: u64 },
    /// The node crashes and restarts with one damaged log. Skipped while another replica is being rebuilt.
    Damage { node: u16, shard: u32, down: u64 },
    /// The wall clock jumps by milliseconds.
    WallJump { node: u16, by: i64 },
    /// Both clocks run faster or slower, in millionths.
    ClockRate { node: u16, ppm: i32, lasts: u64 },
    /// A burst of asks for one shard.
    Burst { shard: u32, asks: u32 },
    /// The node transfers its leaderships, stops and starts again.
    Drain { node: u16, down: u64 },
    /// A data shard moves to `node`, replacing the node at position `instead` of its set. If the set contains `node`,
    /// it becomes the preferred leader.
    Place { shard: u32, node: u16, instead: u8 },
}

/// A fault and when it happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timed {
    /// Microseconds since the start.
    pub at: u64,
    /// What happens.
    #[serde(flatten)]
    pub fault: Fault,
}

/// Draws the faults of a seed.
#[must_use]
pub fn draw(seed: u64, options: &Options) -> Vec<Timed> {
    let mut drawing =
        Drawing { rng: SmallRng::seed_from_u64(seed ^ 0x0070_6c61_6e00), options, out: Vec::new() };
    let until = options.seconds * 1_000_000;
    // One second for the first elections.
    let mut at = 1_000_000 + drawing.rng.random_range(0..1_500_000);
    while at < until && !options.faults.is_empty() {
        drawing.one(at);
        at += drawing.rng.random_range(50_000..2_500_000);
    }
    drawing.out.sort_by_key(|timed| timed.at);
    drawing.out
}

struct Drawing<'a> {
    rng: SmallRng,
    options: &'a Options,
    out: Vec<Timed>,
}

impl Drawing<'_> {
    fn one(&mut self, at: u64) {
        let Some(group) = self.options.faults.choose(&mut self.rng).copied() else { return };
        let (node, lasts) = (self.node(), self.rng.random_range(20_000..4_000_000));
        let down = self.rng.random_range(10_000..2_000_000);
        let fault = match group {
            Group::Crash => return self.crash(at, node, down),
            Group::Pause => Fault::Pause { node, lasts },
            Group::Cut => self.cut(node, lasts),
            Group::Lossy => self.lossy(lasts),
            Group::Disk => self.disk(node, down, lasts),
            Group::Amnesia if self.rng.random_bool(0.5) => Fault::Wipe { node, down },
            Group::Amnesia => Fault::Damage { node, shard: self.shard(), down },
            Group::Clock if self.rng.random_bool(0.5) => {
                Fault::WallJump { node, by: self.rng.random_range(-600_000..600_000) }
            }
            Group::Clock => {
                Fault::ClockRate { node, ppm: self.rng.random_range(-40_000..40_000), lasts: 2 * lasts }
            }
            Group::Overload => Fault::Burst { shard: self.shard(), asks: self.rng.random_range(100..2_000) },
            Group::Drain => Fault::Drain { node, down },
            Group::Membership => Fault::Place {
                shard: self.rng.random_range(1..=self.options.shards),
                node,
                instead: self.rng.random(),
            },
        };
        self.out.push(Timed { at, fault });
    }

    fn crash(&mut self, at: u64, node: u16, down: u64) {
        let fault = match self.rng.random_range(0..10) {
            0 => Fault::CrashAll { down },
            1 | 2 => return self.crash_around_a_vote(at),
            3 => Fault::CrashOnVote { node, within: 4_000_000, down },
            _ => Fault::Crash { node, down },
        };
        self.out.push(Timed { at, fault });
    }

    /// Elections everywhere, a voter that crashes right after its vote, and two candidates without a link: a
    /// forgotten vote would elect both.
    fn crash_around_a_vote(&mut self, at: u64) {
        let (voter, a, b) = (self.node(), self.node(), self.node());
        let down = self.rng.random_range(600_000..1_800_000);
        let mut push = |at, fault| self.out.push(Timed { at, fault });
        push(at, Fault::CrashAll { down: 100_000 });
        push(at + 1, Fault::CutPair { a, b, lasts: 6_000_000 });
        push(at + 110_000, Fault::CrashOnVote { node: voter, within: 3_000_000, down });
    }

    fn cut(&mut self, node: u16, lasts: u64) -> Fault {
        let other = self.node();
        match self.rng.random_range(0..4) {
            0 => Fault::OneWay { from: node, to: if self.rng.random_bool(0.8) { other } else { 0 }, lasts },
            1 => Fault::CutPair { a: node, b: other, lasts },
            _ => {
                let mut nodes: Vec<u16> = (1..=self.options.nodes)
                    .filter(|other| *other == node || self.rng.random_bool(0.3))
                    .collect();
                nodes.truncate(usize::from(self.options.nodes) / 2);
                Fault::Isolate { nodes, clients: self.rng.random_bool(0.7), lasts }
            }
        }
    }

    fn lossy(&mut self, lasts: u64) -> Fault {
        let mut percent =
            |most: u8| if self.rng.random_bool(0.6) { self.rng.random_range(0..=most) } else { 0 };
        let (drop, reorder, duplicate) = (percent(30), percent(50), percent(30));
        let delay = if self.rng.random_bool(0.5) { self.rng.random_range(0..100_000) } else { 0 };
        Fault::Lossy { drop, reorder, duplicate, delay, lasts }
    }

    fn disk(&mut self, node: u16, down: u64, lasts: u64) -> Fault {
        match self.rng.random_range(0..4) {
            0 => Fault::SlowDisk { node, sync: self.rng.random_range(5_000..300_000), lasts },
            1 => Fault::DiskError { node, down },
            2 => Fault::DiskFull { node, lasts },
            _ => Fault::StoreError { node, lasts },
        }
    }

    fn node(&mut self) -> u16 {
        self.rng.random_range(1..=self.options.nodes)
    }

    fn shard(&mut self) -> u32 {
        self.rng.random_range(0..=self.options.shards)
    }
}
