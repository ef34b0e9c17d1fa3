//! The health of the cluster, as a level, a sentence and a list of problems.

use std::collections::BTreeMap;

use serde::Serialize;
use troupe_runtime::ShardId;
use troupe_runtime::observe::{NodeView, Role, ShardView};

use super::seen::{Seen, Unseen};

/// Severity of the cluster's health.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Everything serves.
    Ok,
    /// Everything serves, with reduced redundancy.
    Degraded,
    /// Part of the data cannot be reached.
    Down,
}

/// The cluster's health.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Health {
    /// Severity.
    pub level: Level,
    /// Summary, as one sentence.
    pub words: String,
    /// Problems, worst first.
    pub problems: Vec<String>,
}

/// Derives the health from the nodes' views.
pub(super) fn judge(nodes: &[Seen<NodeView>]) -> Health {
    let mut shards: BTreeMap<ShardId, Vec<&ShardView>> = BTreeMap::new();
    for shard in nodes.iter().filter_map(|node| node.view.as_ref()).flat_map(|view| &view.shards) {
        shards.entry(shard.shard).or_default().push(shard);
    }
    // Until every node was asked once, a missing view is not a problem.
    let asking = nodes.iter().filter(|node| node.unseen.as_ref().is_some_and(Unseen::asking)).count();
    if asking > 0 {
        let words = format!("Looking: {} of {} answered.", nodes.len() - asking, plural(nodes.len(), "node"));
        return Health { level: Level::Degraded, words, problems: Vec::new() };
    }
    let leaderless: Vec<String> =
        shards.iter().filter(|(_, replicas)| !led(replicas)).map(|(shard, _)| shard.to_string()).collect();
    let mut problems = Vec::new();
    if !leaderless.is_empty() {
        problems.push(format!(
            "no leader can be seen for {} {}",
            plural(leaderless.len(), "shard"),
            list(&leaderless)
        ));
    }
    for node in nodes {
        if let Some(unseen) = &node.unseen {
            problems.push(format!("{} cannot be seen: {}", node.address.name, unseen.reason));
        }
    }
    for node in nodes {
        let Some(view) = &node.view else { continue };
        let troubled: Vec<String> =
            view.shards.iter().filter(|shard| troubled(shard)).map(|shard| shard.shard.to_string()).collect();
        if !troubled.is_empty() {
            let what = plural(troubled.len(), "replica");
            problems.push(format!("{} has {what} in trouble: {}", node.address.name, list(&troubled)));
        }
    }
    let seen = nodes.iter().filter(|node| node.view.is_some()).count();
    let level = match () {
        () if !leaderless.is_empty() || seen == 0 => Level::Down,
        () if !problems.is_empty() => Level::Degraded,
        () => Level::Ok,
    };
    Health { level, words: words(level, seen, nodes.len(), shards.len()), problems }
}

fn words(level: Level, seen: usize, nodes: usize, shards: usize) -> String {
    match level {
        Level::Ok => format!(
            "Healthy: {} up; every one of {} has a leader.",
            plural(nodes, "node"),
            plural(shards, "shard")
        ),
        Level::Degraded if seen < nodes => {
            format!(
                "{seen} of {} can be seen; every one of {} has a leader.",
                plural(nodes, "node"),
                plural(shards, "shard")
            )
        }
        Level::Degraded => format!(
            "Every one of {} has a leader, but some replicas are in trouble.",
            plural(shards, "shard")
        ),
        Level::Down if seen == 0 => "No node can be seen.".to_owned(),
        Level::Down => {
            format!("Part of the data cannot be reached; {seen} of {} can be seen.", plural(nodes, "node"))
        }
    }
}

fn led(replicas: &[&ShardView]) -> bool {
    replicas.iter().any(|replica| replica.role == Role::Leader)
}

fn troubled(shard: &ShardView) -> bool {
    shard.role == Role::Down || shard.trouble.is_some()
}

fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("{count} {noun}") } else { format!("{count} {noun}s") }
}

/// The first names and a count of the rest, to keep the sentence short.
fn list(names: &[String]) -> String {
    const NAMED_MAX: usize = 8;
    let named = names.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(NAMED_MAX) {
        Some(more) if more > 0 => format!("{named} and {more} more"),
        _ => named,
    }
}

#[cfg(test)]
mod tests {
    use troupe_runtime::observe::NodeAddress;
    use troupe_runtime::{NodeId, Timestamp};

    use super::*;

    fn shard(shard: u32, role: Role) -> ShardView {
        ShardView {
            shard: ShardId(shard),
            role,
            term: 1,
            leader: None,
            replicas: Vec::new(),
            voters: vec![],
            generation: 0,
            committed: 0,
            applied: 0,
            checkpointed: 0,
            entities: 0,
            entity_bytes: 0,
            mailbox: 0,
            commands_total: 0,
            queries_total: 0,
            outbox: 0,
            faults_total: 0,
            starts: 1,
            trouble: None,
        }
    }

    fn seen(node: u16, shards: Vec<ShardView>) -> Seen<NodeView> {
        let view = NodeView {
            node: NodeId(node),
            name: format!("n{node}"),
            incarnation: 1,
            started: Timestamp(0),
            memory_bytes: 0,
            cpu_ms: 0,
            shards,
            peers: Vec::new(),
        };
        Seen::new(address(node), Ok(view))
    }

    fn address(node: u16) -> NodeAddress {
        let name = format!("n{node}");
        NodeAddress { node: NodeId(node), name, gateway: String::new(), admin: String::new() }
    }

    fn unseen(node: u16, code: &str) -> Seen<NodeView> {
        Seen::new(address(node), Err(Unseen { code: code.into(), reason: "no answer".into() }))
    }

    #[test]
    fn health_is_as_bad_as_the_worst_and_says_so() {
        use Role::{Down, Follower, Leader};
        let led = || vec![shard(1, Leader), shard(2, Leader)];
        for (name, nodes, level, words) in [
            (
                "well",
                vec![seen(1, led())],
                Level::Ok,
                "Healthy: 1 node up; every one of 2 shards has a leader.",
            ),
            (
                "one away",
                vec![seen(1, led()), unseen(2, "NOT_SENT")],
                Level::Degraded,
                "1 of 2 nodes can be seen; every one of 2 shards has a leader.",
            ),
            (
                "one replica down",
                vec![seen(1, led()), seen(2, vec![shard(1, Down)])],
                Level::Degraded,
                "Every one of 2 shards has a leader, but some replicas are in trouble.",
            ),
            (
                "leaderless",
                vec![seen(1, vec![shard(1, Leader), shard(2, Follower)]), unseen(2, "NOT_SENT")],
                Level::Down,
                "Part of the data cannot be reached; 1 of 2 nodes can be seen.",
            ),
            ("no node", vec![unseen(1, "NOT_SENT")], Level::Down, "No node can be seen."),
            (
                "some not asked yet",
                vec![seen(1, vec![shard(1, Follower)]), unseen(2, "ASKING")],
                Level::Degraded,
                "Looking: 1 of 2 nodes answered.",
            ),
        ] {
            let health = judge(&nodes);
            assert_eq!((health.level, health.words.as_str()), (level, words), "{name}");
        }
    }
}
