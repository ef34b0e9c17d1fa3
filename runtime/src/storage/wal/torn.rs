//! What a crash leaves of frames that were written and not synced, for a simulated disk.

use super::frame::{self, Found};
use crate::address::ShardId;
use crate::storage::Record;

/// Records that are read back when of the bytes of these appends only the first so many, as `keep` says of all, reached
/// the disk.
///
/// # Errors
/// Bytes that are not what was written.
pub(crate) fn survivors(
    tail: &[(ShardId, &[Record])],
    keep: impl FnOnce(usize) -> usize,
) -> Result<Vec<(ShardId, Record)>, String> {
    let mut bytes = Vec::new();
    for (shard, records) in tail {
        frame::push(&mut bytes, 1, *shard, records);
    }
    bytes.truncate(keep(bytes.len()));
    let (mut out, mut at) = (Vec::new(), 0);
    while let Found::Frame { shard, body, next } = frame::look(&bytes, at, 1) {
        out.extend(frame::records(body)?.into_iter().map(|record| (shard, record)));
        at = next;
    }
    Ok(out)
}
