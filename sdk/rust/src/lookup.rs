//! Features as they come back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Whether a value is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// It is.
    Present,
    /// Nothing was ever recorded.
    NotFound,
    /// What was recorded is older than the group allows.
    OutsideMaxAge,
    /// What was recorded is no value.
    NullValue,
    /// A status that this version does not know.
    #[serde(other)]
    Invalid,
}

/// What the columns are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// Names in the order of the columns.
    pub feature_names: Vec<String>,
}

/// One feature of every entity asked for; its lists have the order of the entities.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// The values, null where there is none.
    pub values: Vec<Value>,
    /// Whether each is there.
    pub statuses: Vec<Status>,
    /// Time of the newest event in each, in the cluster's notation.
    #[serde(default)]
    pub event_timestamps: Vec<Value>,
}

/// The answer to a lookup, by column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Features {
    /// What the columns are.
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
