//! The feature lookup answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The status of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// The value exists.
    Present,
    /// No value was ever recorded.
    NotFound,
    /// The value is older than the group's maximum age.
    OutsideMaxAge,
    /// The recorded value is null.
    NullValue,
    /// A status unknown to this version.
    #[serde(other)]
    Invalid,
}

/// Metadata of the columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// Names in the order of the columns.
    pub feature_names: Vec<String>,
}

/// One feature of every requested entity; its lists are in the order of the entities.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// The values; null for a missing value.
    pub values: Vec<Value>,
    /// The status of each value.
    pub statuses: Vec<Status>,
    /// Time of the newest event of each value, in the cluster's format.
    #[serde(default)]
    pub event_timestamps: Vec<Value>,
}

/// The answer to a lookup, by column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Features {
    /// Metadata of the columns.
    pub metadata: Metadata,
    /// The columns.
    pub results: Vec<Column>,
}

impl Features {
    /// The column of this feature.
    #[must_use]
    pub fn column(&self, feature: &str) -> Option<&Column> {
        let position = self.metadata.feature_names.iter().position(|name| name == feature)?;
        self.results.get(position)
    }
}

/// The body of a lookup.
#[derive(Debug, Serialize)]
pub(crate) struct Lookup<'a> {
    pub(crate) features: &'a [&'a str],
    pub(crate) entities: &'a [BTreeMap<String, String>],
}
