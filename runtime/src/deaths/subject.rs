//! What can be watched, and what is told of its end.

use std::fmt;
use std::str::FromStr;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::address::{Address, NodeId};
use crate::observe::Lifecycle;

/// Who is watched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A node's process.
    Node(NodeId),
    /// An actor in a node's supervision tree: `node-2/shards/shard-7`.
    Actor {
        /// Where.
        node: NodeId,
        /// Its path.
        path: String,
    },
    /// An entity, wherever its shard is led.
    Entity(Address),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(node) => write!(f, "node-{node}"),
            Self::Actor { path, .. } => path.fmt(f),
            Self::Entity(address) => address.fmt(f),
        }
    }
}

/// Why a text names nothing that could be watched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} names nothing to watch: say node-2, node-2/shards/shard-7, or an entity as members/42")]
pub struct NotASubject(String);

impl FromStr for Subject {
    type Err = NotASubject;

    /// `node-2` is a node, `node-2/shards/shard-7` an actor of its tree, `members/42` an entity.
    fn from_str(text: &str) -> Result<Self, NotASubject> {
        let wrong = || NotASubject(text.chars().take(64).collect());
        let (first, rest) = text.split_once('/').map_or((text, None), |(first, rest)| (first, Some(rest)));
        let node = first.strip_prefix("node-").and_then(|id| id.parse().ok()).map(NodeId);
        match (node, rest) {
            (Some(node), None) => Ok(Self::Node(node)),
            (Some(node), Some(rest)) if !rest.is_empty() => Ok(Self::Actor { node, path: text.to_owned() }),
            (None, Some(key)) if !first.is_empty() => {
                Address::parse_parts(first, key).map(Self::Entity).map_err(|_| wrong())
            }
            _ => Err(wrong()),
        }
    }
}

/// How an incarnation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It was stopped, or had nothing more to do.
    Stopped,
    /// It failed; its supervisor starts it anew if its strategy says so. An entity's next message finds it folded anew.
    Failed,
    /// It failed too often: it is not started again by itself.
    GaveUp,
    /// Its node no longer answers, or was started anew.
    NodeDown,
    /// There is no such actor.
    Missing,
}

/// An end, as it is told to who watched.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Death {
    /// Whose.
    pub subject: Subject,
    /// How.
    pub ending: Ending,
    /// Why, in words.
    pub reason: String,
}

impl Ending {
    /// The end that a record of the journal tells of, if it does.
    pub(super) fn of(record: &Lifecycle) -> Option<Self> {
        match record.change.as_str() {
            "stopped" => Some(Self::Stopped),
            "failed" | "fault" => Some(Self::Failed),
            "gave_up" | "given_up" => Some(Self::GaveUp),
            _ => None,
        }
    }
}
