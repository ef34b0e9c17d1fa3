//! The newest messages of a shard, for whoever looks at one entity.

use std::collections::VecDeque;
use std::hash::{BuildHasher, BuildHasherDefault};

use crate::address::Address;
use crate::observe::MessageView;
use crate::replication::Mono;
use crate::time::Timestamp;

/// Most messages shown of one entity.
const SHOWN_MAX: usize = 100;

/// Who sent a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    /// Something outside the entities: an SDK, the gateway, the console.
    Client,
    /// An entity of the same shard, in the same entry.
    Neighbour,
    /// An entity of another shard.
    Shard(u32),
}

/// One message, small: the ring of a busy shard turns quickly.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) to: u64,
    pub(super) at: Timestamp,
    pub(super) verb: &'static str,
    pub(super) caller: Caller,
    pub(super) arrived: Mono,
    pub(super) took_us: u32,
    pub(super) events: u16,
    pub(super) error: Option<Box<str>>,
}

/// The ring.
#[derive(Debug)]
pub(super) struct Recent {
    ring: VecDeque<Message>,
    /// The serial number of the next message.
    next: u64,
    max: usize,
}

impl Recent {
    pub(super) fn new(max: u32) -> Self {
        Self { ring: VecDeque::new(), next: 0, max: max as usize }
    }

    /// Takes a message and gives it a serial number.
    pub(super) fn push(&mut self, message: Message) -> u64 {
        self.next += 1;
        if self.max > 0 {
            if self.ring.len() >= self.max {
                self.ring.pop_front();
            }
            self.ring.push_back(message);
        }
        self.next - 1
    }

    /// Notes that the answer to a message leaves now.
    pub(super) fn released(&mut self, serial: u64, now: Mono) {
        let age = usize::try_from(self.next - serial).unwrap_or(usize::MAX);
        let place = self.ring.len().checked_sub(age);
        if let Some(message) = place.and_then(|place| self.ring.get_mut(place)) {
            message.took_us = u32::try_from(now.saturating_sub(message.arrived)).unwrap_or(u32::MAX);
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
    fn an_answer_finds_its_message_until_the_ring_has_turned() {
        let to = Address { kind: "notes".to_owned(), key: "a".to_owned() };
        for (name, max, released, expected) in [
            ("none yet", 4, None, vec![0, 0, 0]),
            ("the newest", 4, Some(2), vec![50, 0, 0]),
            ("the oldest", 4, Some(0), vec![0, 0, 50]),
            ("one that was pushed out", 2, Some(0), vec![0, 0]),
            ("the oldest that is left", 2, Some(1), vec![0, 50]),
            ("a ring of none", 0, Some(1), vec![]),
        ] {
            let mut recent = Recent::new(max);
            for _ in 0..3 {
                recent.push(Message {
                    to: name_hash(&to.kind, &to.key),
                    at: Timestamp(1),
                    verb: "write.v1",
                    caller: Caller::Client,
                    arrived: 100,
                    took_us: 0,
                    events: 1,
                    error: None,
                });
            }
            if let Some(serial) = released {
                recent.released(serial, 150);
            }
            let took: Vec<u64> = recent.of(&to).iter().map(|message| message.took_us).collect();
            assert_eq!(took, expected, "{name}");
        }
    }
}
