//! A store that survives failures of its engine.
//!
//! An engine that failed once may fail every later write until it is reopened, as sled does. So writes pause after a
//! failure. Before the next write the engine is reopened if its disk accepts data. Reads continue meanwhile, even on
//! a full disk.

use std::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use super::store::{Store, StoreBatch, StoreError, Visit};
use crate::address::ShardId;
use crate::locks::{self, lock};

/// Opens the engine.
pub type OpenEngine = Box<dyn Fn() -> Result<Box<dyn Store>, StoreError> + Send + Sync>;

/// Checks whether the disk accepts data.
pub type TryDisk = Box<dyn Fn() -> Result<(), StoreError> + Send + Sync>;

/// Pause between attempts to open an engine.
const ATTEMPTS_EVERY: Duration = Duration::from_millis(200);

/// The engine, or the error of its opening and the time of the last attempt.
enum Engine {
    Open(Box<dyn Store>),
    Failed(StoreError, Instant),
}

/// A store that reopens its engine after a failure.
pub struct Reopening {
    open: OpenEngine,
    try_disk: TryDisk,
    engine: RwLock<Engine>,
    /// Pause of writes after a failure, and the last failure.
    rest: Duration,
    failed: Mutex<Option<(Instant, StoreError)>>,
}

impl Reopening {
    /// Opens the engine for the first time.
    ///
    /// # Errors
    /// The engine's failure.
    pub fn open(open: OpenEngine, try_disk: TryDisk, rest: Duration) -> Result<Self, StoreError> {
        let engine = RwLock::new(Engine::Open(open()?));
        Ok(Self { open, try_disk, engine, rest, failed: Mutex::default() })
    }

    fn engine(&self) -> RwLockReadGuard<'_, Engine> {
        locks::read(&self.engine)
    }

    fn failed(&self) -> MutexGuard<'_, Option<(Instant, StoreError)>> {
        lock(&self.failed)
    }

    fn with<T>(&self, act: impl FnOnce(&dyn Store) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let due = match &*self.engine() {
            Engine::Open(engine) => return act(&**engine),
            Engine::Failed(error, tried) if tried.elapsed() < ATTEMPTS_EVERY => return Err(error.clone()),
            Engine::Failed(_, tried) => *tried,
        };
        let mut engine = locks::write(&self.engine);
        if matches!(*engine, Engine::Failed(_, tried) if tried == due) {
            *engine = self.opened();
        }
        match &*engine {
            Engine::Open(engine) => act(&**engine),
            Engine::Failed(error, _) => Err(error.clone()),
        }
    }

    fn opened(&self) -> Engine {
        (self.open)().map_or_else(|error| Engine::Failed(error, Instant::now()), Engine::Open)
    }

    /// Drops the engine, so that it releases its files, and reopens it.
    fn reopen(&self, why: &StoreError) {
        tracing::warn!(error = %why, "the store had failed and is reopened");
        let mut engine = locks::write(&self.engine);
        *engine = Engine::Failed(why.clone(), Instant::now());
        *engine = self.opened();
    }

    fn write_with(&self, act: impl FnOnce(&dyn Store) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let failed = self.failed().clone();
        if let Some((since, error)) = failed {
            if since.elapsed() < self.rest {
                let what = format!("{} (writes rest since)", error.what);
                return Err(StoreError { what, ..error });
            }
            if let Err(still) = (self.try_disk)() {
                *self.failed() = Some((Instant::now(), still.clone()));
                return Err(still);
            }
            self.reopen(&error);
        }
        let outcome = self.with(act);
        *self.failed() = outcome.as_ref().err().map(|error| (Instant::now(), error.clone()));
        outcome
    }
}

impl Store for Reopening {
    fn get(&self, shard: ShardId, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.with(|engine| engine.get(shard, key))
    }

    fn write(&self, shard: ShardId, batch: StoreBatch) -> Result<(), StoreError> {
        self.write_with(|engine| engine.write(shard, batch))
    }

    fn scan(&self, shard: ShardId, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.with(|engine| engine.scan(shard, prefix, visit))
    }

    fn clear(&self, shard: ShardId) -> Result<(), StoreError> {
        self.write_with(|engine| engine.clear(shard))
    }

