//! The commands and queries of a signal.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Address, Command, Query, Timestamp};

/// Raises the signal. A repetition with the same id and sender changes nothing.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raise {
    /// The sender's id of the event. It must be unique among the signal's newest raises.
    pub id: String,
    /// The sender: `monitors/movies`.
    pub from: String,
    /// Time of the event.
    pub at: Timestamp,
    /// Parameters for the subscribers: at most 32, of 256 bytes each and 4 KiB together.
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
    /// Whether the same raise came before.
    pub duplicate: bool,
    /// The number of the raise, from 1.
    pub seq: u64,
}

/// Subscribes to later raises. A repetition with the same id changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscribe {
    /// The subscriber; its kind must decide [`Heard`].
    pub to: Address,
    /// The subscriber's id of this subscription.
    pub id: String,
    /// Number of a raise: later ones that are still kept are sent too. If absent, no past raise is sent.
    #[serde(default)]
    pub since: Option<u64>,
}

impl Command for Subscribe {
    const VERB: &'static str = "subscribe.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Ends a subscription. Raises sent before may still arrive.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unsubscribe {
    /// The subscriber.
    pub to: Address,
    /// The subscriber's id of the subscription.
    pub id: String,
}

impl Command for Unsubscribe {
    const VERB: &'static str = "unsubscribe.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Sends raises to the next subscribers that are behind; sent by its own timer.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct Spread {}

impl Command for Spread {
    const VERB: &'static str = "spread.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Reports a raise to a subscriber: each raise once, in order.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heard {
    /// The signal's name.
    pub signal: String,
    /// The subscriber's id of the subscription.
    pub subscription: String,
    /// The number of the raise, from 1.
    pub seq: u64,
    /// The raise.
    pub raise: Raise,
}

impl Command for Heard {
    const VERB: &'static str = "heard.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Reads the newest raises.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct GetSignal {}

/// The answer to [`GetSignal`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct SignalView {
    /// Number of raises, which is the number of the newest one.
    pub raised: u64,
    /// The newest raises, newest first.
    pub newest: Vec<Raise>,
    /// Number of subscriptions.
    pub subscribers: u64,
}

impl Query for GetSignal {
    const VERB: &'static str = "get.v1";
    type Reply = SignalView;
}
