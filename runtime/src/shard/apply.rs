//! Committed entries, and the ways back to a committed state.

use raft::eraftpb::{Entry, EntryType};

use super::cells::LEDGER_KEY;
use super::entry::{Batch, Item, LentBatch, LentItem};
use super::ledger::{decode_ledger, encode_ledger};
use super::output::{CheckpointEnd, CheckpointJob};
use super::parts::shard_of;
use super::replica::Replica;
use crate::address::{Address, ShardId};
use crate::entity::KindSpec;
use crate::replication::{Mono, SnapshotMark};

impl Replica {
    /// Takes committed entries in order: our own are already folded, others are folded now.
    pub(super) fn commit(&mut self, entries: Vec<Entry>, now: Mono) {
        let mut changed = Vec::new();
        for entry in entries {
            if entry.index <= self.applied {
                continue;
            }
            let own =
                self.inflight.front().is_some_and(|own| own.index == entry.index && own.term == entry.term);
            if own {
                self.release_own(&mut changed);
            } else if let Err(error) = self.apply(&entry, now, &mut changed) {
                self.broken = Some(format!("entry {} cannot be applied: {error}", entry.index));
                return;
            }
            self.applied = entry.index;
        }
        self.group.applied(self.applied);
        self.publish(changed);
    }

    /// The oldest entry in flight is committed: its answers leave.
    fn release_own(&mut self, changed: &mut Vec<Address>) {
        let Some(own) = self.inflight.pop_front() else { return };
        for (token, slot, reply) in own.answers {
            self.complete(token, slot, Ok(reply));
        }
        self.out.taken.extend(own.taken);
        changed.extend(own.changed.into_iter().map(|(kind, key)| Address { kind: kind.to_owned(), key }));
    }

    fn apply(&mut self, entry: &Entry, now: Mono, changed: &mut Vec<Address>) -> Result<(), String> {
        if entry.get_entry_type() != EntryType::EntryNormal {
            self.group.apply_change(entry)?;
            let members = self.group.members();
            // A learner is sent no snapshot that does not know it.
            self.checkpoint_wanted = true;
            self.note(
                "members_changed",
                format!("voters {:?}, learners {:?}", members.voters, members.learners),
            );
            return Ok(());
        }
        if entry.data.is_empty() {
            return Ok(());
        }
        let batch = LentBatch::from_bytes(&entry.data)?;
        self.apply_items(&batch, entry.index, now)?;
        if self.group.shard() == ShardId::CONTROL {
            changed.extend(batch.items.iter().filter(|item| !item.events.is_empty()).map(LentItem::to));
        }
        self.fold_ledger(entry.index, batch.into_ledger());
        Ok(())
    }

