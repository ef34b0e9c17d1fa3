//! A shard's whole state on its way to a replica that is too far behind.
//!
//! The snapshot is what the store's newest checkpoint holds, read on the store's thread so that it is one moment's
//! state; the Raft message travels in front of it with the checkpoint's own index.

use std::ops::ControlFlow;

use bincode::{Decode, Encode};
use protobuf::Message as _;
use raft::eraftpb::{Message, Snapshot};

use super::cells::LEDGER_KEY;
use super::ledger::decode_ledger;
use super::output::ledger_batch;
use super::replica::Replica;
use super::world::Unread;
use crate::address::ShardId;
use crate::replication::SnapshotMark;
use crate::storage::{Record, Store, StoreBatch, StoreError};
use crate::wire;

/// Format of the blob.
const FORMAT: u8 = 1;
/// Pairs written to the store at once while installing.
const WRITE_BYTES_MAX: usize = 1 << 20;

#[derive(Encode, Decode)]
struct Blob {
    message: Vec<u8>,
    pairs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Builds the blob for a `MsgSnapshot` from the store.
///
/// # Errors
/// No checkpoint, a failing store, or a state larger than `bytes_max`.
pub(crate) fn build(
    store: &dyn Store,
    shard: ShardId,
    message: &[u8],
    bytes_max: u64,
) -> Result<Vec<u8>, String> {
    let mut message = Message::parse_from_bytes(message).map_err(|error| error.to_string())?;
    let ledger = store
        .get(shard, LEDGER_KEY)
        .map_err(|error| error.to_string())?
        .ok_or_else(|| "no checkpoint to send".to_owned())?;
    let (mark, _) = decode_ledger(&ledger)?;
    let metadata = message.mut_snapshot().mut_metadata();
    metadata.index = mark.index;
    metadata.term = mark.term;
    metadata.set_conf_state(mark.members);
    let mut pairs = Vec::new();
    let mut bytes = 0_u64;
    store
        .scan(shard, &[], &mut |key, value| {
            bytes += (key.len() + value.len()) as u64;
            if bytes > bytes_max {
                return ControlFlow::Break(());
            }
            pairs.push((key.to_vec(), value.to_vec()));
            ControlFlow::Continue(())
        })
        .map_err(|error| error.to_string())?;
    if bytes > bytes_max {
        return Err(format!("the shard's state is larger than raft.snapshot_bytes_max = {bytes_max}"));
    }
    let message = message.write_to_bytes().map_err(|error| error.to_string())?;
    let mut out = vec![FORMAT];
    wire::encode_into(&Blob { message, pairs }, &mut out);
    Ok(out)
}

impl Replica {
    /// Takes a whole snapshot from a peer; raft-rs decides whether it is news.
    pub fn snapshot(&mut self, blob: &[u8]) {
        let parsed = match blob.split_first() {
            Some((&FORMAT, rest)) => wire::decode_snapshot::<Blob>(rest),
            _ => Err("a snapshot of another format".to_owned()),
        };
        let parsed = parsed.and_then(|blob| {
            let message = Message::parse_from_bytes(&blob.message).map_err(|error| error.to_string())?;
            Ok((message, blob.pairs))
        });
        match parsed {
            Ok((mut message, pairs)) => {
                // The pairs travel inside the message's snapshot, where `install` finds them.
                message.mut_snapshot().data = wire::encode(&pairs).into();
                self.group.step_message(message);
            }
            Err(error) => self.note("snapshot_refused", error),
        }
    }

    /// What its log must be told before anything else: that there is a replica, where it is `fresh`, and where the log
    /// begins. That is also said to one that does not hold the checkpoint's last entry: a crash came between the store's part
    /// of a snapshot and the log's, and the next entry would not follow what the log holds.
    #[must_use]
    pub fn first_records(&self, fresh: bool) -> Vec<Record> {
        let SnapshotMark { index, term, .. } = *self.mark();
        let replica = fresh.then_some(Record::Replica { id: self.group.id().0 });
        let begins = fresh && index > 0 || self.group.begins_at_mark();
        replica.into_iter().chain(begins.then_some(Record::Reset { index, term })).collect()
    }

    /// A snapshot could not be sent; raft-rs will ask again.
    pub fn snapshot_failed(&mut self, to: crate::replication::ReplicaId, why: String) {
        self.group.snapshot_failed(to);
        self.note("snapshot_failed", format!("to node {}: {why}", to.node()));
    }

    /// What a shard's checkpoint in the store covers; index zero where there is none.
    ///
    /// # Errors
    /// A store that cannot be read now, or a checkpoint that is damaged.
    pub fn stored_mark(store: &dyn Store, shard: ShardId) -> Result<SnapshotMark, Unread> {
        let unread = |error: StoreError| match error.corrupt {
            true => Unread::Lost(error.to_string()),
            false => Unread::Unavailable(error.to_string()),
        };
        match store.get(shard, LEDGER_KEY).map_err(unread)? {
            Some(bytes) => decode_ledger(&bytes).map(|(mark, _)| mark).map_err(Unread::Lost),
            None => Ok(SnapshotMark::default()),
        }
    }

    /// Replaces the state by a snapshot that raft-rs accepted. The ledger goes in last: without it the store vouches
    /// for nothing, so a crash in between leaves a replica that knows it is incomplete.
    pub(super) fn install(&mut self, snapshot: &Snapshot) -> Result<(), String> {
        let shard = self.group.shard();
        let pairs: Vec<(Vec<u8>, Vec<u8>)> = wire::decode_snapshot(&snapshot.data)?;
        let fence = self.fence.clone();
        // Held to the end: a checkpoint under way is written before, or never.
        let _passed = fence.pass();
        let fail = |error: crate::storage::StoreError| error.to_string();
        self.store
            .write(shard, StoreBatch { puts: Vec::new(), deletes: vec![LEDGER_KEY.to_vec()] })
            .map_err(fail)?;
        self.store.clear(shard).map_err(fail)?;
        let mut batch = StoreBatch::default();
        let mut bytes = 0;
        let mut ledger = None;
        for (key, value) in pairs {
            if key == LEDGER_KEY {
                ledger = Some(value);
                continue;
            }
            bytes += key.len() + value.len();
            batch.puts.push((key, value));
            if bytes > WRITE_BYTES_MAX {
                self.store.write(shard, std::mem::take(&mut batch)).map_err(fail)?;
                // Twice as fast as it came: what waits here is in memory.
                self.store.give_way(bytes as u64, 2 * self.snapshot_pace);
                bytes = 0;
            }
        }
        let ledger = ledger.ok_or_else(|| "a snapshot without a ledger".to_owned())?;
        let (mark, decoded) = decode_ledger(&ledger)?;
        self.store.write(shard, batch).map_err(fail)?;
        self.store.write(shard, ledger_batch(ledger)).map_err(fail)?;
        self.cells.clear();
        self.ledger = decoded;
        self.applied = mark.index;
        self.checkpoint = mark.index;
        self.checkpoint_pending = None;
        self.note("snapshot_installed", format!("up to entry {}", mark.index));
        if shard == ShardId::CONTROL {
            self.publish_all()?;
            // All at once: whoever reads them meanwhile must not find a cluster without experiments, models and nodes.
            self.globals.replace(std::mem::take(&mut self.out.published));
        }
        Ok(())
    }
}
