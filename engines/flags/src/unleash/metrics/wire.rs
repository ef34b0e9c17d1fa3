//! The bodies of client posts. Unknown fields such as `impactMetrics` are ignored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::unleash::payload::or_default;

/// The body of `/api/client/metrics`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricsPost {
    /// The application.
    pub app_name: String,
    /// The process id within the application.
    #[serde(default, deserialize_with = "or_default")]
    pub instance_id: String,
    /// The counts; UnleashClient 6.9 sends `null` with impact metrics only.
    #[serde(default)]
    pub bucket: Option<Bucket>,
}

/// The counts of a time span.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// RFC 3339.
    pub start: String,
    /// RFC 3339.
    pub stop: String,
    /// By feature.
    #[serde(default, deserialize_with = "or_default")]
    pub toggles: BTreeMap<String, Counts>,
}

/// Evaluations of a feature.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Evaluations with the result on.
    #[serde(default)]
    pub yes: u64,
    /// Evaluations with the result off.
    #[serde(default)]
    pub no: u64,
    /// Counts by variant; `disabled` means no variant.
    #[serde(default)]
    pub variants: BTreeMap<String, u64>,
}

/// The body of `/api/client/register`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Registration {
    /// The application.
    pub app_name: String,
    /// The process id within the application.
    #[serde(default, deserialize_with = "or_default")]
    pub instance_id: String,
    /// Such as `unleash-python-sdk:6.9.0`.
    #[serde(default, deserialize_with = "or_default")]
    pub sdk_version: String,
    /// The strategies that it supports beyond the standard ones.
    #[serde(default, deserialize_with = "or_default")]
    pub strategies: Vec<String>,
    /// When the client began, RFC 3339.
    #[serde(default, deserialize_with = "or_default")]
    pub started: String,
    /// How often it sends metrics, in its own unit: Python's says seconds, Node's milliseconds.
    #[serde(default, deserialize_with = "or_default")]
    pub interval: u64,
}
