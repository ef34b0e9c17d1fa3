//! What a model can be told and asked.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Address, Command, Query, Timestamp};

use troupe_lake::Sha256;

/// Where a version stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Published, and not yet serving.
    Staging,
    /// Answers when nothing else is asked for. There is at most one.
    Champion,
    /// Serves beside the champion, for an experiment to compare. There is at most one.
    Challenger,
    /// Served once, or never will.
    Archived,
}

/// Where a version comes from.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lineage {
    /// Events that it was trained on.
    pub events: u64,
    /// Event time of the first of them, in milliseconds since the epoch.
    pub from_ms: u64,
    /// Of the last.
    pub to_ms: u64,
    /// Hyperparameters.
    pub parameters: BTreeMap<String, f64>,
    /// The trainer's seed.
    pub seed: u64,
    /// Seconds that training took.
    pub seconds: f64,
    /// Where the events came from: `cluster`, `ml-100k`.
    pub dataset: String,
    /// When training ended.
    pub trained_at: Option<Timestamp>,
}

/// Publishes a version. Whoever publishes has loaded the artifact and run it once: one that does not load is refused
/// before it gets here.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    /// How it was trained: `ease`, `ials`.
    pub algorithm: String,
    /// The ONNX object in the lake.
    pub artifact: Sha256,
    /// The vocabulary object in the lake.
    pub vocabulary: Sha256,
    /// Contents in the vocabulary.
    pub items: u32,
    /// What it reached, by name: `ndcg@10`.
    #[serde(default)]
    pub metrics: BTreeMap<String, f64>,
    /// Where it comes from.
    #[serde(default)]
    pub lineage: Lineage,
}

/// The answer to [`Publish`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Published {
    /// The version; that of an earlier publication of the same artifact, if there was one and it is not archived.
    pub version: u32,
}

impl Command for Publish {
    const VERB: &'static str = "publish.v1";
    type Reply = Published;
    const REPEATABLE: bool = true;
}

/// Moves a version to another stage. Whoever held the stage of champion or challenger before is archived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promote {
    /// The version.
    pub version: u32,
    /// Its new stage.
    pub to: Stage,
    /// The revision the caller last saw; a newer one here refuses the call.
    pub seen: u64,
}

/// The answer to [`Promote`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Promoted {
    /// The model's revision from here on.
    pub revision: u64,
}

impl Command for Promote {
    const VERB: &'static str = "promote.v1";
    type Reply = Promoted;
    const REPEATABLE: bool = true;
}

/// Moves a version to another stage on behalf of an entity, whatever the revision. It is never refused: the owner is told by
/// an [`Advanced`] what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Advance {
    /// The version.
    pub version: u32,
    /// Its new stage.
    pub to: Stage,
    /// Who is told.
    pub owner: Address,
    /// By which the owner knows its question.
    pub id: String,
}

impl Command for Advance {
    const VERB: &'static str = "advance.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Tells an owner what became of its [`Advance`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Advanced {
    /// The owner's question.
    pub id: String,
    /// Why the version is not at that stage; none if it is.
    pub refused: Option<String>,
}

impl Command for Advanced {
    const VERB: &'static str = "advanced.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Asks for everything.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetModel {}

/// One version.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct VersionView {
    /// Its number.
    pub version: u32,
    /// Where it stands.
    pub stage: Stage,
    /// When it was published.
    pub at: Timestamp,
    /// What was published.
    pub published: Publish,
}

/// The answer to [`GetModel`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct ModelView {
    /// Counts changes.
    pub revision: u64,
    /// All versions, oldest first.
    pub versions: Vec<VersionView>,
}

impl Query for GetModel {
    const VERB: &'static str = "get.v1";
    type Reply = ModelView;
}
