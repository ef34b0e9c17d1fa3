//! The state folded from a shard's log: its entities, and the shard's own record.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use raft::eraftpb::{Entry, EntryType};

use super::cells::{Cells, ENTITY_PREFIX, META_KEY};
use super::config::ShardConfig;
use super::entry::{Batch, Item, LentBatch, LentItem};
use super::faults::Faults;
use super::probe::Held;
use super::shard_meta::{ShardMeta, decode_meta};
use super::sink::Sink;
use crate::address::{Address, ShardId};
use crate::entity::{Cell, Effect, Globals, KindSpec, Placement, Registry};
use crate::replication::{Group, Mono};
use crate::storage::Store;
use crate::wire;

/// Microseconds between two searches for idle entities.
const PASSIVATE_EVERY: Mono = 1_000_000;

/// Counters since start.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Counters {
    pub(super) commands: u64,
    pub(super) queries: u64,
    pub(super) dead_letters: u64,
}

/// The entries behind the last checkpoint, up to and including `last`.
pub(super) struct Tail<'a> {
    group: &'a Group,
    covered: u64,
    last: u64,
}

impl<'a> Tail<'a> {
    pub(super) const fn new(group: &'a Group, covered: u64, last: u64) -> Self {
        Self { group, covered, last }
    }

    fn entries(&self) -> Vec<Entry> {
        self.group.entries(self.covered + 1, self.last)
    }

    /// Index of the next entry in the log.
    pub(super) fn next_index(&self) -> u64 {
        self.group.last() + 1
    }
}

/// The entities of one replica, resident and stored.
pub(super) struct Entities {
    pub(super) shard: ShardId,
    pub(super) shards: u32,
    pub(super) registry: Arc<Registry>,
    pub(super) store: Arc<dyn Store>,
    pub(super) globals: Arc<Globals>,
    pub(super) config: ShardConfig,
    pub(super) cells: Cells,
    pub(super) meta: ShardMeta,
    pub(super) faults: Faults,
    pub(super) counters: Counters,
    pub(super) seed: u64,
    pub(super) passivated_at: Mono,
}

