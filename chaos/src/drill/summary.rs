//! What a run came to, in numbers that are published.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One round.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RoundView {
    /// The fault, as it was drawn.
    pub fault: Value,
    /// On which nodes, by name.
    pub nodes: Vec<String>,
    /// How long it lasted.
    pub held_ms: u64,
    /// Why it was not done, where it was not.
    pub skipped: Option<String>,
    /// What there is to say of it.
    pub notes: Vec<String>,
    /// Whether a majority could talk all the while.
    pub quorum: bool,
    /// The longest time without an answer, for each roaming client.
    pub gaps_ms: Vec<u64>,
    /// From the heal until every node had answered; none where one did not.
    pub answers_ms: Option<u64>,
    /// From the heal until clients had 95 % of their answers a second again; none where they had not.
    pub back_ms: Option<u64>,
}

/// One run of one scenario.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// `F1`.
    pub scenario: String,
    /// What it does.
    pub story: String,
    /// What it was drawn from.
    pub seed: u64,
    /// Nodes of the cluster.
    pub nodes: usize,
    /// How long it took.
    pub seconds: u64,
    /// Why it was not played, where it was not.
    pub skipped: Option<String>,
    /// Its rounds.
    pub rounds: Vec<RoundView>,
    /// Keys that clients used.
    pub keys: u64,
    /// Calls.
    pub calls: u64,
    /// Of them, answered.
    pub answered: u64,
    /// Of them, told that nothing happened.
    pub failed: u64,
    /// Of them, in doubt.
    pub unknown: u64,
    /// Appends acknowledged whose effect on another key was looked for.
    pub effects: u64,
    /// Acknowledged writes and effects that were gone.
    pub lost: u64,
    /// Writes and effects that happened twice.
    pub duplicates: u64,
    /// Keys in which effects are in another order than they were sent in.
    #[serde(default)]
    pub disordered: u64,
    /// Answers from the past.
    pub stale: u64,
    /// Writes that happened though their clients were told that they had not.
    pub denied: u64,
    /// Shards led more than once in a term, and versions acknowledged twice.
    pub double_deciders: u64,
    /// Leaderships that began.
    pub leaderships: u64,
    /// Keys whose calls have no order.
    pub not_linearizable: u64,
    /// Keys for which the search gave up.
    pub undecided: u64,
    /// Keys that nobody answered for at the end.
    pub unanswered: u64,
    /// Answers that were neither a reply nor a typed problem.
    pub untyped: u64,
    /// Attempts that a node which was there did not answer.
    pub silent: u64,
    /// Calls that a roaming client gave up after ten seconds.
    pub given_up: u64,
    /// Time without an answer, over clients and rounds in which a majority could talk.
    pub gap_ms: Spread,
    /// The same where none could, the fault itself included.
    pub gap_down_ms: Spread,
    /// Resident bytes of the largest node.
    pub memory_bytes: u64,
    /// Attempts by how they ended.
    pub attempts: BTreeMap<String, u64>,
    /// Keys at fault with their calls, and answers that had no type.
    pub evidence: Vec<Value>,
}

/// Milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    /// Half of the samples are less.
    pub p50: Option<u64>,
    /// All but one in a hundred.
    pub p99: Option<u64>,
    /// The most.
    pub max: Option<u64>,
}

impl Summary {
    /// What must be zero and is not, in words.
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

    /// The longest time from a heal until every node answered; none where one did not.
    #[must_use]
    pub fn answers_ms(&self) -> Option<u64> {
        worst(self.done().map(|round| round.answers_ms))
    }

    /// The longest time from a heal until the rate was back; none where it did not come back.
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
