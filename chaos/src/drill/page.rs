//! The page of all runs, `docs/chaos.md`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::summary::{Summary, totals};
use crate::nemesis::SCENARIOS;

const HEAD: &str = "\
# What faults do to a cluster

Written by `troupe chaos`; not by hand. Real processes, each node behind lines of its own that can be cut, slowed and
damaged; clients write and read through the gateways of all nodes while it happens, and every key's history is searched for
an order that one machine could have answered in (Wing and Gong's search with Lowe's memory, in `chaos/src/checker`).

- **lost**: acknowledged writes, and effects of acknowledged writes, that were not there at the end.
- **double**: shards led twice in one term, from the nodes' logs, and versions that two writes were both acknowledged as.
- **duplicates**, **stale**, **no order**: things that happened twice; answers older than what had been acknowledged before
  they were asked for; keys whose calls have no order, and writes that happened though denied.
- **gap**: how long a client that tries every gateway, each for half a second, was without an answer, over clients and rounds
  in which a majority could talk. It includes the 50 ms between two of its calls.
- **answers**, **rate back**: the longest time from a heal until every node answered for shards all over the cluster, and
  until clients had 95 % of their answers a second again.
- **untyped**: answers that were neither a reply nor a problem with code, retryability and outcome.

";

/// The page in Markdown; the runs may come in any order.
#[must_use]
pub fn page(summaries: &[Summary]) -> String {
    let mut by_scenario: BTreeMap<&str, Vec<&Summary>> = BTreeMap::new();
    for summary in summaries {
        by_scenario.entry(&summary.scenario).or_default().push(summary);
    }
    let mut page = HEAD.to_owned();
    table(&mut page, &by_scenario);
    let sums = totals(summaries).map(|(id, value)| format!("`{id}` {value}")).join(", ");
    let _ = writeln!(page, "\nOver all of them: {sums}.\n");
    for (scenario, story) in SCENARIOS {
        let _ = writeln!(page, "## {scenario}: {story}\n");
        let name = scenario.to_string();
        let runs = by_scenario.get(name.as_str());
        match runs {
            None => page.push_str("Not played yet.\n\n"),
            Some(runs) => runs.iter().for_each(|run| rounds(&mut page, run)),
        }
    }
    let end = page.trim_end().len();
    page.truncate(end);
    page.push('\n');
    page
}

fn table(page: &mut String, by_scenario: &BTreeMap<&str, Vec<&Summary>>) {
    page.push_str(
        "| fault | seed | nodes | rounds | calls | in doubt | lost | double | duplicates | stale | no order | untyped | gap \
         p50 / p99 / max ms | answers ms | rate back ms | largest node MiB |\n",
    );
    page.push_str(
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for (scenario, _) in SCENARIOS {
        for run in by_scenario.get(scenario.to_string().as_str()).into_iter().flatten() {
            if run.skipped.is_some() {
                continue;
            }
            let or = |value: Option<u64>, none: &str| {
                value.map_or_else(|| none.to_owned(), |value| value.to_string())
            };
            let gap = run.gap_ms;
            let _ = writeln!(
                page,
                "| {scenario} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} / {} / {} | {} | {} | {} |",
                run.seed,
                run.nodes,
                run.done().count(),
                run.calls,
                run.unknown,
                run.lost,
                run.double_deciders,
                run.duplicates,
                run.stale,
                run.not_linearizable + run.denied,
                run.untyped,
                or(gap.p50, "-"),
                or(gap.p99, "-"),
                or(gap.max, "-"),
                or(run.answers_ms(), "never"),
                or(run.back_ms(), "never"),
                run.memory_bytes >> 20
            );
        }
    }
}

fn rounds(page: &mut String, run: &Summary) {
    let _ = writeln!(page, "Seed {}, {} nodes, {} s:\n", run.seed, run.nodes, run.seconds);
    for round in &run.rounds {
        let fault = round.fault.to_string().replace(['"', '{', '}'], "").replace(',', ", ").replace(':', " ");
        let on =
            if round.nodes.is_empty() { String::new() } else { format!(" on {}", round.nodes.join(", ")) };
        if let Some(why) = &round.skipped {
            let _ = writeln!(page, "- {fault}: not done: {why}");
            continue;
        }
        let ms = |value: Option<u64>| value.map_or_else(|| "never".to_owned(), |ms| format!("{ms} ms"));
        let _ = writeln!(
            page,
            "- {fault}{on}, {} ms: longest gap {}, answers {}, rate back {}",
            round.held_ms,
            ms(round.gaps_ms.iter().max().copied()),
            ms(round.answers_ms),
            ms(round.back_ms)
        );
        for note in &round.notes {
            let _ = writeln!(page, "  - {note}");
        }
    }
    page.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_shows_what_was_played_and_says_what_was_not() {
        let run =
            Summary { scenario: "F1".to_owned(), seed: 77, calls: 4_242, lost: 3, ..Summary::default() };
        let page = page(&[run]);
        assert!(page.contains("| F1 | 77 |") && page.contains("| 4242 |"), "{page}");
        assert!(page.contains("`chaos.lost` 3"), "{page}");
        assert!(page.matches("Not played yet.").count() == 12, "{page}");
    }
}
