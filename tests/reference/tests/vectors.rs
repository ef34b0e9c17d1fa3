//! Every case of the reference vectors.
#![cfg(test)]

use std::path::Path;

use troupe_reference::{files, try_all};

/// Number of cases of each file. A case that is not tried must fail the test.
const CASES: [(&str, usize); 11] = [
    ("anytime_valid_and_cuped", 30),
    ("chronon_psi", 3),
    ("drift_batch_scipy", 19),
    ("drift_stream_detectors_river", 8),
    ("gbstats_cases", 26),
    ("growthbook_sdk_cases", 360),
    ("kayenta_classifier", 25),
    ("kayenta_configs", 8),
    ("kayenta_mannwhitney", 5),
    ("kayenta_small", 18),
    ("unleash_client_specification", 196),
];

#[test]
fn every_case_of_every_file_is_reproduced() {
    assert_eq!(files().collect::<Vec<_>>(), CASES.map(|(file, _)| file));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors");
    let (mut cases, mut failed) = (Vec::new(), Vec::new());
    for file in files() {
        let text = std::fs::read_to_string(folder.join(file).with_extension("json")).unwrap();
        let tally = try_all(file, &text);
        cases.push((file, tally.cases));
        failed.extend(tally.failed.into_iter().map(|why| format!("{file}: {why}")));
    }
    assert!(failed.is_empty(), "{} failed:\n{}", failed.len(), failed.join("\n"));
    assert_eq!(cases, CASES);
}

#[test]
fn a_case_that_does_not_hold_or_cannot_be_read_has_failed() {
    for (file, text) in [
        ("chronon_psi", r#"{"cases": [{"a": [1, 2, 3], "b": [1, 2, 3], "psi": ">0.25"}]}"#),
        ("chronon_psi", "{"),
        ("chronon_psi", "{}"),
        ("chronon_psi", r#"{"cases": []}"#),
        ("unheard_of", "{}"),
    ] {
        let tally = try_all(file, text);
        assert_eq!((tally.cases, tally.failed.len()), (1, 1), "{file} {text}: {tally:?}");
    }
}
