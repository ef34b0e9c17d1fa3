//! What a model's traffic can be told and asked, and what it tells whoever steers it.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Address, Command, Query, Timestamp};

use super::queue::Waiter;
use super::split::Split;
use crate::stored::NamedFields;

/// Sets who gets what.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetTraffic {
    /// Who holds it from now on: a deployment's key, or a person.
    pub by: String,
    /// The whole of it. A production of 0 is the champion as it is when this is decided.
    pub split: NamedFields<Split>,
    /// Who is told what became of it by a [`TrafficSet`]; then it is never refused, and waits for its turn if somebody else
    /// holds the traffic.
    #[serde(default)]
    pub owner: Option<Address>,
    /// By which the owner knows its question.
    #[serde(default)]
    pub id: String,
}

impl Command for SetTraffic {
    const VERB: &'static str = "set.v1";
    /// The revision from here on.
    type Reply = u64;
    const REPEATABLE: bool = true;
}

/// Ends the holding of a split: the first of those that wait for it is next. Of somebody who does not hold it, it ends the
/// waiting for it, and changes nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GiveBack {
    /// Who held it.
    pub by: String,
    /// Whether the split stays for others to change; without, the champion answers everybody at once.
    #[serde(default)]
    pub keep: bool,
    /// Why, for people.
    #[serde(default)]
    pub why: String,
}

impl Command for GiveBack {
    const VERB: &'static str = "give-back.v1";
    /// Whether it was held.
    type Reply = bool;
    const REPEATABLE: bool = true;
}

/// Tells an owner what became of its [`SetTraffic`]: one that waits for its turn is told that at once, and the split when it
/// has come.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrafficSet {
    /// The owner's question.
    pub id: String,
    /// The split as it is from now on, if it was set.
    pub split: NamedFields<Option<Split>>,
    /// Why it was not set; none if it was.
    pub refused: Option<String>,
}

impl Command for TrafficSet {
    const VERB: &'static str = "traffic-set.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// One change, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// What it was from then on; none where the champion answers everybody.
    pub split: Option<Split>,
    /// Why, if that was said.
    #[serde(default)]
    pub why: String,
}

/// Asks for everything.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetTraffic {}

/// The answer to [`GetTraffic`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct TrafficView {
    /// Counts changes.
    pub revision: u64,
    /// Who holds it.
    pub by: Option<String>,
    /// Who gets what; none where the champion answers everybody.
    pub split: NamedFields<Option<Split>>,
    /// Newest last.
    pub changes: NamedFields<Vec<Change>>,
    /// Who waits for it, who came first in front.
    pub waiting: NamedFields<Vec<Waiter>>,
}

impl Query for GetTraffic {
    const VERB: &'static str = "get.v1";
    type Reply = TrafficView;
}
