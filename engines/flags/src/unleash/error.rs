//! Refusals with the path of the invalid field.

use std::fmt::Display;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Most characters of an invalid value in an error.
const GOT_CHARS_MAX: usize = 60;

/// An invalid field: its path, its value and the fix.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
#[error("{path} is {got}: {fix}")]
pub struct Refused {
    /// The field, such as `features[3].strategies[0].parameters.rollout`.
    pub path: String,
    /// Its value, shortened if it is long.
    pub got: String,
    /// The fix.
    pub fix: String,
}

/// A path in a payload, formatted only for an error.
pub(crate) struct At<'a> {
    up: Option<&'a At<'a>>,
    name: &'a str,
    index: Option<usize>,
}

impl<'a> At<'a> {
    pub(crate) fn root(name: &'a str) -> Self {
        Self { up: None, name, index: None }
    }

    pub(crate) fn field(&'a self, name: &'a str) -> At<'a> {
        At { up: Some(self), name, index: None }
    }

    pub(crate) fn item(&'a self, name: &'a str, index: usize) -> At<'a> {
        At { up: Some(self), name, index: Some(index) }
    }

    /// The path as it is written in an error.
    pub(crate) fn path(&self) -> String {
        let mut path = self.up.map(At::path).unwrap_or_default();
        if !path.is_empty() && !self.name.is_empty() {
            path.push('.');
        }
        path.push_str(self.name);
        if let Some(index) = self.index {
            path.push_str(&format!("[{index}]"));
        }
        path
    }

    pub(crate) fn refuse(&self, got: impl Display, fix: impl Into<String>) -> Refused {
        let got = got.to_string();
        let mut short: String = got.chars().take(GOT_CHARS_MAX).collect();
        if short.len() < got.len() {
            short.push('…');
        }
        Refused { path: self.path(), got: short, fix: fix.into() }
    }

    pub(crate) fn refuse_text(&self, got: &str, fix: impl Into<String>) -> Refused {
        self.refuse(format_args!("{got:?}"), fix)
    }

    /// `Ok` where there are at most `most`.
    pub(crate) fn at_most(&self, len: usize, most: usize) -> Result<(), Refused> {
        if len <= most {
            return Ok(());
        }
        Err(self.refuse(format_args!("{len} long"), format!("{most} at most")))
    }
}
