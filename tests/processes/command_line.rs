//! Exit codes that scripts rely on.

use super::binary::troupe;

#[test]
fn a_bad_configuration_lists_every_problem_and_exits_with_two() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("cluster.toml");
    std::fs::write(&file, "colour = 1\n[cluster]\nshards = 0\n[raft]\ntick = 3\n").unwrap();
    for command in [vec!["check-config"], vec!["up", "--config"], vec!["node", "--name", "n1", "--config"]] {
        let out = troupe().args(&command).arg(&file).output().unwrap();
        assert_eq!(out.status.code(), Some(2), "{command:?}");
        let said = String::from_utf8(out.stderr).unwrap();
        for key in ["colour", "cluster.shards", "raft.tick"] {
            assert!(said.contains(key), "{command:?} does not name {key}: {said}");
        }
        assert!(!dir.path().join("data").exists(), "{command:?} started something");
    }
}

#[test]
fn bad_usage_exits_with_two_and_a_failure_with_one() {
    assert_eq!(troupe().arg("dance").output().unwrap().status.code(), Some(2));
    let nobody = troupe().args(["status", "--admin", "127.0.0.1:1"]).output().unwrap();
    assert_eq!(nobody.status.code(), Some(1));
}
