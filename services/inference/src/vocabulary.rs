//! The content id at each position of a model's input and output.

use std::collections::HashMap;

use super::error::LoadError;

/// Most contents of one model.
const ITEMS_MAX: usize = 1 << 20;

/// Content ids in the order of a model's items. Stored in the lake as a JSON array of strings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vocabulary {
    ids: Vec<String>,
    positions: HashMap<String, u32>,
}

impl Vocabulary {
    /// A vocabulary with the ids in this order.
    ///
    /// # Errors
    /// [`LoadError::Vocabulary`] if it is empty, has more than 2^20 ids, or has an id twice.
    pub fn new(ids: Vec<String>) -> Result<Self, LoadError> {
        if ids.is_empty() || ids.len() > ITEMS_MAX {
            let what = format!("must name 1 to {ITEMS_MAX} contents, names {}", ids.len());
            return Err(LoadError::Vocabulary(what));
        }
        let mut positions = HashMap::with_capacity(ids.len());
        for (position, id) in (0_u32..).zip(&ids) {
            if positions.insert(id.clone(), position).is_some() {
                return Err(LoadError::Vocabulary(format!("names content {id:?} twice")));
            }
        }
        Ok(Self { ids, positions })
    }

    /// Parses a vocabulary object.
    ///
    /// # Errors
    /// [`LoadError::Vocabulary`] if the bytes are not a JSON array of strings, and as [`Self::new`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LoadError> {
        let ids = serde_json::from_slice(bytes)
            .map_err(|error| LoadError::Vocabulary(format!("must be a JSON array of strings: {error}")))?;
        Self::new(ids)
    }

    /// The object's bytes.
    ///
    /// # Panics
    /// Never: strings serialize.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(&self.ids).expect("strings serialize")
    }

    /// Number of contents.
    #[must_use]
    pub fn items(&self) -> usize {
        self.ids.len()
    }

    /// The content id at a position; `None` beyond the end.
    #[must_use]
    pub fn id(&self, position: u32) -> Option<&str> {
        self.ids.get(position as usize).map(String::as_str)
    }

    /// Positions of the ids in `history`, sorted, each once; unknown ids are left out.
    #[must_use]
    pub fn positions(&self, history: &[String]) -> Vec<u32> {
        let mut found: Vec<u32> = history.iter().filter_map(|id| self.positions.get(id).copied()).collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}
