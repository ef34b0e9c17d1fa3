//! The batch that a leader decides, and everything that deciding reads and writes.

use super::asks::{Asks, Slot};
use super::entities::{Entities, Tail};
use super::entry::Batch;
use super::reads::Reads;
use super::sink::Sink;
use crate::replication::Mono;
use crate::time::Timestamp;

/// A batch with what its commit releases.
pub(super) struct Draft {
    pub(super) batch: Batch,
    /// The entry that it will be.
    pub(super) index: u64,
    pub(super) bytes: usize,
    pub(super) answers: Vec<(Slot, Vec<u8>)>,
    /// Control entities that it changed.
    pub(super) changed: Vec<(&'static str, String)>,
    pub(super) commands: u32,
    pub(super) now: Mono,
}

impl Draft {
    /// An empty draft of the entry at `index`, stamped `stamp`, at `now` on the shell's clock.
    pub(super) fn new(index: u64, stamp: Timestamp, now: Mono) -> Self {
        Self {
            batch: Batch { now: stamp, ..Batch::default() },
            index,
            bytes: 0,
            answers: Vec::new(),
            changed: Vec::new(),
            commands: 0,
            now,
        }
    }
}

/// A draft at work: it borrows the parts of the replica that a decision touches.
pub(super) struct Drafting<'a> {
    pub(super) draft: Draft,
    pub(super) entities: &'a mut Entities,
    pub(super) asks: &'a mut Asks,
    pub(super) reads: &'a mut Reads,
    pub(super) tail: Tail<'a>,
    pub(super) sink: &'a mut Sink,
}

impl Drafting<'_> {
    /// Whether the entry has room for another command.
    pub(super) fn has_room(&self) -> bool {
        self.draft.commands < self.entities.config.batch_commands_max
            && self.draft.bytes < self.entities.config.batch_bytes_max as usize
    }
}
