//! Messages of a model.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Address, Timestamp, command, query};

use troupe_lake::Sha256;

/// Stage of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Published, not serving.
    Staging,
    /// Serves by default. A model has at most one.
    Champion,
    /// Serves beside the champion, for an experiment. A model has at most one.
    Challenger,
    /// Retired, or never to be served.
    Archived,
}

/// Origin of a version.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lineage {
    /// Number of events in the training data.
    pub events: u64,
    /// Event time of the first event, in milliseconds since the epoch.
    pub from_ms: u64,
    /// Event time of the last event, in milliseconds since the epoch.
    pub to_ms: u64,
    /// Hyperparameters.
    pub parameters: BTreeMap<String, f64>,
    /// The trainer's seed.
    pub seed: u64,
    /// Duration of the training, in seconds.
    pub seconds: f64,
    /// Origin of the events: `cluster`, `ml-100k`.
    pub dataset: String,
    /// Time when the training ended.
    pub trained_at: Option<Timestamp>,
}

/// Publishes a version. The publisher has loaded the artifact and run it once: an artifact that does not load is
/// refused before this message.
#[command("publish.v1", reply = Published, repeatable)]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    /// Training algorithm: `ease`, `ials`.
    pub algorithm: String,
    /// The ONNX object in the lake.
    pub artifact: Sha256,
    /// The vocabulary object in the lake.
    pub vocabulary: Sha256,
    /// Contents in the vocabulary.
    pub items: u32,
    /// Quality metrics by name: `ndcg@10`.
    #[serde(default)]
    pub metrics: BTreeMap<String, f64>,
    /// Origin of the version.
    #[serde(default)]
    pub lineage: Lineage,
}

/// The answer to [`Publish`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Published {
    /// The version. If the same artifact was published before and is not archived, its version.
    pub version: u32,
}

/// Moves a version to another stage. The previous champion or challenger is archived.
#[command("promote.v1", reply = Promoted, repeatable)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promote {
    /// The version.
    pub version: u32,
    /// Its new stage.
    pub to: Stage,
    /// The revision that the caller last read; a newer revision refuses the call.
    pub seen: u64,
}

/// The answer to [`Promote`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Promoted {
    /// The new revision of the model.
    pub revision: u64,
}

/// Moves a version to another stage on behalf of an entity, regardless of the revision. It is never refused: the
/// owner receives the result as an [`Advanced`].
#[command("advance.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Advance {
    /// The version.
    pub version: u32,
    /// Its new stage.
    pub to: Stage,
    /// The entity that receives the result.
    pub owner: Address,
    /// The owner's id of the request.
    pub id: String,
}

/// The result of an [`Advance`], sent to its owner.
#[command("advanced.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Advanced {
    /// The owner's id of the request.
    pub id: String,
    /// Why the version is not at that stage; `None` if it is.
    pub refused: Option<String>,
}

/// Reads the whole state.
#[query("get.v1", reply = ModelView)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetModel {}

/// One version.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct VersionView {
    /// Its number.
    pub version: u32,
    /// Stage.
    pub stage: Stage,
    /// Time of publication.
    pub at: Timestamp,
    /// The publication.
    pub published: Publish,
}

/// The answer to [`GetModel`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct ModelView {
    /// Number of changes.
    pub revision: u64,
    /// All versions, oldest first.
    pub versions: Vec<VersionView>,
}
