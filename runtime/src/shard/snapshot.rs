//! A shard's whole state on its way to a replica that is too far behind.
//!
//! The snapshot is the content of the store's newest checkpoint. It is read on the store's thread, so that it is the
//! state of one moment. The Raft message travels in front of it with the checkpoint's own index.

use std::ops::ControlFlow;

use bincode::{Decode, Encode};
use protobuf::Message as _;
use raft::eraftpb::{Message, Snapshot};

use super::cells::META_KEY;
use super::entities::Entities;
use super::output::meta_batch;
use super::replica::Replica;
use super::shard_meta::decode_meta;
use super::sink::Sink;
use super::state_machine::StateMachine;
use super::world::Unread;
use crate::address::ShardId;
use crate::replication::SnapshotMark;
use crate::storage::{Store, StoreBatch, StoreError};
use crate::wire;

/// Format of the blob.
const FORMAT: u8 = 1;
/// Bytes written to the store at once while installing.
const WRITE_BYTES_MAX: usize = 1 << 20;

type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

#[derive(Encode, Decode)]
struct Blob {
    message: Vec<u8>,
    pairs: Pairs,
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
    let meta = store
        .get(shard, META_KEY)
        .map_err(|error| error.to_string())?
        .ok_or_else(|| "no checkpoint to send".to_owned())?;
    let (mark, _) = decode_meta(&meta)?;
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

/// The Raft message in a blob, with the state as its data.
pub(super) fn open(blob: &[u8]) -> Result<Message, String> {
    let blob = match blob.split_first() {
        Some((&FORMAT, rest)) => wire::decode_snapshot::<Blob>(rest)?,
        _ => return Err("a snapshot of another format".to_owned()),
    };
    let mut message = Message::parse_from_bytes(&blob.message).map_err(|error| error.to_string())?;
    message.mut_snapshot().data = wire::encode(&blob.pairs).into();
    Ok(message)
}

impl Replica {
    /// What a shard's checkpoint in the store covers; index zero without one.
    ///
    /// # Errors
    /// A store that cannot be read now, or a checkpoint that is damaged.
    pub fn stored_mark(store: &dyn Store, shard: ShardId) -> Result<SnapshotMark, Unread> {
        let unread = |error: StoreError| match error.corrupt {
            true => Unread::Lost(error.to_string()),
            false => Unread::Unavailable(error.to_string()),
        };
        match store.get(shard, META_KEY).map_err(unread)? {
            Some(bytes) => decode_meta(&bytes).map(|(mark, _)| mark).map_err(Unread::Lost),
            None => Ok(SnapshotMark::default()),
        }
    }
}

impl StateMachine {
    /// Replaces the state by a snapshot that raft-rs accepted.
    pub(super) fn install(&mut self, snapshot: &Snapshot, sink: &mut Sink) -> Result<(), String> {
        let pairs: Pairs = wire::decode_snapshot(&snapshot.data)?;
        let fence = self.checkpoints.fence().clone();
        // Held to the end: a checkpoint under way is written before, or never.
        let _passed = fence.pass();
        let mark = self.entities.replace(pairs, self.snapshot_pace)?;
        self.applied = mark.index;
        self.checkpoints.replace(mark.index);
        sink.note("snapshot_installed", format!("up to entry {}", mark.index));
        if self.group.shard() == ShardId::CONTROL {
            self.entities.publish_all(sink)?;
            // In one step: a reader must never find a cluster without experiments, models and nodes.
            self.entities.globals.replace(std::mem::take(&mut sink.out.published));
        }
        Ok(())
    }
}

impl Entities {
    /// Replaces the stored and the resident state. The shard's record is deleted first and written last: without it the
    /// store's content does not count, so a crash in between leaves a replica that knows it is incomplete.
    fn replace(&mut self, pairs: Pairs, pace: u64) -> Result<SnapshotMark, String> {
        let shard = self.shard;
        let fail = |error: StoreError| error.to_string();
        self.store
            .write(shard, StoreBatch { puts: Vec::new(), deletes: vec![META_KEY.to_vec()] })
            .map_err(fail)?;
        self.store.clear(shard).map_err(fail)?;
        let mut batch = StoreBatch::default();
        let mut bytes = 0;
        let mut meta = None;
        for (key, value) in pairs {
            if key == META_KEY {
                meta = Some(value);
                continue;
            }
            bytes += key.len() + value.len();
            batch.puts.push((key, value));
            if bytes > WRITE_BYTES_MAX {
                self.store.write(shard, std::mem::take(&mut batch)).map_err(fail)?;
                // Twice as fast as it was sent: the rest waits in memory.
                self.store.give_way(bytes as u64, 2 * pace);
                bytes = 0;
            }
        }
        let meta = meta.ok_or_else(|| "a snapshot without the shard's record".to_owned())?;
        let (mark, decoded) = decode_meta(&meta)?;
        self.store.write(shard, batch).map_err(fail)?;
        self.store.write(shard, meta_batch(meta)).map_err(fail)?;
        self.cells.clear();
        self.meta = decoded;
        Ok(mark)
    }
}
