//! The faults.

use std::time::Duration;

use serde::Serialize;

use crate::proxy::Weather;

/// On whom; chosen when it happens, because leadership moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Whom {
    /// The node at this place.
    One(usize),
    /// The leader of the control group.
    ControlLeader,
    /// The leader of most shards.
    Busiest,
    /// More than half.
    Majority,
    /// Every node.
    All,
}

/// Who can hear whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// One node is alone.
    Alone(usize),
    /// So many of the first nodes on one side; the rest is on the other.
    Split(usize),
    /// Nobody hears anybody.
    Apart,
    /// What this node says reaches nobody.
    Mute(usize),
    /// What is said to this node does not reach it.
    Deaf(usize),
    /// These two do not hear each other; everyone else hears both.
    Strangers(usize, usize),
}

impl Shape {
    /// The directions that are cut, among so many nodes.
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

    /// Whether some side still is a majority.
    #[must_use]
    pub const fn quorum(self) -> bool {
        !matches!(self, Self::Apart)
    }
}

/// What a wall clock does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// Jumps by so many milliseconds, and back at the end.
    Jump(i64),
    /// Gains so many milliseconds each second.
    Drift(i64),
    /// Jumps there and back, five times a second.
    Strobe(i64),
}

impl Clock {
    /// How far it is from the truth, so long after it began.
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

/// What ails a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ailment {
    /// No room is left.
    Full,
    /// `fdatasync` and `fsync` fail.
    SyncFails,
    /// They take so many milliseconds longer.
    SyncSlow(u64),
    /// The node is killed, and bits of its log are turned over while it is down.
    BitFlips(u32),
}

/// Which of the builds at hand a node runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Build {
    /// The one under test.
    This,
    /// The one before it.
    Previous,
}

/// One fault.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// SIGKILL; they are started again at the end.
    Kill(Whom),
    /// SIGKILL for a majority of the control group, once every data shard has been moved off it.
    Headless,
    /// SIGSTOP, and SIGCONT at the end.
    Freeze(Whom),
    /// Some do not hear others.
    Cut(Shape),
    /// Bad weather on every line.
    Weather(Weather),
    /// A node's wall clock goes wrong.
    Clock(usize, Clock),
    /// A node's disk does.
    Disk(usize, Ailment),
    /// Every node is stopped in order and started again, one after the other.
    Roll,
    /// The same, and each comes back as this build: for a while nodes of both serve together.
    RollTo(Build),
    /// Certificates are exchanged, then their authority, and the old one is no longer trusted; then the nodes are
    /// restarted one by one, so that every session is of the new authority.
    Certificates,
    /// A node gives away what it has, leaves, loses its disk, comes back and takes its share again.
    Churn(usize),
    /// Three times as many calls as the cluster can answer.
    Overload,
    /// As many calls as go, all to one key.
    HotKey,
    /// Clients that ask and do not read.
    SlowConsumers,
}

impl Fault {
    /// Whether a majority can talk all the while, so that clients should notice little.
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
    /// What.
    pub fault: Fault,
    /// How long.
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
