//! The subscriptions of a signal, with the progress of each.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};
use serde::Serialize;
use serde::ser::SerializeSeq as _;
use troupe_runtime::Address;

/// Maximum number of subscriptions of one signal.
pub const SUBSCRIBERS_MAX: usize = 10_000;
/// Maximum number of sends in one log entry, so that an entry does not grow with the number of subscribers.
pub const AT_ONCE_MAX: usize = 32;

/// A subscriber, and its id of the subscription.
pub type Subscription = (Address, String);

/// The number of the newest raise sent to each subscription.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode)]
pub struct Subscribers(BTreeMap<Subscription, u64>);

impl Subscribers {
    pub(super) fn add(&mut self, subscription: Subscription, heard: u64) {
        self.0.entry(subscription).or_insert(heard);
    }

    pub(super) fn remove(&mut self, subscription: &Subscription) {
        self.0.remove(subscription);
    }

    pub(super) fn delivered(&mut self, subscription: &Subscription, seq: u64) {
        if let Some(heard) = self.0.get_mut(subscription) {
            *heard = seq.max(*heard);
        }
    }

    pub(super) fn contains(&self, subscription: &Subscription) -> bool {
        self.0.contains_key(subscription)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The subscriptions that lack a raise up to `raised`, with the number of their last one.
    pub(super) fn behind(&self, raised: u64) -> impl Iterator<Item = (&Subscription, u64)> {
        self.0
            .iter()
            .filter(move |(_, heard)| **heard < raised)
            .map(|(subscription, heard)| (subscription, *heard))
    }
}

impl Serialize for Subscribers {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for ((to, id), heard) in &self.0 {
            list.serialize_element(&(to.to_string(), id, heard))?;
        }
        list.end()
    }
}