    fn give_way(&self, bytes: u64, bytes_per_s: u64) {
        std::thread::sleep(Duration::from_micros(bytes.saturating_mul(1_000_000) / bytes_per_s.max(1)));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    use super::*;

    type Pairs = BTreeMap<Vec<u8>, Vec<u8>>;

    #[derive(Default)]
    struct Disk {
        pairs: Mutex<Pairs>,
        full: AtomicBool,
        opened: AtomicU32,
    }

    /// An engine that keeps failing after one failure.
    struct Torn {
        disk: Arc<Disk>,
        memory: Mutex<Pairs>,
        dead: AtomicBool,
    }

    fn error() -> StoreError {
        StoreError { engine: "torn", what: "no space left".to_owned(), corrupt: false }
    }

    impl Store for Torn {
        fn get(&self, _: ShardId, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
            Ok(self.memory.lock().unwrap().get(key).cloned())
        }

        fn write(&self, _: ShardId, batch: StoreBatch) -> Result<(), StoreError> {
            let fails = self.dead.load(Ordering::Relaxed) || self.disk.full.load(Ordering::Relaxed);
            self.dead.store(fails, Ordering::Relaxed);
            if fails {
                return Err(error());
            }
            self.memory.lock().unwrap().extend(batch.puts);
            *self.disk.pairs.lock().unwrap() = self.memory.lock().unwrap().clone();
            Ok(())
        }

        fn scan(&self, _: ShardId, _: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
            let pairs = self.memory.lock().unwrap().clone();
            let _ = pairs.iter().try_for_each(|(key, value)| visit(key, value));
            Ok(())
        }

        fn clear(&self, _: ShardId) -> Result<(), StoreError> {
            Ok(())
        }
    }

    fn reopening(disk: &Arc<Disk>, rest: Duration) -> Reopening {
        let (disk, tried) = (disk.clone(), disk.clone());
        let open: OpenEngine = Box::new(move || {
            disk.opened.fetch_add(1, Ordering::Relaxed);
            let memory = Mutex::new(disk.pairs.lock().unwrap().clone());
            Ok(Box::new(Torn { disk: disk.clone(), memory, dead: AtomicBool::new(false) }))
        });
        let try_disk =
            Box::new(move || if tried.full.load(Ordering::Relaxed) { Err(error()) } else { Ok(()) });
        Reopening::open(open, try_disk, rest).unwrap()
    }

    fn batch(value: u8) -> StoreBatch {
        StoreBatch { puts: vec![(b"key".to_vec(), vec![value])], deletes: Vec::new() }
    }

    #[test]
    fn reads_go_on_while_the_disk_is_full_and_writes_work_again_when_there_is_room() {
        let disk = Arc::new(Disk::default());
        let store = reopening(&disk, Duration::ZERO);
        store.write(ShardId(1), batch(1)).unwrap();
        disk.full.store(true, Ordering::Relaxed);
        for _ in 0..3 {
            assert_eq!(store.write(ShardId(1), batch(2)), Err(error()));
            assert_eq!(store.get(ShardId(1), b"key"), Ok(Some(vec![1])));
        }
        assert_eq!(disk.opened.load(Ordering::Relaxed), 1, "not opened again on a disk that is full");
        disk.full.store(false, Ordering::Relaxed);
        store.write(ShardId(1), batch(3)).unwrap();
        assert_eq!(store.get(ShardId(1), b"key"), Ok(Some(vec![3])));
        assert_eq!(disk.opened.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn writes_rest_after_one_has_failed() {
        let disk = Arc::new(Disk::default());
        let store = reopening(&disk, Duration::from_secs(3_600));
        store.write(ShardId(1), batch(1)).unwrap();
        disk.full.store(true, Ordering::Relaxed);
        store.write(ShardId(1), batch(2)).unwrap_err();
        disk.full.store(false, Ordering::Relaxed);
        let refused = store.write(ShardId(1), batch(3)).unwrap_err();
        assert!(refused.what.contains("rest"), "{refused}");
        assert_eq!(store.get(ShardId(1), b"key"), Ok(Some(vec![1])));
        assert_eq!(disk.opened.load(Ordering::Relaxed), 1);
    }
}
