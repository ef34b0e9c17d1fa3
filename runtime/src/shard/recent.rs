//! The newest messages of a shard, to show with one entity.

use std::collections::VecDeque;
use std::hash::{BuildHasher, BuildHasherDefault};

use crate::address::Address;
use crate::error::AskError;
use crate::observe::MessageView;
use crate::time::Timestamp;

/// Messages shown of one entity, at most.
const SHOWN_MAX: usize = 100;

/// The sender of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    /// Code outside the entities: an SDK, the gateway, the console.
    Client,
    /// An entity of the same shard, in the same entry.
    Neighbour,
    /// An entity of another shard.
    Shard(u32),
    /// The entity itself, by a timer.
    Timer,
}

/// One message. It is small, because the ring of a busy shard turns quickly.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) to: u64,
    pub(super) at: Timestamp,
    pub(super) verb: &'static str,
    pub(super) caller: Caller,
    /// Microseconds from arrival to answer; zero until then, and for effects, which are not answered.
    pub(super) took_us: u32,
    pub(super) events: u16,
    pub(super) error: Option<Box<str>>,
}

/// The ring of messages.
#[derive(Debug)]
pub(super) struct Recent {
    ring: VecDeque<Message>,
    /// Messages ever pushed.
    pushed: u64,
    max: usize,
}

impl Recent {
    pub(super) fn new(max: u32) -> Self {
        Self { ring: VecDeque::new(), pushed: 0, max: max as usize }
    }

    fn push(&mut self, message: Message) -> u64 {
        if self.max == 0 {
            return 0;
        }
        if self.ring.len() >= self.max {
            self.ring.pop_front();
        }
        self.ring.push_back(message);
        self.pushed += 1;
        self.pushed
    }

    /// Takes a message that an entity was sent; its number is for [`Recent::finish`].
    pub(super) fn remember(
        &mut self,
        to: &Address,
        verb: &'static str,
        caller: Caller,
        events: usize,
        error: Option<&AskError>,
        at: Timestamp,
    ) -> u64 {
        self.push(Message {
            to: name_hash(&to.kind, &to.key),
            at,
            verb,
            caller,
            took_us: 0,
            events: u16::try_from(events).unwrap_or(u16::MAX),
            error: error.map(|error| error.code().into()),
        })
    }

    /// Notes how long a message took if the ring still holds it. Number zero is never in the ring.
    pub(super) fn finish(&mut self, number: u64, took_us: u64) {
        let behind = self.pushed.wrapping_sub(number);
        let place = usize::try_from(behind).ok().and_then(|behind| self.ring.len().checked_sub(behind + 1));
        if let Some(message) = place.and_then(|place| self.ring.get_mut(place)).filter(|_| number > 0) {
            message.took_us = u32::try_from(took_us).unwrap_or(u32::MAX);
        }
    }

    /// The entity's messages, newest first.
    pub(super) fn of(&self, to: &Address) -> Vec<MessageView> {
        let hash = name_hash(&to.kind, &to.key);
        let view = |message: &Message| MessageView {
            at: message.at,
            verb: message.verb.to_owned(),
            caller: match message.caller {
                Caller::Client => "client".to_owned(),
                Caller::Timer => "a timer of its own".to_owned(),
                Caller::Neighbour => "an entity of this shard".to_owned(),
                Caller::Shard(shard) => format!("an entity of shard {shard}"),
            },
            took_us: u64::from(message.took_us),
            events: u32::from(message.events),
            error: message.error.as_deref().map(str::to_owned),
        };
        self.ring.iter().rev().filter(|message| message.to == hash).take(SHOWN_MAX).map(view).collect()
    }
}

/// A short name for an entity within the ring.
pub(super) fn name_hash(kind: &str, key: &str) -> u64 {
    BuildHasherDefault::<xxhash_rust::xxh3::Xxh3>::default().hash_one((kind, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_that_a_message_took_is_noted_while_the_ring_still_holds_it() {
        let to = Address { kind: "k".into(), key: "a".into() };
        let mut recent = Recent::new(2);
        let message = Message {
            to: name_hash("k", "a"),
            at: Timestamp(1),
            verb: "v",
            caller: Caller::Client,
            took_us: 0,
            events: 0,
            error: None,
        };
        let numbers: Vec<u64> = (0..3).map(|_| recent.push(message.clone())).collect();
        for (number, took) in numbers.into_iter().zip([10, 20, 30]).chain([(0, 40), (9, 50)]) {
            recent.finish(number, took);
        }
        let took: Vec<u64> = recent.of(&to).iter().map(|message| message.took_us).collect();
        assert_eq!(took, [30, 20]);
        assert_eq!(Recent::new(0).push(message), 0);
    }
}
