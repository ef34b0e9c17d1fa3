//! What a signal can be told and asked.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Address, Command, Query, Timestamp};

/// Raises the signal; a second time for the same happening changes nothing.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raise {
    /// What happened, as whoever raises it names it: unique among the signal's newest.
    pub id: String,
    /// Who raises it: `monitors/movies`.
    pub from: String,
    /// When it happened.
    pub at: Timestamp,
    /// What is told along: at most 32, of 256 bytes each and 4 KiB together.
    #[serde(default)]
    pub params: BTreeMap<String, String>,
}

impl Command for Raise {
    const VERB: &'static str = "raise.v1";
    type Reply = Raised;
    const REPEATABLE: bool = true;
}

/// The answer to [`Raise`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Raised {
    /// Whether it had been raised before.
    pub duplicate: bool,
    /// Its number among the signal's raises, from 1.
    pub seq: u64,
}

/// Hears of the signal from now on. A second time with the same id changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscribe {
    /// Who is told: its kind decides [`Heard`].
    pub to: Address,
    /// Which of its subscriptions this is.
    pub id: String,
    /// Also what was raised after this one and is still kept; nothing of the past if absent.
    #[serde(default)]
    pub since: Option<u64>,
}

impl Command for Subscribe {
    const VERB: &'static str = "subscribe.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Hears of it no more; what was told before may still be on its way.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unsubscribe {
    /// Who was told.
    pub to: Address,
    /// Which of its subscriptions.
    pub id: String,
}

impl Command for Unsubscribe {
    const VERB: &'static str = "unsubscribe.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Tells those who have not heard yet; its own timer tells it.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct Spread {}

impl Command for Spread {
    const VERB: &'static str = "spread.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// The signal was raised: told once to each subscriber for each raise, in their order.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heard {
    /// The signal's name.
    pub signal: String,
    /// Which of the subscriber's subscriptions.
    pub subscription: String,
    /// Numbers the raises of the signal, from 1.
    pub seq: u64,
    /// What happened.
    pub raise: Raise,
}

impl Command for Heard {
    const VERB: &'static str = "heard.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Asks for the newest.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetSignal {}

/// The answer to [`GetSignal`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct SignalView {
    /// How often it was raised: the number of the newest.
    pub raised: u64,
    /// Newest first.
    pub newest: Vec<Raise>,
    /// Who is told of it.
    pub subscribers: u64,
}

impl Query for GetSignal {
    const VERB: &'static str = "get.v1";
    type Reply = SignalView;
}
