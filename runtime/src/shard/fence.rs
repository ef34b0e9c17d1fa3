//! Fencing of checkpoints: a stale checkpoint never overwrites the state that replaced it.
//!
//! A checkpoint is taken in the replica's turn and written on the store's thread. In between a snapshot may replace the
//! state, or the replica may end. The checkpoint is then older than the store: written, it would bring back values that
//! acknowledged writes have replaced.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::locks::lock;

/// Counts the states of a replica: a snapshot begins the next one, and so does the replica's end.
#[derive(Debug, Clone, Default)]
pub(super) struct Fence(Arc<Gate>);

#[derive(Debug, Default)]
struct Gate {
    /// Number of the current state; it changes only while `store` is held.
    number: AtomicU64,
    /// Held while the store is written.
    store: Mutex<()>,
}

/// The state that a checkpoint was taken of.
#[derive(Debug, Clone)]
pub(super) struct Epoch {
    fence: Fence,
    number: u64,
}

impl Fence {
    /// The current state.
    pub(super) fn epoch(&self) -> Epoch {
        Epoch { fence: self.clone(), number: self.number() }
    }

    /// Ends the current state once no checkpoint of it is being written. No write begins while the guard is held.
    pub(super) fn pass(&self) -> MutexGuard<'_, ()> {
        let held = self.hold();
        self.0.number.fetch_add(1, Ordering::AcqRel);
        held
    }

    fn number(&self) -> u64 {
        self.0.number.load(Ordering::Acquire)
    }

    fn hold(&self) -> MutexGuard<'_, ()> {
        lock(&self.0.store)
    }
}

impl Epoch {
    /// Writes unless the state has ended. An ended state does not wait for the lock: writing its successor may take
    /// seconds.
    pub(super) fn write<T>(&self, write: impl FnOnce() -> T) -> Option<T> {
        if !self.lasts() {
            return None;
        }
        let _held = self.fence.hold();
        self.lasts().then(write)
    }

    /// Whether it is still the replica's current state.
    pub(super) fn lasts(&self) -> bool {
        self.fence.number() == self.number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_of_an_ended_state_is_not_written() {
        let fence = Fence::default();
        let epoch = fence.epoch();
        assert_eq!(epoch.write(|| 7), Some(7));
        drop(fence.pass());
        assert_eq!(epoch.write(|| 7), None);
        assert!(!epoch.lasts() && fence.epoch().lasts());
    }

    #[test]
    fn a_stale_checkpoint_does_not_wait_for_the_write_of_its_successor() {
        let fence = Fence::default();
        let epoch = fence.epoch();
        let _taking = fence.pass();
        // Blocks without end if it takes the lock that is held here.
        assert_eq!(epoch.write(|| 7), None);
    }

    #[test]
    fn a_state_does_not_end_while_it_is_being_written() {
        let fence = Fence::default();
        let (epoch, ending) = (fence.epoch(), fence.clone());
        let (began, begins) = std::sync::mpsc::channel();
        let ended = std::thread::scope(|scope| {
            let ends = scope.spawn(move || {
                begins.recv().unwrap();
                drop(ending.pass());
                std::time::Instant::now()
            });
            let written = epoch.write(|| {
                began.send(()).unwrap();
                while fence.0.store.try_lock().is_ok() {}
                std::time::Instant::now()
            });
            (written.unwrap(), ends.join().unwrap())
        });
        assert!(ended.0 <= ended.1);
        assert!(!epoch.lasts());
    }
}
