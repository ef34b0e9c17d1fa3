//! The recommendation answers.

use serde::{Deserialize, Serialize};

/// A content that a member may like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Its id.
    pub content: String,
    /// Its title; empty if unknown.
    #[serde(default)]
    pub title: String,
    /// The model's score; comparable within one answer only.
    pub score: f64,
}

/// The times of one answer, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Timing {
    /// Waiting for a model replica.
    pub queue_us: u64,
    /// In the model, shared with the batch.
    pub compute_us: u64,
    /// Reading the member's inputs.
    pub features_us: u64,
    /// Total time at the gateway.
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
    /// The member's variation, if an experiment runs.
    #[serde(default)]
    pub variation: Option<String>,
    /// The running experiment, if any.
    #[serde(default)]
    pub experiment: Option<String>,
    /// At most `k` contents.
    pub items: Vec<Item>,
    /// The times.
    #[serde(default)]
    pub timing: Timing,
}
