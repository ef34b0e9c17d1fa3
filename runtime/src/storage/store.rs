//! The store of checkpoints, independent of the engine.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crate::address::ShardId;

/// A failure of the store; the replica that used it is rebuilt from its log or its peers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("store ({engine}): {what}")]
pub struct StoreError {
    /// `sled` or `fjall`.
    pub engine: &'static str,
    /// The engine's error text.
    pub what: String,
    /// Whether the stored data is damaged. Data that cannot be read or written now may be intact.
    pub corrupt: bool,
}

/// Changes of one write.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreBatch {
    /// Key and value; replaces.
    pub puts: Vec<(Vec<u8>, Vec<u8>)>,
    /// Keys to delete; absent keys are ignored.
    pub deletes: Vec<Vec<u8>>,
}

/// Visits a pair and decides whether to continue.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// Visits pairs in memory with the prefix, in key order, until `visit` breaks.
pub(crate) fn visit_pairs(pairs: &BTreeMap<Vec<u8>, Vec<u8>>, prefix: &[u8], visit: &mut Visit<'_>) {
    for (key, value) in pairs.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(prefix)) {
        if visit(key, value).is_break() {
            break;
        }
    }
}

/// A store of key-value pairs with a space for each shard. Blocking: a shard's turn may call point reads; everything
/// else runs on the store thread.
pub trait Store: Send + Sync + 'static {
    /// The value of a key.
    ///
    /// # Errors
    /// The engine's failure.
    fn get(&self, shard: ShardId, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Applies the batch; on return it is durable. A crash or a failure leaves any part of it. A pair that vouches
    /// for other pairs must be in a later batch of its own.
    ///
    /// # Errors
    /// The engine's failure.
    fn write(&self, shard: ShardId, batch: StoreBatch) -> Result<(), StoreError>;

    /// Visits pairs with the prefix in key order, until `visit` breaks.
    ///
    /// # Errors
    /// The engine's failure.
    fn scan(&self, shard: ShardId, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError>;

    /// Deletes everything of a shard; durable on return. Not atomic: a crash leaves a part.
    ///
    /// # Errors
    /// The engine's failure.
    fn clear(&self, shard: ShardId) -> Result<(), StoreError>;

    /// Rate limit between two parts of a large transfer: sleeps as long as `bytes` take at `bytes_per_s`. Only for
    /// background threads.
    fn give_way(&self, _bytes: u64, _bytes_per_s: u64) {}
}
