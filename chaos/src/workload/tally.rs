//! What is counted while clients ask, beside the history.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use super::attempt::Outcome;

/// Answers that were neither reply nor problem, as shown.
const SHOWN_MAX: usize = 20;

/// One call that was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Success {
    /// By whom it was asked.
    pub client: u32,
    /// Whether that client roams.
    pub roams: bool,
    /// When it was asked first, in microseconds.
    pub sent: u64,
    /// When it was answered.
    pub at: u64,
}

/// Everything counted.
#[derive(Debug, Clone, Default, Serialize)]
pub struct TallyView {
    /// Attempts by how they ended: `OK`, a problem's code, or what the connection did.
    pub attempts: BTreeMap<String, u64>,
    /// Answers that were neither a reply nor a typed problem.
    pub untyped: u64,
    /// Some of them.
    pub untyped_shown: Vec<String>,
    /// Attempts that were not answered by a node that was there, thawed and could have.
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
    /// Everything so far.
    #[must_use]
    pub fn view(&self) -> TallyView {
        self.with(|view| view.clone())
    }

    /// Counts an attempt. `excused`: its node had been killed, frozen or told to stop while it was asked.
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
        job(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
