//! Which node led which shard in which term, from the nodes' logs. The logs outlive the nodes.

use std::collections::BTreeMap;

/// The leaderships in the logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Deciders {
    /// Leaderships that began, over all shards.
    pub(super) leaderships: u64,
    /// Pairs of shard and term that were led twice: two leaders, or one that lost its state.
    pub(super) doubled: u64,
}

/// Reads the logs of all nodes.
pub(super) fn read<'a>(logs: impl Iterator<Item = &'a str>) -> Deciders {
    let mut led: BTreeMap<(u64, u64), u64> = BTreeMap::new();
    for line in logs.flat_map(str::lines).filter(|line| line.contains("change=\"became_leader\"")) {
        if let (Some(shard), Some(term)) = (number(line, "subject=\"shard-"), number(line, "reason=\"term "))
        {
            *led.entry((shard, term)).or_default() += 1;
        }
    }
    Deciders {
        leaderships: led.values().sum(),
        doubled: led.values().filter(|times| **times > 1).count() as u64,
    }
}

fn number(line: &str, after: &str) -> Option<u64> {
    let rest = &line[line.find(after)? + after.len()..];
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_leaders_of_one_term_are_found_across_logs() {
        let line = |shard: u64, term: u64| {
            format!(
                "INFO troupe: lifecycle subject=\"shard-{shard}\" change=\"became_leader\" reason=\"term {term}, from entry 9\"\n"
            )
        };
        let first = line(3, 4) + &line(4, 4) + "INFO else\n" + &line(3, 6);
        for (second, doubled) in [(line(3, 5), 0), (line(3, 4), 1), (line(3, 4) + &line(4, 4), 2)] {
            let found = read([first.as_str(), second.as_str()].into_iter());
            assert_eq!(found.doubled, doubled, "{second}");
            assert!(found.leaderships >= 4);
        }
    }
}
