//! Why a payload is not taken.

use std::fmt;

use thiserror::Error;

/// What is wrong with a payload, where, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct Refused {
    /// The field, as a path from the payload's root: `features.checkout.rules[0].weights`.
    pub path: String,
    /// What is there.
    pub found: String,
    /// What to put there instead.
    pub fix: String,
}

impl Refused {
    /// A refusal of the field at `path`.
    #[must_use]
    pub fn new(path: impl Into<String>, found: impl Into<String>, fix: impl Into<String>) -> Refused {
        Refused { path: path.into(), found: found.into(), fix: fix.into() }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.path, self.found, self.fix)
    }
}
