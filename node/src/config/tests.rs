//! The repository's `cluster.toml`, and files that are wrong.

use super::file::Config;
use super::read::parse;

const REPOSITORY: &str = include_str!("../../../cluster.toml");

#[test]
fn the_repository_documents_every_key_with_its_default() {
    assert_eq!(parse(REPOSITORY), Ok(Config::default()));
    let toml::Value::Table(defaults) = toml::Value::try_from(Config::default()).unwrap() else { panic!() };
    for (table, keys) in defaults {
        let toml::Value::Table(keys) = keys else { continue };
        let section =
            REPOSITORY.split(&format!("\n[{table}]")).nth(1).unwrap_or_else(|| panic!("no [{table}]"));
        let section = section.split("\n[").next().unwrap();
        for key in keys.keys() {
            let written =
                section.lines().any(|line| line.trim_start_matches("# ").starts_with(&format!("{key} =")));
            assert!(written, "{table}.{key} is not in cluster.toml");
        }
    }
}

#[test]
fn every_problem_of_a_file_is_reported_with_its_key() {
    let text = r#"
        colour = "red"
        [cluster]
        shards = 0
        nmae = "x"
        [raft]
        tick = 25
        heartbeat_ticks = "four"
        [wal]
        segment_bytes = 10
        [supervision]
        restarts_max = 10001
        restart_max = 3
        [[nodes]]
        id = 1
        name = "a b"
        mesh = "127.0.0.1:7101"
        gateway = "127.0.0.1:7101"
        admin = "127.0.0.1:0"
    "#;
    let keys: Vec<String> = parse(text).unwrap_err().into_iter().map(|problem| problem.key).collect();
    for expected in [
        "colour",
        "cluster.shards",
        "cluster.nmae",
        "raft.tick",
        "raft.heartbeat_ticks",
        "wal.segment_bytes",
        "supervision.restarts_max",
        "supervision.restart_max",
        "nodes[0].name",
        "nodes[0].gateway",
        "nodes[0].admin",
    ] {
        assert!(keys.iter().any(|key| key == expected), "{expected} is missing from {keys:?}");
    }
}

#[test]
fn an_empty_file_is_the_defaults_and_broken_syntax_is_one_problem() {
    assert_eq!(parse(""), Ok(Config::default()));
    let problems = parse("[cluster").unwrap_err();
    assert_eq!((problems.len(), problems[0].key.as_str()), (1, "syntax"));
}

#[test]
fn whatever_becomes_of_a_file_it_is_read_or_its_problems_have_keys() {
    let mut state = 1_u64;
    // xorshift64 (Marsaglia 2003), as the seeds need to be no better than different.
    let mut draw = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    let lines: Vec<&str> = REPOSITORY.lines().collect();
    let values =
        ["-1", "0", "99999999999", "\"x\"", "true", "[]", "{}", "1e400", "\"5 parsecs\"", "nonsense"];
    let mut refused = 0;
    for round in 0..3_000 {
        let mut changed: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        for _ in 0..=draw(3) {
            let at = draw(changed.len());
            let line = changed[at].trim_start_matches("# ").to_owned();
            changed[at] = match (draw(4), line.split_once('=')) {
                (0, Some((key, _))) => format!("{key}= {}", values[draw(values.len())]),
                (1, Some((key, value))) => format!("{}x ={value}", key.trim()),
                (2, _) => line.chars().take(draw(line.len() + 1)).collect(),
                _ => format!("{line}{}", values[draw(values.len())]),
            };
        }
        let text = changed.join("\n");
        if let Err(problems) = parse(&text) {
            refused += 1;
            assert!(!problems.is_empty(), "round {round}: refused without a reason");
            for problem in problems.iter().map(ToString::to_string) {
                let named =
                    problem.split_once(':').is_some_and(|(key, why)| !key.is_empty() && why.len() > 3);
                assert!(named, "round {round}: {problem:?}");
            }
        }
    }
    assert!(refused > 1_000, "{refused} of 3,000 were refused");
}
