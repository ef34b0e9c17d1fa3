//! Short drills: real processes are killed and cut off from each other, and no client is lied to.

use serde_json::Value;

use crate::processes::binary::troupe;

/// Plays a scenario for a few seconds; what it wrote.
async fn drill(scenario: &str, seconds: &str, more: &[&str]) -> (Value, String) {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("cluster.toml");
    // Few shards, so that every fault meets clients; the nodes are the drill's own.
    let nodes = "[[nodes]]\nid = 1\nname = \"n1\"\nmesh = \"127.0.0.1:1\"\ngateway = \"127.0.0.1:2\"\nadmin = \"127.0.0.1:3\"\n";
    std::fs::write(&config, format!("[cluster]\nshards = 6\n{nodes}")).unwrap();
    let (json, page) = (dir.path().join("chaos.json"), dir.path().join("chaos.md"));
    let mut command = troupe();
    command.args(["chaos", scenario, "--seed", "11", "--seconds", seconds]).args(more);
    command.arg("--config").arg(&config).arg("--json").arg(&json).arg("--page").arg(&page);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let found = serde_json::from_str(&std::fs::read_to_string(&json).unwrap()).unwrap();
    (found, std::fs::read_to_string(&page).unwrap())
}

/// That much was asked, that faults happened, and that nothing of what must not be was found.
fn sound(found: &Value, page: &str, scenario: &str) {
    let run = &found["runs"][0];
    assert_eq!(run["scenario"], scenario);
    assert!(run["answered"].as_u64().unwrap() > 200 && run["effects"].as_u64().unwrap() > 0, "{run}");
    let rounds = run["rounds"].as_array().unwrap();
    assert!(rounds.iter().any(|round| round["skipped"].is_null()), "{rounds:?}");
    for figure in found["figures"].as_array().unwrap() {
        assert_ne!(figure["pass"], false, "{figure}");
    }
    assert!(page.contains(&format!("| {scenario} | 11 |")), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_are_killed_and_no_client_is_lied_to() {
    let (found, page) = drill("F1", "8", &[]).await;
    sound(&found, &page, "F1");
    assert!(found["runs"][0]["leaderships"].as_u64().unwrap() >= 7, "every group was led");
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_do_not_hear_each_other_and_no_client_is_lied_to() {
    let (found, page) = drill("F4", "10", &[]).await;
    sound(&found, &page, "F4");
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_are_upgraded_one_by_one_and_taken_back_and_no_client_notices() {
    let Some(previous) = std::env::var("TROUPE_PREVIOUS").ok().filter(|path| !path.is_empty()) else {
        eprintln!("skipped: TROUPE_PREVIOUS names no binary of the build before; `make test` builds it");
        return;
    };
    let bytes = |path: &str| std::fs::read(path).unwrap();
    assert_ne!(bytes(&previous), bytes(troupe().get_program().to_str().unwrap()), "the same build twice");
    let (found, page) = drill("F8", "20", &["--previous", &previous]).await;
    sound(&found, &page, "F8");
    let run = &found["runs"][0];
    let rounds: Vec<&Value> = run["rounds"].as_array().unwrap().iter().collect();
    let faults: Vec<&str> = rounds.iter().filter_map(|round| round["fault"]["roll_to"].as_str()).collect();
    assert!(faults.starts_with(&["this", "previous"]), "{faults:?}");
    for round in rounds {
        assert!(round["nodes"].as_array().is_some_and(|nodes| nodes.len() == 3), "{round}");
    }
    assert_eq!(run["given_up"], 0, "a planned restart costs no call: {run}");
}
