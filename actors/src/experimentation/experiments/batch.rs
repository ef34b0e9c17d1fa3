//! The variations of a set of members known in advance.

use bincode::{Decode, Encode};
use serde::Serialize;

/// The assignment of a set of members known in advance.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Batch {
    /// Member id and position of its variation, sorted by id.
    pub(super) members: Vec<(String, u8)>,
}

impl Batch {
    /// Number of members.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether the batch is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The position of a member's variation.
    #[must_use]
    pub fn place(&self, member: &str) -> Option<usize> {
        let at = self.members.binary_search_by(|(id, _)| id.as_str().cmp(member)).ok()?;
        self.members.get(at).map(|(_, place)| usize::from(*place))
    }

    /// The members of a variation.
    pub fn of(&self, place: usize) -> impl Iterator<Item = &str> {
        self.members.iter().filter(move |(_, at)| usize::from(*at) == place).map(|(id, _)| id.as_str())
    }
}
