//! One node in this process: it leads all its shards, and discards its log and its checkpoints.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::bail;
use troupe_runtime::cluster::{Disk, Facts, Runtime, RuntimeConfig, RuntimeSpec};
use troupe_runtime::node_spec::NodeSpec;
use troupe_runtime::shard::{Append, Unread};
use troupe_runtime::storage::{GroupLog, Record, Store, StoreBatch, StoreError, Visit};
use troupe_runtime::supervised::Actor;
use troupe_runtime::transport::{MemoryNetwork, ReceiverSlot};
use troupe_runtime::{NodeId, Router, ShardId};
use troupe_supervision::RingJournal;

const LED_WITHIN: Duration = Duration::from_secs(10);

/// A node without peers. It measures the work of a leader, without replication and disk.
pub struct Alone {
    runtime: Arc<Runtime>,
    actors: Vec<Actor>,
    _network: MemoryNetwork,
}

/// A log and checkpoint store that discards everything: each append completes at once.
struct Forgetful;

impl Append for Forgetful {
    fn append(
        &self,
        _: ShardId,
        _: Vec<Record>,
        done: Box<dyn FnOnce(Result<(), String>) + Send>,
    ) -> Result<(), String> {
        done(Ok(()));
        Ok(())
    }

    fn reread(&self, _: ShardId) -> Result<GroupLog, Unread> {
        Ok(GroupLog::default())
    }
}

impl Facts for Forgetful {
    fn load(&self) -> Result<Option<Vec<u8>>, String> {
        Ok(None)
    }

    fn save(&self, _: &[u8]) -> Result<(), String> {
        Ok(())
    }
}

impl Store for Forgetful {
    fn get(&self, _: ShardId, _: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(None)
    }

    fn write(&self, _: ShardId, _: StoreBatch) -> Result<(), StoreError> {
        Ok(())
    }

    fn scan(&self, _: ShardId, _: &[u8], _: &mut Visit<'_>) -> Result<(), StoreError> {
        Ok(())
    }

    fn clear(&self, _: ShardId) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Alone {
    /// Starts it, and waits until it leads every shard.
    ///
    /// # Errors
    /// The store does not open, or a shard has no leader in time.
    pub async fn start(config: RuntimeConfig) -> anyhow::Result<Self> {
        Self::start_on(config, Arc::new(Forgetful)).await
    }

    /// The same with checkpoints in a store.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_on(config: RuntimeConfig, store: Arc<dyn Store>) -> anyhow::Result<Self> {
        let shards = config.shards;
        let here = NodeId(1);
        let at = |port| ([127, 0, 0, 1], port).into();
        let node = NodeSpec {
            id: here,
            name: "alone".into(),
            mesh: at(1),
            gateway: at(2),
            admin: at(3),
            zone: String::new(),
        };
        let spec = RuntimeSpec {
            cluster: "alone".into(),
            here,
            incarnation: 1,
            nodes: vec![node],
            joins: false,
            config,
        };
        let disk = Disk {
            log: Arc::new(Forgetful),
            store,
            facts: Arc::new(Forgetful),
            recovered: BTreeMap::new(),
            damaged: BTreeMap::new(),
        };
        let network = MemoryNetwork::default();
        let slot = ReceiverSlot::default();
        let transport = network.join(here, 1, slot.clone());
        let registry = Arc::new(troupe_actors::registry());
        let journal = Arc::new(RingJournal::default());
        let runtime = Runtime::open(spec, registry, journal, transport, &slot, disk)?;
        let mut actors = Vec::new();
        for child in runtime.children() {
            actors.push((child.start)(None).await?);
        }
        let alone = Self { runtime, actors, _network: network };
        let start = Instant::now();
        while alone.runtime.led() < shards + 1 {
            if start.elapsed() > LED_WITHIN {
                bail!("{} of {} shards are led after {LED_WITHIN:?}", alone.runtime.led(), shards + 1);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(alone)
    }

    /// Entities that are in memory.
    ///
    /// # Errors
    /// The inspection of a shard fails.
    pub async fn resident(&self) -> anyhow::Result<u64> {
        let view = self.runtime.inspect().node(NodeId(1)).await?;
        Ok(view.shards.iter().map(|shard| shard.entities).sum())
    }

    /// The router to its entities.
    #[must_use]
    pub fn router(&self) -> Router {
        self.runtime.router()
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        for actor in &self.actors {
            actor.kill();
        }
    }
}
