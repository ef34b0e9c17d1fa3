//! The count of the cases of a file.

use std::fmt::Display;

pub(super) type Held = Result<(), String>;

/// The result of a file of cases.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Number of cases.
    pub cases: usize,
    /// The cases that were not reproduced, with the difference.
    pub failed: Vec<String>,
}

impl Tally {
    pub(super) fn try_case(&mut self, name: impl Display, held: Held) {
        self.cases += 1;
        if let Err(why) = held {
            self.failed.push(format!("{name}: {why}"));
        }
    }
}
