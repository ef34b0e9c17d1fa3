//! Bodies that clients post. Unknown fields are passed over, so `impactMetrics` are too.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::unleash::payload::or_default;

/// The body of `/api/client/metrics`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricsPost {
    /// The application.
    pub app_name: String,
    /// Which of its processes.
    #[serde(default, deserialize_with = "or_default")]
    pub instance_id: String,
    /// What was counted; UnleashClient 6.9 sends `null` where it has impact metrics alone.
    #[serde(default)]
    pub bucket: Option<Bucket>,
}

/// What was counted over a time.
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

/// How often a feature was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// It was on.
    #[serde(default)]
    pub yes: u64,
    /// It was off.
    #[serde(default)]
    pub no: u64,
    /// By variant; `disabled` stands for none.
    #[serde(default)]
    pub variants: BTreeMap<String, u64>,
}

/// The body of `/api/client/register`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Registration {
    /// The application.
    pub app_name: String,
    /// Which of its processes.
    #[serde(default, deserialize_with = "or_default")]
    pub instance_id: String,
    /// Such as `unleash-python-sdk:6.9.0`.
    #[serde(default, deserialize_with = "or_default")]
    pub sdk_version: String,
    /// The strategies that it knows, beside those that every client does.
    #[serde(default, deserialize_with = "or_default")]
    pub strategies: Vec<String>,
    /// When the client began, RFC 3339.
    #[serde(default, deserialize_with = "or_default")]
    pub started: String,
    /// How often it sends metrics, in its own unit: Python's says seconds, Node's milliseconds.
    #[serde(default, deserialize_with = "or_default")]
    pub interval: u64,
}
