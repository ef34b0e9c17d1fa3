//! Certificates are replaced while the cluster runs, the authority included, and no call fails.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use troupe_runtime::transport::mesh::ensure_certificates;

use super::binary::{Site, troupe};
use super::http::Http;

fn certs(site: &Site, arguments: &[&str]) -> String {
    let out = troupe().arg("certs").args(arguments).arg("--config").arg(site.config()).output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{arguments:?}: {said}");
    said
}

/// Waits until each node has read its certificates so many times.
async fn until_read(site: &Site, times: usize) {
    let start = Instant::now();
    while (0..3).any(|node| site.log(node).matches("certificates_read").count() < times) {
        assert!(start.elapsed() < Duration::from_secs(20), "{}", site.log(0));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_and_their_authority_are_replaced_under_load_without_a_failed_call() {
    let mut site = Site::new();
    for node in 0..3 {
        site.start(node);
    }
    for node in 0..3 {
        site.until_ready(node).await;
    }
    let stop = Arc::new(AtomicBool::new(false));
    let (gateways, stopped) = (site.gateways.clone(), stop.clone());
    let load = tokio::spawn(async move {
        let http = Http::new();
        let mut calls = 0_u64;
        while !stopped.load(Ordering::Relaxed) {
            calls += 1;
            let member = calls % 13;
            let line =
                format!("{{\"member\":\"m{member}\",\"content\":\"7\",\"type\":\"play\",\"at\":{calls}}}");
            let gateway = &gateways[usize::try_from(calls % 2).unwrap()];
            let answer = http.post(&format!("{gateway}/v1/events"), &[("x-deadline-ms", "3000")], line).await;
            assert_eq!(answer.status, 200, "{}", answer.body);
            assert_eq!(answer.body["accepted"], 1, "{}", answer.body);
        }
        calls
    });
    let dir = site.dir.path().join("data/certs");
    copy(&dir, &site.dir.path().join("certs-old"));
    certs(&site, &["rotate"]);
    until_read(&site, 1).await;
    certs(&site, &["rotate", "--authority"]);
    until_read(&site, 2).await;
    certs(&site, &["rotate"]);
    until_read(&site, 3).await;
    let shown = certs(&site, &["retire"]);
    until_read(&site, 4).await;
    assert_eq!(shown.matches("development authority").count(), 1, "{shown}");
    assert!(shown.contains("396"), "{shown}");
    // A node that comes back has sessions by the new authority alone; one with the old certificates has none.
    site.stop(2);
    let text = std::fs::read_to_string(site.config()).unwrap();
    let old = site.dir.path().join("old.toml");
    let folder =
        format!("[cluster]\ncerts_dir = {:?}\n", site.dir.path().join("certs-old").display().to_string());
    std::fs::write(&old, text.replacen("[cluster]\n", &folder, 1)).unwrap();
    site.start_as(2, &old, &[]);
    let start = Instant::now();
    while !site.log(2).contains("UnknownIssuer") && !site.log(2).contains("DecryptError") {
        assert!(start.elapsed() < Duration::from_secs(20), "{}", site.log(2));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    site.kill(2);
    assert!(!site.log(2).contains("peer_up"), "{}", site.log(2));
    site.start(2);
    site.until_ready(2).await;
    stop.store(true, Ordering::Relaxed);
    let calls = load.await.unwrap();
    assert!(calls > 50, "{calls} calls");
    let journal =
        troupe().args(["journal", "certificates", "--admin"]).arg(&site.admins[0][7..]).output().unwrap();
    let journal = String::from_utf8_lossy(&journal.stdout).into_owned();
    assert!(journal.contains("certificates_read"), "{journal}");
}

#[test]
fn what_cannot_be_done_with_certificates_names_the_file_and_the_way() {
    let site = Site::new();
    let run = |arguments: &[&str]| {
        let out = troupe().arg("certs").args(arguments).arg("--config").arg(site.config()).output().unwrap();
        (out.status.success(), String::from_utf8_lossy(&out.stderr).into_owned())
    };
    for arguments in [&["show"][..], &["rotate"], &["retire"]] {
        let (done, said) = run(arguments);
        assert!(!done && said.contains("troupe certs make"), "{arguments:?}: {said}");
    }
    assert!(run(&["make"]).0);
    let refused = |arguments: &[&str], named: &str| {
        let (done, said) = run(arguments);
        assert!(!done && said.contains(named), "{arguments:?}: {said}");
    };
    refused(&["rotate", "--node", "n7"], "--node n7");
    refused(&["retire"], "rotate --authority");
    let certs = site.dir.path().join("data/certs");
    ensure_certificates(&certs, "troupe", &["n4".to_owned()]).unwrap();
    assert!(run(&["rotate", "--node", "n4"]).0, "a node that joined is in no file but its own");
    std::fs::remove_file(certs.join("ca.key")).unwrap();
    refused(&["rotate"], "ca.key");
}
