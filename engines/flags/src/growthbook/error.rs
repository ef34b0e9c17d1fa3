//! The refusal of a payload.

use std::fmt;

use thiserror::Error;

/// An invalid field of a payload and its fix.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct Refused {
    /// The field, as a path from the payload's root: `features.checkout.rules[0].weights`.
    pub path: String,
    /// The invalid content.
    pub found: String,
    /// The fix.
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
