//! Asks in an order that survives the way to their shards.

use std::collections::HashMap;

use troupe_runtime::ShardId;
use troupe_runtime::transport::AskOne;

/// Most asks for one shard in flight at once. The router sends more than this in several envelopes, one of which may
/// overtake another when the shard's leader changes.
pub(super) const ROUND_MAX: usize = 1_024;

/// Splits asks into rounds, each of which is answered before the next is sent. One round is the rule: only a call with
/// more than `round_max` asks for a single shard needs a second.
pub(super) fn rounds(
    asks: Vec<AskOne>,
    round_max: usize,
    shard_of: impl Fn(&AskOne) -> ShardId,
) -> Vec<Vec<AskOne>> {
    if asks.len() <= round_max {
        return vec![asks];
    }
    let mut rounds = vec![Vec::with_capacity(asks.len())];
    let mut in_round: HashMap<ShardId, usize> = HashMap::new();
    for ask in asks {
        let count = in_round.entry(shard_of(&ask)).or_default();
        *count += 1;
        if *count > round_max {
            in_round.clear();
            in_round.insert(shard_of(&ask), 1);
            rounds.push(Vec::new());
        }
        if let Some(round) = rounds.last_mut() {
            round.push(ask);
        }
    }
    rounds
}

#[cfg(test)]
mod tests {
    use troupe_runtime::Address;

    use super::*;

    #[test]
    fn a_round_holds_no_more_for_one_shard_than_travels_together() {
        let ask = |n: usize, key: &str| AskOne {
            to: Address { kind: "members".into(), key: key.to_owned() },
            verb: n.to_string(),
            body: Vec::new(),
            key: None,
        };
        let shard_of = |ask: &AskOne| ShardId(u32::from(ask.to.key.as_bytes()[0]));
        let asks: Vec<AskOne> =
            ["a", "b", "a", "c", "a", "b", "a"].iter().enumerate().map(|(n, key)| ask(n, key)).collect();
        let split: Vec<Vec<String>> = rounds(asks.clone(), 2, shard_of)
            .into_iter()
            .map(|round| round.into_iter().map(|ask| ask.verb).collect())
            .collect();
        assert_eq!(split, [vec!["0", "1", "2", "3"], vec!["4", "5", "6"]]);
        assert_eq!(rounds(asks.clone(), 7, shard_of).len(), 1);
        assert_eq!(rounds(asks, 4, shard_of).len(), 1, "four of one shard still travel together");
    }
}
