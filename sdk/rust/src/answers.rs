//! Recommendations as they come back.

use serde::{Deserialize, Serialize};

/// A content that a member may like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Its id.
    pub content: String,
    /// Its title; empty where the cluster does not know one.
    #[serde(default)]
    pub title: String,
    /// The model's score; comparable within one answer only.
    pub score: f64,
}

/// Where the time of one answer went, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Timing {
    /// Waiting for a model replica.
    pub queue_us: u64,
    /// In the model, shared with the batch.
    pub compute_us: u64,
    /// Reading the member's inputs.
    pub features_us: u64,
    /// All of it, at the gateway.
    pub total_us: u64,
    /// Requests that shared the model's run.
    pub batch: u64,
}

/// Recommendations for one member, best first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recommendations {
    /// The member.
    pub member: String,
    /// The model that answered.
    pub model: String,
    /// Its version.
    pub version: u64,
    /// The experiment's variation that the member is in, where one runs.
    #[serde(default)]
    pub variation: Option<String>,
    /// The experiment, where one runs.
    #[serde(default)]
    pub experiment: Option<String>,
    /// At most `k` contents.
    pub items: Vec<Item>,
    /// Where the time went.
    #[serde(default)]
    pub timing: Timing,
}
