//! Problems of a document, by path.

use std::cell::RefCell;

use serde::{Deserialize, Serialize};

use super::Tree;
use crate::bounds::PROBLEMS_MAX;

/// One problem with its path and its fix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The path, such as `workflow.steps[2].step.transition.successors.job.4`.
    pub path: String,
    pub what: String,
    pub fix: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A problem of the whole document has no path.
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "{}; {}", self.what, self.fix)
    }
}

/// All problems, in the order of the document; never empty as an error.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// One problem as an error.
    #[must_use]
    pub fn one(path: impl Into<String>, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self(vec![Problem { path: path.into(), what: what.into(), fix: fix.into() }])
    }
}

impl std::fmt::Display for Problems {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, problem) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// Collects problems during reading; an unreadable part is left out, and reading continues.
#[derive(Debug, Default)]
pub(crate) struct Report {
    found: RefCell<Vec<Problem>>,
    more: RefCell<usize>,
}

impl Report {
    pub(crate) fn add(&self, path: impl Into<String>, what: impl Into<String>, fix: impl Into<String>) {
        let mut found = self.found.borrow_mut();
        if found.len() < PROBLEMS_MAX {
            found.push(Problem { path: path.into(), what: what.into(), fix: fix.into() });
        } else {
            *self.more.borrow_mut() += 1;
        }
    }

    /// The value, or the problems.
    pub(crate) fn finish<T>(self, value: Option<T>) -> Result<T, Problems> {
        let mut found = self.found.into_inner();
        let more = self.more.into_inner();
        if more > 0 {
            found.push(Problem {
                path: String::new(),
                what: format!("{more} more problems are not listed"),
                fix: "mend the ones above first".into(),
            });
        }
        match value {
            Some(value) if found.is_empty() => Ok(value),
            _ if found.is_empty() => Err(Problems::one("", "nothing could be read", "send a definition")),
            _ => Err(Problems(found)),
        }
    }
}

/// The path of a child; the root's child is only the name.
pub(crate) fn at(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// Reads one value of a tree for serde, which reports a single error.
pub(crate) fn from_tree<'de, D: serde::Deserializer<'de>, T>(
    deserializer: D,
    read: impl FnOnce(&Tree, &str, &Report) -> Option<T>,
) -> Result<T, D::Error> {
    let tree = Tree::deserialize(deserializer)?;
    let report = Report::default();
    let value = read(&tree, "", &report);
    report.finish(value).map_err(serde::de::Error::custom)
}
