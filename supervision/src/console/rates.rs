//! Commands and queries per second, from the counters of two successive looks.

use std::collections::BTreeMap;

use serde::Serialize;
use troupe_runtime::observe::NodeView;
use troupe_runtime::{NodeId, ShardId, Timestamp};

/// Requests per second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Rate {
    /// Commands decided per second.
    pub commands: f64,
    /// Queries answered per second.
    pub queries: f64,
}

/// The rate of one replica.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ShardRate {
    /// Its shard.
    pub shard: ShardId,
    /// The replica's rate.
    #[serde(flatten)]
    pub rate: Rate,
}

/// The rates of one node.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NodeRates {
    /// The node.
    pub node: NodeId,
    /// The sum over all replicas.
    #[serde(flatten)]
    pub rate: Rate,
    /// The rate of each replica.
    pub shards: Vec<ShardRate>,
}

struct Counted {
    incarnation: u64,
    at: Timestamp,
    totals: BTreeMap<ShardId, (u64, u64)>,
}

/// The last counters of each node.
#[derive(Default)]
pub(super) struct Counters(BTreeMap<NodeId, Counted>);

impl Counters {
    /// Stores a node's counters, and returns the rates since the previous ones of the same incarnation.
    pub(super) fn note(&mut self, view: &NodeView, at: Timestamp) -> Option<NodeRates> {
        let totals = view.shards.iter().map(|s| (s.shard, (s.commands_total, s.queries_total))).collect();
        let counted = Counted { incarnation: view.incarnation, at, totals };
        let rates = self.0.get(&view.node).and_then(|before| between(view.node, before, &counted));
        self.0.insert(view.node, counted);
        rates
    }

    /// Forgets a node that was not seen: its counters after the gap would be spread over the wrong period.
    pub(super) fn forget(&mut self, node: NodeId) {
        self.0.remove(&node);
    }
}

fn between(node: NodeId, before: &Counted, now: &Counted) -> Option<NodeRates> {
    let seconds = now.at.since(before.at).as_secs_f64();
    if before.incarnation != now.incarnation || seconds <= 0.0 {
        return None;
    }
    let mut rates = NodeRates { node, rate: Rate::default(), shards: Vec::with_capacity(now.totals.len()) };
    for (shard, (commands, queries)) in &now.totals {
        let Some((commands_before, queries_before)) = before.totals.get(shard) else { continue };
        // The counters of a restarted replica begin at zero. They appear to go back, and its rate counts as zero
        // once.
        let rate = Rate {
            commands: commands.saturating_sub(*commands_before) as f64 / seconds,
            queries: queries.saturating_sub(*queries_before) as f64 / seconds,
        };
        rates.rate.commands += rate.commands;
        rates.rate.queries += rate.queries;
        rates.shards.push(ShardRate { shard: *shard, rate });
    }
    Some(rates)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(incarnation: u64, at: u64, commands: u64) -> Counted {
        let totals = BTreeMap::from([(ShardId(1), (commands, 2 * commands)), (ShardId(2), (commands, 0))]);
        Counted { incarnation, at: Timestamp(at), totals }
    }

    #[test]
    fn rates_are_counters_over_time_and_none_across_a_restart() {
        for (name, now, expected) in [
            ("half a second later", counted(1, 1_500, 20), Some((40.0, 40.0))),
            ("at the same time", counted(1, 1_000, 20), None),
            ("another incarnation", counted(2, 2_000, 20), None),
            ("a replica restarted", counted(1, 2_000, 5), Some((0.0, 0.0))),
        ] {
            let rates = between(NodeId(1), &counted(1, 1_000, 10), &now);
            assert_eq!(rates.map(|r| (r.rate.commands, r.rate.queries)), expected, "{name}");
        }
    }
}
