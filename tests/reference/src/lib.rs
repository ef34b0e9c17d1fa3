//! The numbers of reference systems in `tests/vectors/`, and which of them are reproduced here.
//!
//! One file of checks for each family. A case is counted once, whatever it asks; one that cannot be read has failed. The
//! tests demand that none fails, and `troupe bench judges` reports the count.

mod analysis;
mod canary;
mod drift;
mod growthbook;
mod unleash;

use std::fmt::Display;

use serde::de::DeserializeOwned;
use serde_json::Value;

type Held = Result<(), String>;

/// What came of a file of cases.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Cases that were tried.
    pub cases: usize,
    /// Those that were not reproduced, and why.
    pub failed: Vec<String>,
}

impl Tally {
    fn try_case(&mut self, name: impl Display, held: Held) {
        self.cases += 1;
        if let Err(why) = held {
            self.failed.push(format!("{name}: {why}"));
        }
    }
}

type Check = fn(&Value, &mut Tally) -> Held;

/// The files, and what is checked of each.
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

/// The names of the files, without their ending.
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
        None => Err("there is no check for it".to_owned()),
    };
    // What stopped the reading stands for all that was not read.
    if let Err(why) = tried {
        tally.try_case(file, Err(why));
    } else if tally.cases == 0 {
        tally.try_case(file, Err("it holds no case".to_owned()));
    }
    tally
}

fn read<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    T::deserialize(value).map_err(|error| error.to_string())
}

fn list<'v>(value: &'v Value, name: &str) -> Result<&'v [Value], String> {
    value[name].as_array().map(Vec::as_slice).ok_or_else(|| format!("{name} is no list"))
}

fn text<'v>(value: &'v Value, name: &str) -> Result<&'v str, String> {
    value[name].as_str().ok_or_else(|| format!("{name} is no text"))
}

/// A number, or the word for one that JSON has not.
fn number(value: &Value) -> Result<f64, String> {
    match value.as_str() {
        Some("inf") => Ok(f64::INFINITY),
        Some("-inf") => Ok(f64::NEG_INFINITY),
        _ => value.as_f64().ok_or_else(|| format!("{value} is no number")),
    }
}

/// Numbers, null for one that is not there.
fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().into_iter().flatten().map(|x| x.as_f64().unwrap_or(f64::NAN)).collect()
}

fn same<T: PartialEq + std::fmt::Debug>(found: &T, expected: &T) -> Held {
    if found == expected { Ok(()) } else { Err(format!("found {found:?}, expected {expected:?}")) }
}

/// `found` is within this share of what is expected.
fn near(what: &str, found: f64, expected: f64, share: f64) -> Held {
    let agree = found == expected || (found - expected).abs() <= share * expected.abs().max(1e-12);
    if agree { Ok(()) } else { Err(format!("{what}: found {found}, expected {expected}")) }
}

/// `found` is within this distance of what is expected.
fn within(what: &str, found: f64, expected: f64, distance: f64) -> Held {
    if (found - expected).abs() <= distance {
        Ok(())
    } else {
        Err(format!("{what}: found {found}, expected {expected}"))
    }
}
