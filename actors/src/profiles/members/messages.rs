//! Messages of a member.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Timestamp, command, query};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Records one interaction. A repeat changes nothing: an interaction is identified by its event id, or without one by
/// content, type and time.
#[command("record.v1", reply = Recorded, repeatable)]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The content's id.
    pub content: String,
    /// Type of the interaction: `rating`, `play`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Value of the interaction; finite.
    #[serde(default)]
    pub value: Option<f32>,
    /// Event time.
    pub at: Timestamp,
    /// The client's own id of the event.
    #[serde(default)]
    pub event_id: Option<String>,
    /// Context fields: `device` and `tv`.
    #[serde(default)]
    pub context: Vec<(String, String)>,
}

impl Record {
    /// The event's id in the history.
    #[must_use]
    pub fn id(&self) -> u64 {
        match &self.event_id {
            Some(id) => xxh3_64(id.as_bytes()),
            None => {
                let seed = self.at.millis() ^ xxh3_64(self.kind.as_bytes());
                xxh3_64_with_seed(self.content.as_bytes(), seed)
            }
        }
    }
}

/// The answer to [`Record`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Recorded {
    /// Whether it was already recorded.
    pub duplicate: bool,
}

/// A member's attributes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// In years.
    #[serde(default)]
    pub age: Option<u16>,
    /// As stated by the member.
    #[serde(default)]
    pub gender: Option<String>,
    /// As stated by the member.
    #[serde(default)]
    pub occupation: Option<String>,
    /// Other attributes, by name.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
}

/// Replaces the profile.
#[command("set-profile.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetProfile {
    /// The new profile.
    pub profile: Profile,
}

/// The last answer of a model.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Predictions {
    /// The model.
    pub model: String,
    /// Its version.
    pub version: u32,
    /// Content ids, best first.
    pub items: Vec<String>,
    /// Time of the answer.
    pub at: Timestamp,
}

/// Stores what a member was shown, and by which variation of an experiment.
#[command("remember.v1", reply = Remembered, repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remember {
    /// The model that answered.
    pub model: String,
    /// Its version.
    pub version: u32,
    /// Content ids, best first; at most 100.
    pub items: Vec<String>,
    /// The experiment and the variation, if an experiment chose the model.
    #[serde(default)]
    pub exposure: Option<(String, String)>,
}

/// The answer to [`Remember`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Remembered {
    /// Whether this is the member's first exposure to the variation.
    pub first_exposure: bool,
}

/// Reads the profile.
#[query("get-profile.v1", reply = ProfileView)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetProfile {}

/// The answer to [`GetProfile`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct ProfileView {
    /// The profile; `None` if it was never set.
    pub profile: Option<Profile>,
    /// Number of interactions recorded, including those that the history has dropped.
    pub recorded: u64,
    /// Experiments and variations that the member was exposed to.
    pub exposures: Vec<(String, String)>,
}

/// Reads the newest interactions.
#[query("get-history.v1", reply = HistoryView)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetHistory {
    /// Upper bound on the interactions in the answer.
    #[serde(default = "all")]
    pub limit: u32,
}

const fn all() -> u32 {
    u32::MAX
}

/// One interaction.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct InteractionView {
    /// Its id in the history.
    pub id: u64,
    /// The content.
    pub content: String,
    /// Type of the interaction.
    #[serde(rename = "type")]
    pub kind: String,
    /// Value of the interaction.
    pub value: Option<f32>,
    /// Event time.
    pub at: Timestamp,
}

/// The answer to [`GetHistory`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct HistoryView {
    /// Newest first by event time.
    pub interactions: Vec<InteractionView>,
    /// Number of interactions recorded, including those that the history has dropped.
    pub recorded: u64,
}

/// Reads the inputs of a recommender.
#[query("get-inputs.v1", reply = Inputs)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetInputs {}

/// The answer to [`GetInputs`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Inputs {
    /// Distinct contents of the history, newest first.
    pub contents: Vec<String>,
}

/// Reads what the member was last shown.
#[query("get-predictions.v1", reply = Option<Predictions>)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetPredictions {}
