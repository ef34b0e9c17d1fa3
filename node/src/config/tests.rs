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
