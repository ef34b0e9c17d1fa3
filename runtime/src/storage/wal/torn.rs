//! The frames that survive a crash without a sync, for a simulated disk.

use super::frame::{self, Parsed};
use crate::address::ShardId;
use crate::storage::Record;

/// Records that are read back if only a first part of these appends' bytes reached the disk. `keep` maps the total
/// number of bytes to the number that survives.
///
/// # Errors
/// The surviving bytes do not decode to what was written.
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
    while let Parsed::Frame { shard, body, next } = frame::look(&bytes, at, 1) {
        out.extend(frame::records(body)?.into_iter().map(|record| (shard, record)));
        at = next;
    }
    Ok(out)
}
