//! The resident entities of one shard's replica.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::address::{Address, ShardId};
use crate::entity::{Cell, KindSpec, Registry};
use crate::observe::KeyRange;
use crate::storage::Store;
use crate::wire;

/// Prefix of entities in the store; the shard's own record is at [`META_KEY`].
pub(super) const ENTITY_PREFIX: u8 = b'e';
/// Key of the shard's own record in the store.
pub(super) const META_KEY: &[u8] = b"m";

/// One resident entity.
pub(super) struct Resident {
    pub(super) cell: Box<dyn Cell>,
    /// The last entry that changed it.
    pub(super) changed: u64,
    /// When it was last asked or changed, in seconds on the shell's clock.
    pub(super) used: u32,
    bytes: u32,
}

/// Each message needs several lookups. Keys come from clients, so each process seeds the hash with another value.
type Map<K, V> = HashMap<K, V, foldhash::quality::RandomState>;

/// Resident entities by kind and key; the others are read from the store.
pub(super) struct Cells {
    shard: ShardId,
    registry: Arc<Registry>,
    store: Arc<dyn Store>,
    kinds: Map<&'static str, Map<Box<str>, Resident>>,
    bytes: u64,
}

impl Cells {
    pub(super) fn new(shard: ShardId, registry: Arc<Registry>, store: Arc<dyn Store>) -> Self {
        Self { shard, registry, store, kinds: Map::default(), bytes: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.kinds.values().map(Map::len).sum()
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn is_resident(&self, to: &Address) -> bool {
        self.peek(to).is_some()
    }

    pub(super) fn peek(&self, to: &Address) -> Option<&Resident> {
        self.kinds.get(to.kind.as_str())?.get(to.key.as_str())
    }

    /// The entity if it is resident, marked as used at this second.
    pub(super) fn used(&mut self, to: &Address, used: u32) -> Option<&Resident> {
        let resident = self.kinds.get_mut(to.kind.as_str())?.get_mut(to.key.as_str())?;
        resident.used = used;
        Some(resident)
    }

    /// The entity, activated if it is not resident.
    pub(super) fn activate(
        &mut self,
        kind: &KindSpec,
        key: &str,
        used: u32,
    ) -> Result<&mut Resident, String> {
        let cells = self.kinds.entry(kind.name).or_default();
        if !cells.contains_key(key) {
            let loaded = match load(&*self.store, self.shard, kind, key)? {
                Some(loaded) => loaded,
                None => Resident { cell: (kind.create)(key), changed: 0, used, bytes: 0 },
            };
            let bytes = cell_bytes(loaded.cell.as_ref(), key);
            self.bytes += u64::from(bytes);
            cells.insert(key.into(), Resident { bytes, ..loaded });
        }
        let resident = cells.get_mut(key).expect("it was resident, or has just been inserted");
        resident.used = used;
        Ok(resident)
    }

    /// The entity for a query. A query does not make an entity resident that was never written: the inner error is its
    /// blank state.
    pub(super) fn read(
        &mut self,
        kind: &KindSpec,
        key: &str,
        used: u32,
    ) -> Result<Result<&Resident, Box<dyn Cell>>, String> {
        let resident = self.kinds.get(kind.name).is_some_and(|cells| cells.contains_key(key));
        if !resident {
            match load(&*self.store, self.shard, kind, key)? {
                None => return Ok(Err((kind.create)(key))),
                Some(_) => return self.activate(kind, key, used).map(|resident| Ok(&*resident)),
            }
        }
        self.activate(kind, key, used).map(|resident| Ok(&*resident))
    }

    /// Notes that entry `index` changed the entity.
    pub(super) fn touched(&mut self, kind: &'static str, key: &str, index: u64) {
        if let Some(resident) = self.kinds.get_mut(kind).and_then(|cells| cells.get_mut(key)) {
            resident.changed = index;
            let bytes = cell_bytes(resident.cell.as_ref(), key);
            self.bytes = self.bytes + u64::from(bytes) - u64::from(resident.bytes);
            resident.bytes = bytes;
        }
    }

    /// Drops a resident entity without keeping its state.
    pub(super) fn evict(&mut self, kind: &str, key: &str) {
        if let Some(gone) = self.kinds.get_mut(kind).and_then(|cells| cells.remove(key)) {
            self.bytes -= u64::from(gone.bytes);
        }
    }

    /// Drops all resident entities that an entry after `index` changed.
    pub(super) fn evict_changed_after(&mut self, index: u64) {
        let mut freed = 0;
        for cells in self.kinds.values_mut() {
            cells.retain(|_, cell| {
                let keep = cell.changed <= index;
                if !keep {
                    freed += u64::from(cell.bytes);
                }
                keep
            });
        }
        self.bytes -= freed;
    }

    /// Drops all resident entities: a snapshot has replaced the state.
    pub(super) fn clear(&mut self) {
        self.kinds.clear();
        self.bytes = 0;
    }

    /// Passivates entities without changes after the checkpoint: those idle since before `idle_before`, and above
    /// `bytes_max` resident bytes also the longest idle ones. Returns their number.
    pub(super) fn passivate(&mut self, checkpoint: u64, idle_before: u32, bytes_max: u64) -> usize {
        let mut cutoff = idle_before;
        if self.bytes > bytes_max {
            let mut ages: Vec<(u32, u32)> = self
                .kinds
                .values()
                .flat_map(|cells| cells.values().map(|cell| (cell.used, cell.bytes)))
                .collect();
            ages.sort_unstable();
            let mut over = self.bytes - bytes_max;
            for (used, bytes) in ages {
                cutoff = cutoff.max(used + 1);
                over = over.saturating_sub(u64::from(bytes));
                if over == 0 {
                    break;
                }
            }
        }
        let before = self.len();
        let mut freed = 0;
        for cells in self.kinds.values_mut() {
            cells.retain(|_, cell| {
                let keep = cell.changed > checkpoint || cell.used >= cutoff;
                if !keep {
                    freed += u64::from(cell.bytes);
                }
                keep
            });
        }
        self.bytes -= freed;
        before - self.len()
    }

    /// Encoded states of all entities changed after `index`, as store keys and values.
    pub(super) fn changed_after(&self, index: u64) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut out = Vec::new();
        for (kind, cells) in &self.kinds {
            for (key, cell) in cells {
                if cell.changed > index {
                    let mut value = Vec::new();
                    wire::encode_into(&cell.changed, &mut value);
                    value.extend_from_slice(&cell.cell.encode());
                    out.push((store_key(kind, key), value));
                }
            }
        }
        out
    }

    /// Keys in a range, resident or stored, sorted.
    pub(super) fn keys(&self, range: &KeyRange) -> Result<Vec<String>, String> {
        let KeyRange { kind, prefix, after, limit } = range;
        let limit = *limit as usize;
        let mut keys = std::collections::BTreeSet::new();
        if let Some(cells) = self.kinds.get(kind.as_str()) {
            keys.extend(
                cells
                    .iter()
                    .filter(|(key, cell)| key.starts_with(prefix) && ***key > **after && cell.changed > 0)
                    .map(|(key, _)| key.to_string()),
            );
        }
        let scan = store_key(kind, prefix);
        let start = store_key(kind, "").len();
        let mut left = limit;
        self.store
            .scan(self.shard, &scan, &mut |key, _| {
                let key = String::from_utf8_lossy(&key[start..]);
                if *key <= **after {
                    return ControlFlow::Continue(());
                }
                if left == 0 {
                    return ControlFlow::Break(());
                }
                left -= 1;
                keys.insert(key.into_owned());
                ControlFlow::Continue(())
            })
            .map_err(|error| error.to_string())?;
        Ok(keys.into_iter().take(limit).collect())
    }

    /// Every entity, resident or stored. The control group publishes them as globals after a start.
    pub(super) fn stored(&self) -> Result<Vec<Address>, String> {
        let mut addresses = Vec::new();
        for kind in self.registry.kinds() {
            for key in
                self.keys(&KeyRange { kind: kind.name.to_owned(), limit: u32::MAX, ..KeyRange::default() })?
            {
                addresses.push(Address { kind: kind.name.to_owned(), key });
            }
        }
        Ok(addresses)
    }
}

fn load(store: &dyn Store, shard: ShardId, kind: &KindSpec, key: &str) -> Result<Option<Resident>, String> {
    let stored = store.get(shard, &store_key(kind.name, key)).map_err(|error| error.to_string())?;
    let Some(value) = stored else { return Ok(None) };
    let (changed, used) = wire::decode_prefix::<u64>(&value)?;
    let cell = (kind.restore)(&value[used..]).map_err(|error| format!("{}/{key}: {error}", kind.name))?;
    Ok(Some(Resident { cell, changed, used: 0, bytes: 0 }))
}

fn store_key(kind: &str, key: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(2 + kind.len() + key.len());
    out.push(ENTITY_PREFIX);
    out.extend_from_slice(kind.as_bytes());
    out.push(0);
    out.extend_from_slice(key.as_bytes());
    out
}

fn cell_bytes(cell: &dyn Cell, key: &str) -> u32 {
    u32::try_from(cell.size() + key.len() + size_of::<Resident>()).unwrap_or(u32::MAX)
}
