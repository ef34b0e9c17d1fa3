//! The seam between HTTP and the kinds: which message an edge's request becomes, and what its reply says.
//!
//! Routes know addresses, asks and replies only as bytes; which verb records an event, or where a feature lives, is said
//! here. Everything in it is pure: the edge does the asking.

use serde_json::Value;
use troupe_actors::delivery::traffic::Role;
use troupe_inference::Recommended;
use troupe_runtime::entity::Globals;
use troupe_runtime::transport::AskOne;
use troupe_runtime::{Address, AskError};

use crate::apis::platform::events::{Fault, Line};
use crate::edge::problem::Problem;

/// What answers for a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocation {
    /// The model's name.
    pub model: String,
    /// The version that the experiment or the split of traffic chose; the champion where none is.
    pub version: Option<u32>,
    /// What that version answers as.
    pub role: Role,
    /// The experiment's variation that the member is in.
    pub variation: Option<String>,
    /// The experiment that chose.
    pub experiment: Option<String>,
}

/// A declared feature group, as far as a lookup needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// What its entities are keyed by: `member`, `content`, or the name of a circumstance.
    pub by: String,
    /// Its features.
    pub features: Vec<String>,
}

/// One feature of one entity.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureValue {
    /// The value; null where there is none.
    pub value: Value,
    /// `PRESENT`, `NOT_FOUND`, `OUTSIDE_MAX_AGE` or `NULL_VALUE`.
    pub status: String,
    /// Time of the newest event in it, in milliseconds since the epoch.
    pub at: Option<u64>,
}

/// The kinds, as the edge speaks to them.
pub trait Domain: Send + Sync + 'static {
    /// The command that records an event with its member. An event without an id gets one from its own content, so that
    /// sending it again is safe.
    ///
    /// # Errors
    /// What no member would record: an unknown type, a value out of range.
    fn record(&self, event: Line<'_>) -> Result<AskOne, Fault>;

    /// Whether the reply to [`Domain::record`] says that the event was recorded before.
    ///
    /// # Errors
    /// The reply does not decode.
    fn was_duplicate(&self, reply: &[u8]) -> Result<bool, AskError>;

    /// What answers for a member: the running experiment's choice, or a role of the model's traffic. The same member gets
    /// the same answer while neither changes. An experiment keeps its members, unless the split of traffic is to take
    /// those of its canary and baseline.
    ///
    /// # Errors
    /// The experiment named does not exist.
    fn allocate(
        &self,
        globals: &Globals,
        member: &str,
        experiment: Option<&str>,
    ) -> Result<Allocation, Problem>;

    /// The query for what a model needs to know of a member.
    fn inputs(&self, member: &Address) -> AskOne;

    /// Contents that the member interacted with, from the reply to [`Domain::inputs`].
    ///
    /// # Errors
    /// The reply does not decode.
    fn history(&self, reply: &[u8]) -> Result<Vec<String>, AskError>;

    /// The command that tells a member what it was recommended, and by which variation.
    fn remember(&self, member: &Address, allocation: &Allocation, recommended: &Recommended) -> AskOne;

    /// The query for a content's title.
    fn title_of(&self, content: &str) -> AskOne;

    /// The title, from the reply to [`Domain::title_of`]; empty where none is known.
    ///
    /// # Errors
    /// The reply does not decode.
    fn title(&self, reply: &[u8]) -> Result<String, AskError>;

    /// The declared feature groups.
    fn groups(&self, globals: &Globals) -> Vec<Group>;

    /// The query for features of the entity with this id.
    fn lookup(&self, group: &Group, id: &str, features: &[String]) -> AskOne;

    /// The values in the order of the features asked for, from the reply to [`Domain::lookup`].
    ///
    /// # Errors
    /// The reply does not decode.
    fn looked_up(&self, reply: &[u8]) -> Result<Vec<FeatureValue>, AskError>;

    /// The address of a member.
    ///
    /// # Errors
    /// The id cannot name one.
    fn member(&self, id: &str) -> Result<Address, Problem>;
}
