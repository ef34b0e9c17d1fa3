//! Subjects of death watch, and the notice of an end.

use std::fmt;
use std::str::FromStr;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::address::{Address, NodeId};
use crate::observe::Lifecycle;
use crate::text::cut;

/// A watched subject.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A node's process.
    Node(NodeId),
    /// An actor in a node's supervision tree: `node-2/shards/shard-7`.
    Actor {
        /// The node.
        node: NodeId,
        /// Its path.
        path: String,
    },
    /// An entity, at the leader of its shard.
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

/// A text that names no subject.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} cannot be watched: write node-2, node-2/shards/shard-7, or an entity as members/42")]
pub struct NotASubject(String);

impl FromStr for Subject {
    type Err = NotASubject;

    /// `node-2` is a node, `node-2/shards/shard-7` an actor of its tree, `members/42` an entity.
    fn from_str(text: &str) -> Result<Self, NotASubject> {
        let wrong = || NotASubject(cut(text, 64));
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
    /// It was stopped, or had finished.
    Stopped,
    /// It failed. The supervisor restarts it if its strategy says so; an entity is rebuilt at its next message.
    Failed,
    /// It failed too often and is in quarantine: it is not restarted automatically.
    GaveUp,
    /// Its node does not answer, or was restarted.
    NodeDown,
    /// The actor does not exist.
    Missing,
}

/// A death notice.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Death {
    /// The subject.
    pub subject: Subject,
    /// How it ended.
    pub ending: Ending,
    /// The reason as text.
    pub reason: String,
}

impl Ending {
    /// The end that a journal record reports, if it reports one.
    pub(super) fn of(record: &Lifecycle) -> Option<Self> {
        match record.change.as_str() {
            "stopped" => Some(Self::Stopped),
            "failed" | "fault" => Some(Self::Failed),
            "gave_up" | "given_up" => Some(Self::GaveUp),
            _ => None,
        }
    }
}
