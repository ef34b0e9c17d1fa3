//! The faults.

use std::time::Duration;

use serde::Serialize;

use crate::cluster::Build;
use crate::proxy::LinkConditions;

/// The target nodes. Resolved when the fault is injected, because leadership moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Whom {
    /// The node with this index.
    One(usize),
    /// The leader of the control group.
    ControlLeader,
    /// The node that leads most shards.
    Busiest,
    /// More than half of the nodes.
    Majority,
    /// Every node.
    All,
}

/// The shape of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// One node is isolated in both directions.
    Alone(usize),
    /// This number of the first nodes on one side, the other nodes on the other side.
    Split(usize),
    /// All links are cut.
    Apart,
    /// The outbound links of this node are cut.
    Mute(usize),
    /// The inbound links of this node are cut.
    Deaf(usize),
    /// The links between these two nodes are cut; every other link works.
    Strangers(usize, usize),
}

impl Shape {
    /// The cut directions in a cluster of `nodes` nodes.
    #[must_use]
    pub fn cuts(self, nodes: usize) -> Vec<(usize, usize)> {
        let cut = |from: usize, to: usize| match self {
            Self::Alone(node) => from == node || to == node,
            Self::Split(first) => (from < first) != (to < first),
            Self::Apart => true,
            Self::Mute(node) => from == node,
            Self::Deaf(node) => to == node,
            Self::Strangers(one, other) => (from, to) == (one, other) || (from, to) == (other, one),
        };
        let pairs = (0..nodes).flat_map(|from| (0..nodes).map(move |to| (from, to)));
        pairs.filter(|(from, to)| from != to && cut(*from, *to)).collect()
    }

    /// Whether one side still has a majority.
    #[must_use]
    pub const fn quorum(self) -> bool {
        !matches!(self, Self::Apart)
    }
}

/// A fault of a wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// Jumps by this number of milliseconds, and back at the end.
    Jump(i64),
    /// Gains this number of milliseconds per second.
    Drift(i64),
    /// Jumps by this number of milliseconds and back, five times a second.
    Strobe(i64),
}

impl Clock {
    /// The offset in milliseconds, `since` the fault began.
    #[must_use]
    pub fn offset_ms(self, since: Duration) -> i64 {
        let ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        match self {
            Self::Jump(by) => by,
            Self::Drift(each) => ms.saturating_mul(each) / 1_000,
            Self::Strobe(by) => {
                if ms / 200 % 2 == 0 {
                    by
                } else {
                    -by
                }
            }
        }
    }
}

/// A fault of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ailment {
    /// The disk is full.
    Full,
    /// `fdatasync` and `fsync` fail.
    SyncFails,
    /// Each sync takes this number of milliseconds longer.
    SyncSlow(u64),
    /// The node is killed, and this number of bits in its WAL is flipped while it is down.
    BitFlips(u32),
}

/// One fault.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// SIGKILL; the nodes are restarted at the end.
    Kill(Whom),
    /// SIGKILL for a majority of the control group, after every data shard was moved off it.
    Headless,
    /// SIGSTOP, and SIGCONT at the end.
    Freeze(Whom),
    /// A partition.
    Cut(Shape),
    /// Loss, delay, reordering, duplication or corruption on every link.
    #[serde(rename = "weather")]
    Link(LinkConditions),
    /// A wrong wall clock on one node.
    Clock(usize, Clock),
    /// A faulty disk of one node.
    Disk(usize, Ailment),
    /// A rolling restart: each node in turn is stopped gracefully and started again.
    Roll,
    /// A rolling restart to this build: for a while nodes of both builds serve together.
    RollTo(Build),
    /// Rotation of the certificates, then of the authority, then removal of the old authority. A rolling restart follows,
    /// so that every session uses the new authority.
    Certificates,
    /// A node is drained, leaves, loses its disk, rejoins and takes its share of the shards again.
    Churn(usize),
    /// Three times the load that the cluster can answer.
    Overload,
    /// The highest possible load on one key.
    HotKey,
    /// Clients that send requests and do not read the answers.
    SlowConsumers,
}

impl Fault {
    /// Whether a majority of nodes stays connected, so that clients should notice little.
    #[must_use]
    pub const fn quorum(&self) -> bool {
        match self {
            Self::Kill(whom) | Self::Freeze(whom) => !matches!(whom, Whom::Majority | Whom::All),
            Self::Cut(shape) => shape.quorum(),
            _ => true,
        }
    }
}

/// One fault and how long it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Round {
    /// The fault.
    pub fault: Fault,
    /// Duration of the fault.
    pub hold: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_cut_what_they_say() {
        for (shape, nodes, expected) in [
            (Shape::Alone(1), 3, vec![(0, 1), (1, 0), (1, 2), (2, 1)]),
            (Shape::Split(1), 3, vec![(0, 1), (0, 2), (1, 0), (2, 0)]),
            (Shape::Mute(2), 3, vec![(2, 0), (2, 1)]),
            (Shape::Deaf(2), 3, vec![(0, 2), (1, 2)]),
            (Shape::Strangers(0, 2), 3, vec![(0, 2), (2, 0)]),
        ] {
            assert_eq!(shape.cuts(nodes), expected, "{shape:?}");
        }
        assert_eq!(Shape::Apart.cuts(3).len(), 6);
        assert_eq!(Shape::Split(2).cuts(5).len(), 12);
    }

    #[test]
    fn clocks_jump_drift_and_strobe() {
        let at = |clock: Clock, ms| clock.offset_ms(Duration::from_millis(ms));
        assert_eq!((at(Clock::Jump(-600_000), 0), at(Clock::Jump(-600_000), 9_000)), (-600_000, -600_000));
        assert_eq!(at(Clock::Drift(500), 3_000), 1_500);
        assert_eq!((at(Clock::Strobe(70), 0), at(Clock::Strobe(70), 250)), (70, -70));
    }
}
