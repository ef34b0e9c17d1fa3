//! The newest messages of a shard, for whoever looks at one entity.

use std::collections::VecDeque;
use std::hash::{BuildHasher, BuildHasherDefault};

use crate::address::Address;
use crate::observe::MessageView;
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
    pub(super) took_us: u32,
    pub(super) events: u16,
    pub(super) error: Option<Box<str>>,
}

/// The ring.
#[derive(Debug)]
pub(super) struct Recent {
    ring: VecDeque<Message>,
    max: usize,
}

impl Recent {
    pub(super) fn new(max: u32) -> Self {
        Self { ring: VecDeque::new(), max: max as usize }
    }

    pub(super) fn push(&mut self, message: Message) {
        if self.max == 0 {
            return;
        }
        if self.ring.len() >= self.max {
            self.ring.pop_front();
        }
        self.ring.push_back(message);
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
