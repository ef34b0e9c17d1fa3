//! The store of checkpoints, whatever engine keeps it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crate::address::ShardId;

/// A store that could not do what it was asked; the replica that asked is rebuilt from its log or its peers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("store ({engine}): {what}")]
pub struct StoreError {
    /// `sled` or `fjall`.
    pub engine: &'static str,
    /// What failed, in the engine's words.
    pub what: String,
    /// Whether what it holds is damaged. What merely cannot be read or written now may be whole.
    pub corrupt: bool,
}

/// Changes that are made in one go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreBatch {
    /// Key and value; replaces.
    pub puts: Vec<(Vec<u8>, Vec<u8>)>,
    /// Keys to forget; absent ones are no error.
    pub deletes: Vec<Vec<u8>>,
}

/// Looks at a pair, and says whether to go on.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// Shows pairs in memory whose key begins so, in order of keys, until told to stop.
pub(crate) fn visit_pairs(pairs: &BTreeMap<Vec<u8>, Vec<u8>>, prefix: &[u8], visit: &mut Visit<'_>) {
    for (key, value) in pairs.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(prefix)) {
        if visit(key, value).is_break() {
            break;
        }
    }
}

/// A store of key-value pairs, a space for each shard. Blocking: point reads may be called from a shard's turn, all
/// else from the store's own thread.
pub trait Store: Send + Sync + 'static {
    /// The value of a key.
    ///
    /// # Errors
    /// The engine's failure.
    fn get(&self, shard: ShardId, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Applies the batch; on return it survives a crash. A crash or a failure in between leaves any part of it: what
    /// vouches for other pairs goes into a batch of its own, after theirs.
    ///
    /// # Errors
    /// The engine's failure.
    fn write(&self, shard: ShardId, batch: StoreBatch) -> Result<(), StoreError>;

    /// Visits pairs whose key starts with `prefix`, in key order, until told to stop.
    ///
    /// # Errors
    /// The engine's failure.
    fn scan(&self, shard: ShardId, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError>;

    /// Forgets everything of a shard; on return that survives a crash. Not atomic: a crash in between leaves a part.
    ///
    /// # Errors
    /// The engine's failure.
    fn clear(&self, shard: ShardId) -> Result<(), StoreError>;

    /// Between two parts of something large: leaves the disk to others for as long as so many bytes take at a pace. Only
    /// from threads on which nobody waits.
    fn give_way(&self, _bytes: u64, _bytes_per_s: u64) {}
}
