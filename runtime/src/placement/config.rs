//! `[placement]` in `cluster.toml`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::{Problem, Section};

/// Replicas of one group; more only slow down a majority.
const REPLICAS_MAX: u16 = 7;

/// Placement of replicas, and how fast they may move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlacementConfig {
    /// Voters of each shard and of the control group; fewer if the cluster has fewer nodes. Odd: a fourth replica
    /// tolerates no more failures than the third.
    pub replicas: u16,
    /// Silence after which a node is suspect: no new replica is placed on it.
    #[serde(with = "humantime_serde")]
    pub suspect_after: Duration,
    /// Silence after which a node is down.
    #[serde(with = "humantime_serde")]
    pub down_after: Duration,
    /// Silence after which a node's replicas are moved to other nodes, if there are any.
    #[serde(with = "humantime_serde")]
    pub replace_after: Duration,
    /// Number of shards with moving replicas at the same time.
    pub moves_max: u16,
    /// Time between two rounds of the reconciler.
    #[serde(with = "humantime_serde")]
    pub look_every: Duration,
}

impl Default for PlacementConfig {
    fn default() -> Self {
        Self {
            replicas: 3,
            suspect_after: Duration::from_secs(3),
            down_after: Duration::from_secs(30),
            replace_after: Duration::from_secs(600),
            moves_max: 2,
            look_every: Duration::from_millis(250),
        }
    }
}

impl Section for PlacementConfig {
    fn validate(&self, path: &str, problems: &mut Vec<Problem>) {
        let mut bad = |key: &str, what: String| problems.push(Problem::new(format!("{path}.{key}"), what));
        if self.replicas > REPLICAS_MAX || self.replicas.is_multiple_of(2) {
            bad("replicas", format!("must be odd and at most {REPLICAS_MAX}"));
        }
        if self.moves_max == 0 {
            bad("moves_max", "must be at least 1".to_owned());
        }
        if self.look_every < Duration::from_millis(20) || self.look_every > Duration::from_secs(10) {
            bad("look_every", "must be 20 ms to 10 s".to_owned());
        }
        for (key, value, least_key, least) in [
            ("suspect_after", self.suspect_after, "look_every", self.look_every),
            ("down_after", self.down_after, "suspect_after", self.suspect_after),
            ("replace_after", self.replace_after, "down_after", self.down_after),
        ] {
            if value < least {
                bad(key, format!("must not be shorter than {least_key}"));
            }
        }
    }
}
