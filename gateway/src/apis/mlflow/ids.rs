//! How flows and runs are named here.
//!
//! A client takes ids of letters, digits, `_` and `-` alone: a run's is what it is addressed by, a dash, and its flow, with
//! any other byte as `_` and two hexadecimal digits.

use std::fmt::Write as _;

use troupe_actors::metadata::runs::run_key;
use troupe_runtime::text::cut;

use super::{Trouble, bad};

/// The default experiment, and its id.
pub(super) const DEFAULT: &str = "Default";
const DEFAULT_ID: &str = "0";

/// The id of an experiment: its flow's name.
pub(super) fn experiment(flow: &str) -> &str {
    if flow == DEFAULT { DEFAULT_ID } else { flow }
}

/// The flow of an experiment.
pub(super) fn flow(experiment: &str) -> &str {
    if experiment == DEFAULT_ID { DEFAULT } else { experiment }
}

pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            out.push(char::from(byte));
        } else {
            // Writing to a text cannot fail.
            let _ = write!(out, "_{byte:02x}");
        }
    }
    out
}

fn plain(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'_' {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            let value = digit(bytes.next()?)? << 4 | digit(bytes.next()?)?;
            out.push(u8::try_from(value).ok()?);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}

/// The id of a run.
pub(super) fn run(flow: &str, run: &str) -> String {
    format!("{}-{}", escaped(run), escaped(flow))
}

/// The flow and the run of an id.
pub(super) fn read(id: &str) -> Result<(String, String), Trouble> {
    let unknown = || bad("run_id", format!("{:?} is not a run id", cut(id, 64)));
    let (run, flow) = id.split_once('-').ok_or_else(unknown)?;
    plain(flow).zip(plain(run)).filter(|(flow, run)| !flow.is_empty() && !run.is_empty()).ok_or_else(unknown)
}

/// The key of the run of an id.
pub(super) fn key(id: &str) -> Result<String, Trouble> {
    read(id).map(|(flow, run)| run_key(&flow, &run))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_its_run_whatever_that_is_called() {
        for (flow, name) in [("F", "1"), ("/Shared/my exp", "12"), ("a_b-c", "argo-x_1"), ("_ü", "7")] {
            let id = run(flow, name);
            assert!(id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')), "{id}");
            assert_eq!(read(&id).unwrap(), (flow.to_owned(), name.to_owned()));
        }
        for id in ["", "1", "1-", "-F", "1-_", "1-_zz", "1-_ff"] {
            assert!(read(id).is_err(), "{id}");
        }
    }
}
