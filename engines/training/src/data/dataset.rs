//! Interned interactions, by member.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One interaction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Interaction {
    /// The member's id.
    pub member: String,
    /// The content's id.
    pub content: String,
    /// The value, such as a rating's stars.
    pub value: f32,
    /// Time in milliseconds since the epoch.
    pub at_ms: u64,
}

/// Interactions with ids replaced by indices of sorted vocabularies, so that the same data gives the same indices.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// Content ids; numbers are sorted as numbers.
    pub contents: Vec<String>,
    /// Member ids.
    pub members: Vec<String>,
    /// For each member the contents and times, by time and then by content.
    pub rows: Vec<Vec<(u32, u64)>>,
}

impl Dataset {
    /// Interns interactions. Of several interactions of a member with one content, the first counts.
    #[must_use]
    pub fn new(interactions: &[Interaction]) -> Self {
        let contents = vocabulary(interactions.iter().map(|one| one.content.as_str()));
        let members = vocabulary(interactions.iter().map(|one| one.member.as_str()));
        let content_at = places(&contents);
        let member_at = places(&members);
        let mut rows = vec![Vec::new(); members.len()];
        for one in interactions {
            let (member, content) = (member_at[one.member.as_str()], content_at[one.content.as_str()]);
            rows[member as usize].push((content, one.at_ms));
        }
        for row in &mut rows {
            row.sort_by_key(|(content, at)| (*at, *content));
            let mut seen = std::collections::HashSet::new();
            row.retain(|(content, _)| seen.insert(*content));
        }
        Self { contents, members, rows }
    }

    /// Interactions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.iter().map(Vec::len).sum()
    }

    /// Whether the dataset is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.iter().all(Vec::is_empty)
    }

    /// Contents of each member, without times.
    #[must_use]
    pub fn histories(&self) -> Vec<Vec<u32>> {
        self.rows.iter().map(|row| row.iter().map(|(content, _)| *content).collect()).collect()
    }
}

fn vocabulary<'a>(ids: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut ids: Vec<&str> = ids.collect();
    ids.sort_unstable_by_key(|id| (id.parse::<u64>().unwrap_or(u64::MAX), *id));
    ids.dedup();
    ids.into_iter().map(str::to_owned).collect()
}

fn places(ids: &[String]) -> BTreeMap<&str, u32> {
    ids.iter().zip(0..).map(|(id, place)| (id.as_str(), place)).collect()
}