    /// Folds the events of one entry. A state from a newer checkpoint already holds the entry and is left alone; whether
    /// it does is known only before the entry's first item, as one entry may change an entity several times.
    fn apply_items(&mut self, batch: &LentBatch<'_>, index: u64, now: Mono) -> Result<(), String> {
        let registry = self.registry.clone();
        let used = super::replica::seconds_of(now);
        let mut touched: Vec<(&'static str, &str)> = Vec::with_capacity(batch.items.len());
        for item in batch.items.iter().filter(|item| !item.events.is_empty()) {
            let kind = registry
                .get(item.kind)
                .ok_or_else(|| format!("kind {:?} is unknown to this node: upgrade it", item.kind))?;
            let cell = self.cells.activate(kind, item.key, used)?;
            if cell.changed < index {
                fold_events(kind, item.key, cell.cell.as_mut(), &item.events)?;
                touched.push((kind.name, item.key));
            }
        }
        for (kind, key) in touched {
            self.cells.touched(kind, key, index);
        }
        Ok(())
    }

    pub(super) fn fold_ledger(&mut self, index: u64, batch: Batch) {
        let registry = self.registry.clone();
        let shards = self.shards;
        self.ledger.fold(index, batch, &self.config, |effect| shard_of(&registry, shards, &effect.to));
    }

    /// Drops everything that is not covered by the store's checkpoint and folds the committed log anew.
    pub(super) fn rebuild(&mut self) -> Result<(), String> {
        self.inflight.clear();
        self.cells.evict_changed_after(self.checkpoint);
        let stored = self.store.get(self.group.shard(), LEDGER_KEY).map_err(|error| error.to_string())?;
        let from = match stored {
            Some(bytes) => {
                let (mark, ledger) = decode_ledger(&bytes)?;
                self.ledger = ledger;
                mark.index
            }
            None => {
                self.ledger = super::ledger::Ledger::default();
                self.checkpoint
            }
        };
        // The store may be ahead of the last checkpoint we heard of, never of what is applied.
        for entry in self.group.entries(self.checkpoint + 1, self.applied) {
            if entry.get_entry_type() != EntryType::EntryNormal || entry.data.is_empty() {
                continue;
            }
            let batch = LentBatch::from_bytes(&entry.data)?;
            self.apply_items(&batch, entry.index, 0)?;
            if entry.index > from {
                self.fold_ledger(entry.index, batch.into_ledger());
            }
        }
        Ok(())
    }

    /// Folds one entity anew: from the store, the whole log, and the items drafted so far.
    pub(super) fn refold(
        &mut self,
        kind: &KindSpec,
        to: &Address,
        drafted: &[Item],
        draft_index: u64,
    ) -> Result<(), String> {
        self.cells.activate(kind, &to.key, 0)?;
        // What is not applied is a leader's own; elsewhere another leader's may yet take its place.
        let last = if self.decides() { self.group.last() } else { self.applied };
        for entry in self.group.entries(self.checkpoint + 1, last) {
            if entry.get_entry_type() != EntryType::EntryNormal || entry.data.is_empty() {
                continue;
            }
            let batch = LentBatch::from_bytes(&entry.data)?;
            let of_it = batch.items.into_iter().filter(|item| item.is_of(to));
            let items: Vec<Item> = of_it.map(LentItem::into_owned).collect();
            self.refold_items(kind, &items, entry.index)?;
        }
        let items: Vec<Item> = drafted.iter().filter(|item| item.to == *to).cloned().collect();
        self.refold_items(kind, &items, draft_index)
    }

    fn refold_items(&mut self, kind: &KindSpec, items: &[Item], index: u64) -> Result<(), String> {
        let Some(first) = items.iter().find(|item| !item.events.is_empty()) else { return Ok(()) };
        let key = first.to.key.clone();
        let cell = self.cells.activate(kind, &key, 0)?;
        if cell.changed >= index {
            return Ok(());
        }
        for item in items {
            fold_events(kind, &key, cell.cell.as_mut(), &item.events)?;
        }
        self.cells.touched(kind.name, &key, index);
        Ok(())
    }

    /// Publishes control entities to the node's globals.
    fn publish(&mut self, mut changed: Vec<Address>) {
        changed.sort_unstable();
        changed.dedup();
        for to in changed {
            let Some(kind) = self.registry.get(&to.kind) else { continue };
            if let Some(state) = self.cells.peek(&to).and_then(|resident| resident.cell.share()) {
                self.out.published.push((kind.name, to.key, state));
            }
        }
    }

    /// Publishes every control entity, after a start or a snapshot.
    pub(super) fn publish_all(&mut self) -> Result<(), String> {
        let registry = self.registry.clone();
        for to in self.cells.stored()? {
            let Some(kind) = registry.get(&to.kind) else { continue };
            let cell = self.cells.activate(kind, &to.key, 0)?;
            if let Some(state) = cell.cell.share() {
                self.out.published.push((kind.name, to.key, state));
            }
        }
        Ok(())
    }

    /// Whether time or log size ask for a checkpoint.
    pub(super) fn checkpoint_is_due(&self, now: Mono) -> bool {
        let old = self.checkpoint_turn(now) > self.checkpoint_turn(self.checkpoint_at);
        let heavy = self.group.log().bytes() as u64 >= self.config.checkpoint_log_bytes;
        self.applied > self.checkpoint && (old || heavy)
    }

    /// Which of the shard's turns that is. A node's shards take turns within each interval: together they would keep the disk,
    /// and give back and want again the memory of all their logs, at one moment of it.
    fn checkpoint_turn(&self, at: Mono) -> u64 {
        let every = self.checkpoint_every();
        let place = u64::from(self.group.shard().0) * every / (u64::from(self.shards) + 1);
        (at + place) / every.max(1)
    }

    fn checkpoint_every(&self) -> u64 {
        u64::try_from(self.config.checkpoint_every.as_micros()).unwrap_or(u64::MAX)
    }

    /// Asks for a checkpoint when time or log size say so and nothing speculative is resident.
    pub(super) fn checkpoint_if_due(&mut self, now: Mono) {
        let behind = self.group.snapshot_wanted();
        self.checkpoint_wanted |= self.checkpoint_is_due(now) || behind;
        let every = self.checkpoint_every();
        if self.checkpoint_failures > 0 && now.saturating_sub(self.checkpoint_at) < every {
            return;
        }
        if !self.checkpoint_wanted || self.checkpoint_pending.is_some() || !self.inflight.is_empty() {
            return;
        }
        self.checkpoint_wanted = false;
        self.checkpoint_at = now;
        let mark = SnapshotMark {
            index: self.applied,
            term: self.group.term_of(self.applied),
            members: self.group.members(),
        };
        let entities = self.cells.changed_after(self.checkpoint);
        let ledger = encode_ledger(&mark, &self.ledger);
        self.checkpoint_pending = Some(mark.clone());
        self.out.checkpoint = Some(CheckpointJob {
            shard: self.group.shard(),
            mark,
            entities,
            ledger,
            epoch: self.fence.epoch(),
        });
    }

    /// The checkpoint asked for is durable, or could not be written; the log stays until one is.
    pub fn checkpointed(&mut self, end: CheckpointEnd) {
        // Of a state that a snapshot has replaced: what is pending now is another one.
        if !end.epoch.lasts() {
            return;
        }
        let Some(mark) = self.checkpoint_pending.take() else { return };
        match end.outcome {
            Ok(()) => {
                if std::mem::take(&mut self.checkpoint_failures) > 0 {
                    self.note("checkpoint_works_again", format!("up to entry {}", mark.index));
                }
                self.checkpoint = self.checkpoint.max(mark.index);
                self.out.covered = Some((mark.index, mark.term));
                if let Some(cut) = self.group.checkpointed(mark) {
                    self.out.append.push((0, vec![cut]));
                }
            }
            Err(error) => {
                self.checkpoint_failures += 1;
                if self.checkpoint_failures.is_power_of_two() {
                    let count = self.checkpoint_failures;
                    self.note("checkpoint_failed", format!("{error} ({count} in a row)"));
                }
            }
        }
    }
}

fn fold_events(
    kind: &KindSpec,
    key: &str,
    cell: &mut dyn crate::entity::Cell,
    events: &[impl AsRef<[u8]>],
) -> Result<(), String> {
    let name = kind.name;
    for event in events {
        let event = event.as_ref();
        let folded = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| cell.apply(event)));
        match folded {
            Ok(folded) => folded.map_err(|error| format!("event of {name}/{key}: {error}"))?,
            Err(_) => {
                return Err(format!("folding an event of {name}/{key} panicked: kind {name} is at fault"));
            }
        }
    }
    Ok(())
}