impl Entities {
    /// Folds the events of one entry. A state from a newer checkpoint already holds the entry and stays as it is.
    /// Whether it does is checked before the entry's first item, because one entry may change an entity several times.
    pub(super) fn fold_items(&mut self, batch: &LentBatch<'_>, index: u64, now: Mono) -> Result<(), String> {
        let registry = self.registry.clone();
        let used = seconds_of(now);
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

    /// Folds a batch into the shard's own record.
    pub(super) fn fold_meta(&mut self, index: u64, batch: Batch) {
        let registry = self.registry.clone();
        let shards = self.shards;
        self.meta.fold(index, batch, &self.config, |effect| shard_of(&registry, shards, &effect.to));
    }

    /// Drops all entities changed after entry `covered`, and reads the shard's record from the store. Returns the entry
    /// that the record covers: the store may be ahead of `covered`, never of what is applied.
    pub(super) fn return_to_checkpoint(&mut self, covered: u64) -> Result<u64, String> {
        self.cells.evict_changed_after(covered);
        match self.store.get(self.shard, META_KEY).map_err(|error| error.to_string())? {
            Some(bytes) => {
                let (mark, meta) = decode_meta(&bytes)?;
                self.meta = meta;
                Ok(mark.index)
            }
            None => {
                self.meta = ShardMeta::default();
                Ok(covered)
            }
        }
    }

    /// Rebuilds one entity: from the store, the log behind the checkpoint, and the items drafted so far.
    pub(super) fn refold(
        &mut self,
        kind: &KindSpec,
        to: &Address,
        tail: &Tail<'_>,
        drafted: &[Item],
        draft_index: u64,
    ) -> Result<(), String> {
        self.cells.activate(kind, &to.key, 0)?;
        for entry in tail.entries() {
            let Some(batch) = batch_of(&entry)? else { continue };
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

    /// Publishes changed control entities to the node's globals.
    pub(super) fn publish(&self, mut changed: Vec<Address>, sink: &mut Sink) {
        changed.sort_unstable();
        changed.dedup();
        for to in changed {
            let Some(kind) = self.registry.get(&to.kind) else { continue };
            if let Some(state) = self.cells.peek(&to).and_then(|resident| resident.cell.share()) {
                sink.out.published.push((kind.name, to.key, state));
            }
        }
    }

    /// Publishes every control entity, after a start or a snapshot.
    pub(super) fn publish_all(&mut self, sink: &mut Sink) -> Result<(), String> {
        let registry = self.registry.clone();
        for to in self.cells.stored()? {
            let Some(kind) = registry.get(&to.kind) else { continue };
            let cell = self.cells.activate(kind, &to.key, 0)?;
            if let Some(state) = cell.cell.share() {
                sink.out.published.push((kind.name, to.key, state));
            }
        }
        Ok(())
    }

    /// Everything that it holds, speculation included.
    pub(super) fn held(&self) -> Result<Held, String> {
        let mut entities = BTreeMap::new();
        self.store
            .scan(self.shard, &[ENTITY_PREFIX], &mut |key, value| {
                entities.insert(key.to_vec(), value.to_vec());
                ControlFlow::Continue(())
            })
            .map_err(|error| error.to_string())?;
        entities.extend(self.cells.changed_after(0));
        for value in entities.values_mut() {
            let (_, used) = wire::decode_prefix::<u64>(value)?;
            value.drain(..used);
        }
        Ok(Held { entities, meta: self.meta.clone() })
    }

    /// Whether it is time to search for idle entities.
    pub(super) const fn passivates(&self, now: Mono) -> bool {
        now.saturating_sub(self.passivated_at) > PASSIVATE_EVERY
    }

    /// Passivates idle entities, as far as a checkpoint up to `covered` holds their changes.
    pub(super) fn passivate(&mut self, covered: u64, now: Mono) {
        self.passivated_at = now;
        let idle = u32::try_from(self.config.passivate_after.as_secs()).unwrap_or(u32::MAX);
        let budget = self.config.resident_bytes_max / (u64::from(self.shards) + 1);
        self.cells.passivate(covered, seconds_of(now).saturating_sub(idle), budget);
    }

    /// Drops an effect that cannot run. Only each power of two is noted: a storm of dead letters must not flood the
    /// journal.
    pub(super) fn dead_letter(&mut self, effect: &Effect, why: &str, sink: &mut Sink) {
        self.counters.dead_letters += 1;
        let count = self.counters.dead_letters;
        if count.is_power_of_two() {
            sink.note("dead_letter", format!("{} to {}: {why} ({count} so far)", effect.verb, effect.to));
        }
    }

    /// The shard that receives an effect.
    pub(super) fn shard_of(&self, effect: &Effect) -> ShardId {
        shard_of(&self.registry, self.shards, &effect.to)
    }
}

/// The batch in an entry; `None` for an entry without one.
pub(super) fn batch_of(entry: &Entry) -> Result<Option<LentBatch<'_>>, String> {
    if entry.get_entry_type() != EntryType::EntryNormal || entry.data.is_empty() {
        return Ok(None);
    }
    LentBatch::from_bytes(&entry.data).map(Some)
}

/// The shard of an address. An unknown kind is placed like a sharded one and rejected by its shard.
fn shard_of(registry: &Registry, shards: u32, to: &Address) -> ShardId {
    match registry.get(&to.kind).map(|kind| kind.placement) {
        Some(Placement::Control) => ShardId::CONTROL,
        _ => to.shard(shards),
    }
}

/// The shell's clock in whole seconds.
pub(super) fn seconds_of(now: Mono) -> u32 {
    u32::try_from(now / 1_000_000).unwrap_or(u32::MAX)
}

fn fold_events(
    kind: &KindSpec,
    key: &str,
    cell: &mut dyn Cell,
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
