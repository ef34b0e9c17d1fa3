//! The published figures of a run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One round.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RoundView {
    /// The fault, as it was drawn.
    pub fault: Value,
    /// Names of the affected nodes.
    pub nodes: Vec<String>,
    /// Duration of the fault in milliseconds.
    pub held_ms: u64,
    /// Why it was skipped; `None` if it was done.
    pub skipped: Option<String>,
    /// Observations during the round.
    pub notes: Vec<String>,
    /// Whether a majority of nodes stayed connected.
    pub quorum: bool,
    /// The longest gap without an answer of each roaming client.
    pub gaps_ms: Vec<u64>,
    /// Time from the heal until every node answered; `None` if one did not.
    pub answers_ms: Option<u64>,
    /// Time from the heal until the rate of answers was back at 95 %; `None` if it was not.
    pub back_ms: Option<u64>,
}

/// One run of one scenario.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// `F1`.
    pub scenario: String,
    /// The scenario's description.
    pub story: String,
    /// Seed of all random draws.
    pub seed: u64,
    /// Nodes of the cluster.
    pub nodes: usize,
    /// Duration of the run in seconds.
    pub seconds: u64,
    /// Why it was skipped; `None` if it ran.
    pub skipped: Option<String>,
    /// Its rounds.
    pub rounds: Vec<RoundView>,
    /// Keys that clients used.
    pub keys: u64,
    /// Calls.
    pub calls: u64,
    /// Calls with an answer.
    pub answered: u64,
    /// Calls with a reply that says that they did not happen.
    pub failed: u64,
    /// Calls in doubt.
    pub unknown: u64,
    /// Acknowledged appends with an effect on another key, each checked.
    pub effects: u64,
    /// Acknowledged writes and effects that are missing at the end.
    pub lost: u64,
    /// Writes and effects that happened twice.
    pub duplicates: u64,
    /// Keys with effects in another order than they were sent.
    #[serde(default)]
    pub disordered: u64,
    /// Answers older than an acknowledged write.
    pub stale: u64,
    /// Writes that happened although their replies say that they did not.
    pub denied: u64,
    /// Shards led more than once in a term, and versions acknowledged twice.
    pub double_deciders: u64,
    /// Leaderships that began.
    pub leaderships: u64,
    /// Keys without a linearization.
    pub not_linearizable: u64,
    /// Keys for which the search spent its step budget.
    pub undecided: u64,
    /// Keys that no gateway answered for at the end.
    pub unanswered: u64,
    /// Answers that were neither a reply nor a typed problem.
    pub untyped: u64,
    /// Attempts without an answer from a node without a fault.
    pub silent: u64,
    /// Calls that a roaming client gave up after ten seconds.
    pub given_up: u64,
    /// Gaps without an answer, over the clients and the rounds with a connected majority.
    pub gap_ms: Spread,
    /// Gaps of the rounds without a connected majority, the fault itself included.
    pub gap_down_ms: Spread,
    /// Resident bytes of the largest node.
    pub memory_bytes: u64,
    /// Attempts by how they ended.
    pub attempts: BTreeMap<String, u64>,
    /// Keys with violations and their calls, and untyped answers.
    pub evidence: Vec<Value>,
}

/// Percentiles in milliseconds; `None` for an empty sample.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    /// Median.
    pub p50: Option<u64>,
    /// 99th percentile.
    pub p99: Option<u64>,
    /// Maximum.
    pub max: Option<u64>,
}

impl Summary {
    /// The counts that must be zero and are not, in words.
    #[must_use]
    pub fn wrong(&self) -> Vec<String> {
        [
            (self.lost, "acknowledged writes lost"),
            (self.duplicates, "duplicates"),
            (self.disordered, "keys with effects out of order"),
            (self.stale, "stale answers"),
            (self.denied, "writes denied that happened"),
            (self.double_deciders, "double deciders"),
            (self.not_linearizable, "keys without an order"),
            (self.undecided, "keys undecided"),
            (self.unanswered, "keys unanswered at the end"),
            (self.untyped, "answers without a type"),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect()
    }

    /// The longest time from a heal until every node answered; `None` if one did not.
    #[must_use]
    pub fn answers_ms(&self) -> Option<u64> {
        worst(self.done().map(|round| round.answers_ms))
    }

    /// The longest time from a heal until the rate was back; `None` if it did not come back.
    #[must_use]
    pub fn back_ms(&self) -> Option<u64> {
        worst(self.done().map(|round| round.back_ms))
    }

    /// Rounds that were not skipped.
    pub fn done(&self) -> impl Iterator<Item = &RoundView> {
        self.rounds.iter().filter(|round| round.skipped.is_none())
    }
}

fn worst(mut samples: impl Iterator<Item = Option<u64>>) -> Option<u64> {
    samples.try_fold(0, |worst, sample| Some(sample?.max(worst)))
}

/// The sums that must be zero over all runs, by the ids under which they are published.
#[must_use]
pub fn totals(summaries: &[Summary]) -> [(&'static str, u64); 6] {
    let sum = |of: fn(&Summary) -> u64| summaries.iter().map(of).sum();
    [
        ("chaos.lost", sum(|summary| summary.lost)),
        ("chaos.double_deciders", sum(|summary| summary.double_deciders)),
        ("chaos.duplicates", sum(|summary| summary.duplicates)),
        ("chaos.stale", sum(|summary| summary.stale)),
        ("chaos.not_linearizable", sum(|summary| summary.not_linearizable + summary.denied)),
        ("chaos.untyped", sum(|summary| summary.untyped)),
    ]
}
