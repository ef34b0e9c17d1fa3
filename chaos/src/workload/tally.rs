//! The counters of a run, beside the history.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde::Serialize;
use troupe_runtime::locks::lock;

use super::attempt::Outcome;

/// Untyped answers that are kept as examples.
const SHOWN_MAX: usize = 20;

/// One call that was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Success {
    /// The client's number.
    pub client: u32,
    /// Whether that client roams.
    pub roams: bool,
    /// When its first attempt was sent, in microseconds.
    pub sent: u64,
    /// When it was answered, in microseconds.
    pub at: u64,
}

/// A copy of the counters.
#[derive(Debug, Clone, Default, Serialize)]
pub struct TallyView {
    /// Attempts by outcome: `OK`, a problem's code, or the connection's failure.
    pub attempts: BTreeMap<String, u64>,
    /// Answers that were neither a reply nor a typed problem.
    pub untyped: u64,
    /// Examples of them, at most 20.
    pub untyped_shown: Vec<String>,
    /// Attempts without an answer from a node that was not excused.
    pub silent: u64,
    /// Calls that a roaming client gave up.
    pub given_up: u64,
    #[serde(skip)]
    pub successes: Vec<Success>,
}

/// Shared by all clients of a run.
#[derive(Clone, Default)]
pub struct Tally(Arc<Mutex<TallyView>>);

impl Tally {
    /// The counters so far.
    #[must_use]
    pub fn view(&self) -> TallyView {
        self.with(|view| view.clone())
    }

    /// Counts an attempt. `excused`: its node was killed, frozen or stopped during the attempt.
    pub(super) fn attempt(&self, outcome: &Outcome, excused: bool) {
        let name = match outcome {
            Outcome::Ok(_) => "OK",
            Outcome::Fail { code, .. } | Outcome::Unknown { code } => code,
            Outcome::NotSent => "no connection",
            Outcome::Broken => "connection broken",
            Outcome::Silent => "no answer",
            Outcome::Untyped(_) => "untyped",
        };
        self.with(|view| {
            *view.attempts.entry(name.to_owned()).or_default() += 1;
            match outcome {
                Outcome::Untyped(what) => {
                    view.untyped += 1;
                    if view.untyped_shown.len() < SHOWN_MAX {
                        view.untyped_shown.push(what.clone());
                    }
                }
                Outcome::NotSent | Outcome::Broken | Outcome::Silent if !excused => view.silent += 1,
                _ => {}
            }
        });
    }

    pub(super) fn success(&self, success: Success) {
        self.with(|view| view.successes.push(success));
    }

    pub(super) fn gave_up(&self) {
        self.with(|view| view.given_up += 1);
    }

    fn with<T>(&self, job: impl FnOnce(&mut TallyView) -> T) -> T {
        job(&mut lock(&self.0))
    }
}
