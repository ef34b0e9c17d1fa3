//! Names of things in a cluster: nodes, shards and entities.

use std::fmt;
use std::str::FromStr;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::text::cut;

/// Longest key accepted, in bytes.
pub const KEY_BYTES_MAX: usize = 256;

/// A node's number in `cluster.toml`, 1 to 65535. It never changes while the node's name stays the same.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct NodeId(pub u16);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A Raft group. Zero is the control group, replicated on every node; data shards are numbered from one.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct ShardId(pub u32);

impl ShardId {
    /// The control group.
    pub const CONTROL: Self = Self(0);
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// `kind/key`: the name of one entity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize, Deserialize)]
pub struct Address {
    /// The entity's kind, for example `members`.
    pub kind: String,
    /// The key within the kind, 1 to [`KEY_BYTES_MAX`] bytes without control characters.
    pub key: String,
}

/// A kind or key that cannot name an entity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// No `/` between kind and key.
    #[error("address {0:?} has no `/`: write kind/key")]
    NoSlash(String),
    /// The key is empty, too long, or holds a control character.
    #[error("key must be 1 to {KEY_BYTES_MAX} bytes without control characters, got {0:?}")]
    BadKey(String),
}

impl Address {
    /// An address from parts that come from outside.
    ///
    /// # Errors
    /// [`AddressError::BadKey`] when the key cannot name an entity.
    pub fn parse_parts(kind: &str, key: &str) -> Result<Self, AddressError> {
        if key.is_empty() || key.len() > KEY_BYTES_MAX || key.chars().any(char::is_control) {
            return Err(AddressError::BadKey(cut(key, 64)));
        }
        Ok(Self { kind: kind.to_owned(), key: key.to_owned() })
    }

    /// The part of the key that decides the shard: the text in the first braces, or the whole key.
    #[must_use]
    pub fn tag(&self) -> &str {
        tag_of(&self.key)
    }

    /// The data shard of a sharded kind, in `1..=shards`.
    #[must_use]
    pub fn shard(&self, shards: u32) -> ShardId {
        let slot = xxh3_64(self.tag().as_bytes()) % u64::from(shards.max(1));
        ShardId(1 + u32::try_from(slot).unwrap_or(0))
    }
}

/// As in Redis Cluster: `{m42}:recent` has the tag `m42`; a key without a non-empty pair of braces is its own tag.
fn tag_of(key: &str) -> &str {
    let Some((_, after)) = key.split_once('{') else { return key };
    match after.split_once('}') {
        Some((tag, _)) if !tag.is_empty() => tag,
        _ => key,
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.key)
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, key) = text.split_once('/').ok_or_else(|| AddressError::NoSlash(text.to_owned()))?;
        Self::parse_parts(kind, key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_braces_shares_the_shard_of_its_tag() {
        for (key, tag) in [
            ("m42", "m42"),
            ("{m42}:recent", "m42"),
            ("x{m42}y{z}", "m42"),
            ("{}m", "{}m"),
            ("{open", "{open"),
            ("a}b{c}", "c"),
        ] {
            assert_eq!(tag_of(key), tag, "{key}");
        }
        let member = Address { kind: "members".into(), key: "m42".into() };
        let feature = Address { kind: "features".into(), key: "{m42}:recent".into() };
        assert_eq!(member.shard(64), feature.shard(64));
    }

    #[test]
    fn an_address_that_cannot_name_an_entity_is_refused() {
        for text in ["members", "members/", "members/a\nb", &format!("members/{}", "k".repeat(257))] {
            assert!(text.parse::<Address>().is_err(), "{text:?}");
        }
        assert_eq!("members/a/b".parse::<Address>().map(|a| a.key), Ok("a/b".to_owned()));
    }

    #[test]
    fn placement_is_pinned_because_a_stored_cluster_depends_on_it() {
        let shards: Vec<u32> = ["1", "42", "943", "m42"]
            .iter()
            .map(|key| Address { kind: "members".into(), key: (*key).into() }.shard(32).0)
            .collect();
        assert!(shards.iter().all(|shard| (1..=32).contains(shard)));
        assert_eq!(xxh3_64(b"m42") % 32 + 1, u64::from(shards[3]));
    }
}
