//! The main job, small: every act on made-up events.

use super::binary::{Site, repository, troupe};

#[test]
fn the_demo_plays_all_acts_and_its_audit_finds_everything() {
    let library = repository().join(".deps/onnxruntime/libonnxruntime.so");
    if !library.exists() {
        assert!(std::env::var_os("CI").is_none(), "CI must have the inference library: run `make setup`");
        println!("skipped: no {}, run `make setup`", library.display());
        return;
    }
    let site = Site::new();
    let figures = site.dir.path().join("figures.json");
    let out = troupe()
        .args(["demo", "--synthetic", "6000", "--config"])
        .arg(site.config())
        .arg("--json")
        .arg(&figures)
        .current_dir(repository())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{said}");
    for act in 1..=9 {
        assert!(said.contains(&format!("Act {act}.")), "act {act} is missing: {said}");
    }
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(&figures).unwrap()).unwrap();
    let figure = |id: &str| {
        let figures = report["figures"].as_array().unwrap();
        figures.iter().find(|figure| figure["id"] == id).unwrap_or_else(|| panic!("{id} in {report}"))["value"].clone()
    };
    assert_eq!((figure("events.lost"), figure("events.duplicated")), (0.0.into(), 0.0.into()));
    assert_eq!(figure("events.found"), figure("events.acknowledged"));
    assert!(figure("events.acknowledged").as_f64().unwrap() >= 6_000.0);
    assert!(figure("failover.gap_ms.max").as_f64().unwrap() > 0.0);
    // The loop: from the shift to the new champion, and the slow model that did not pass.
    assert!(figure("loop.seconds").as_f64().unwrap() > 0.0);
    assert_eq!((figure("loop.run_recorded"), figure("loop.bad_rolled_back")), (1.0.into(), 1.0.into()));
    // Better beyond doubt, however often one looks.
    assert!(figure("loop.lift.low").as_f64().unwrap() > 0.0);
    assert!(said.contains("run retrain-recommend/maestro-1-1 of the metadata"), "{said}");
}
