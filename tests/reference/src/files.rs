//! The files of reference vectors and the check of each.

use serde_json::Value;

use super::tally::{Held, Tally};
use super::{analysis, canary, drift, growthbook, unleash};

type Check = fn(&Value, &mut Tally) -> Held;

/// The files with the check of each.
const FILES: [(&str, Check); 11] = [
    ("anytime_valid_and_cuped", analysis::formulas),
    ("chronon_psi", drift::bands),
    ("drift_batch_scipy", drift::batch),
    ("drift_stream_detectors_river", drift::streams),
    ("gbstats_cases", analysis::gbstats),
    ("growthbook_sdk_cases", growthbook::clients),
    ("kayenta_classifier", canary::classifiers),
    ("kayenta_configs", canary::configs),
    ("kayenta_mannwhitney", canary::intervals),
    ("kayenta_small", canary::small),
    ("unleash_client_specification", unleash::specification),
];

/// The names of the files, without their extension.
pub fn files() -> impl Iterator<Item = &'static str> {
    FILES.into_iter().map(|(name, _)| name)
}

/// Tries every case of a file, given its text.
#[must_use]
pub fn try_all(file: &str, text: &str) -> Tally {
    let mut tally = Tally::default();
    let tried = match FILES.iter().find(|(name, _)| *name == file) {
        Some((_, check)) => serde_json::from_str::<Value>(text)
            .map_err(|error| error.to_string())
            .and_then(|cases| check(&cases, &mut tally)),
        None => Err("unknown file".to_owned()),
    };
    // An error that stops the parsing counts as one failed case.
    if let Err(why) = tried {
        tally.try_case(file, Err(why));
    } else if tally.cases == 0 {
        tally.try_case(file, Err("it holds no case".to_owned()));
    }
    tally
}
