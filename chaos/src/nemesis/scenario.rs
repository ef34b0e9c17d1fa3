//! The scenarios, F1 to F13.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// A scenario by its number, 1 to 13.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Scenario(u8);

/// All scenarios with their descriptions. `docs/chaos.md` shows these texts.
pub const SCENARIOS: [(Scenario, &str); 13] = [
    (
        Scenario(1),
        "kill -9: one node, the control leader, the leader of most shards, a majority and back, all and back",
    ),
    (Scenario(2), "SIGSTOP for 5 s and 30 s, then SIGCONT"),
    (Scenario(3), "partitions: one node, halves, everyone apart"),
    (Scenario(4), "one-way cuts, and two that do not hear each other while a third hears both"),
    (Scenario(5), "loss of 1, 10 and 30 %, delay of 50 ms give or take 50, reordering, doubles, damage"),
    (Scenario(6), "wall clocks that jump ten minutes, drift and strobe"),
    (Scenario(7), "a full disk, fsync that fails or is slow, bits turned over in the log"),
    (Scenario(8), "a rolling restart under load; with the build before at hand, an upgrade and the way back"),
    (Scenario(9), "nodes that join and leave all the time"),
    (Scenario(10), "three times the load that is possible, a hot key, clients that do not read"),
    (Scenario(11), "the control group without a quorum for a minute"),
    (
        Scenario(12),
        "certificates and their authority exchanged under load, then every session re-established",
    ),
    (Scenario(13), "a random mix"),
];

impl Scenario {
    /// Kill -9.
    pub const KILL: Self = Self(1);
    /// SIGSTOP.
    pub const FREEZE: Self = Self(2);
    /// Partitions.
    pub const PARTITION: Self = Self(3);
    /// One-way and non-transitive cuts.
    pub const ODD_CUTS: Self = Self(4);
    /// Loss, delay, reordering, doubles, damage.
    pub const LINKS: Self = Self(5);
    /// Wall clocks.
    pub const CLOCK: Self = Self(6);
    /// Disks.
    pub const DISK: Self = Self(7);
    /// Rolling restart.
    pub const ROLL: Self = Self(8);
    /// Nodes that leave and join.
    pub const CHURN: Self = Self(9);
    /// Load.
    pub const LOAD: Self = Self(10);
    /// The control group without a quorum.
    pub const HEADLESS: Self = Self(11);
    /// Certificates.
    pub const CERTIFICATES: Self = Self(12);
    /// All of it.
    pub const SWARM: Self = Self(13);

    /// The scenario's description.
    #[must_use]
    pub fn story(self) -> &'static str {
        SCENARIOS[usize::from(self.0) - 1].1
    }

    /// Least number of nodes. In `HEADLESS` each data shard needs a majority outside the control group's majority.
    #[must_use]
    pub fn nodes_min(self) -> usize {
        if self == Self::HEADLESS { 5 } else { 1 }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "F{}", self.0)
    }
}

impl FromStr for Scenario {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_prefix(['F', 'f']).and_then(|number| number.parse::<u8>().ok());
        match number {
            Some(number @ 1..=13) => Ok(Self(number)),
            _ => Err(format!("no scenario {text:?}: F1 to F13, or `all`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenarios_are_read_as_they_are_written() {
        for (scenario, _) in SCENARIOS {
            assert_eq!(scenario.to_string().parse(), Ok(scenario));
            assert_eq!(SCENARIOS[usize::from(scenario.0) - 1].0, scenario);
        }
        for wrong in ["F0", "F14", "7", "kill", ""] {
            assert!(wrong.parse::<Scenario>().is_err(), "{wrong}");
        }
    }
}
