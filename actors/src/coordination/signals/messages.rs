//! The commands and queries of a signal.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Address, Timestamp, command, query};

/// Raises the signal. A repetition with the same id and sender changes nothing.
#[command("raise.v1", reply = Raised, repeatable)]
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

/// The answer to [`Raise`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Raised {
    /// Whether the same raise came before.
    pub duplicate: bool,
    /// The number of the raise, from 1.
    pub seq: u64,
}

/// Subscribes to later raises. A repetition with the same id changes nothing.
#[command("subscribe.v1", repeatable)]
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

/// Ends a subscription. Raises sent before may still arrive.
#[command("unsubscribe.v1", repeatable)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unsubscribe {
    /// The subscriber.
    pub to: Address,
    /// The subscriber's id of the subscription.
    pub id: String,
}

/// Sends raises to the next subscribers that are behind; sent by its own timer.
#[command("spread.v1", repeatable)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct Spread {}

/// Reports a raise to a subscriber: each raise once, in order.
#[command("heard.v1", repeatable)]
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

/// Reads the newest raises.
#[query("get.v1", reply = SignalView)]
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
