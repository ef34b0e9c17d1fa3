//! What keeps a checkpoint under way from undoing what took the place of its state.
//!
//! A checkpoint is taken in the replica's turn and written on the store's thread. When a snapshot replaces the state in
//! between, or the replica is gone, what it holds is older than what the store holds: written then, it would bring back
//! values that acknowledged writes have replaced.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::replica::Replica;

/// Counts a replica's states: each snapshot begins another one, and so does its end.
#[derive(Debug, Clone, Default)]
pub(super) struct Fence(Arc<Gate>);

#[derive(Debug, Default)]
struct Gate {
    /// The present state; changes while the store is held.
    number: AtomicU64,
    /// Held by who writes to the store.
    store: Mutex<()>,
}

/// The state that a checkpoint was taken of.
#[derive(Debug, Clone)]
pub(super) struct Epoch {
    fence: Fence,
    number: u64,
}

impl Fence {
    /// The present state.
    pub(super) fn epoch(&self) -> Epoch {
        Epoch { fence: self.clone(), number: self.number() }
    }

    /// Ends the present state, once no checkpoint of it is being written; none begins while the guard is held.
    pub(super) fn pass(&self) -> MutexGuard<'_, ()> {
        let held = self.hold();
        self.0.number.fetch_add(1, Ordering::AcqRel);
        held
    }

    fn number(&self) -> u64 {
        self.0.number.load(Ordering::Acquire)
    }

    fn hold(&self) -> MutexGuard<'_, ()> {
        self.0.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Epoch {
    /// Writes, unless the state has ended. One that has waits for nobody: what took its place may be written for seconds.
    pub(super) fn write<T>(&self, write: impl FnOnce() -> T) -> Option<T> {
        if !self.lasts() {
            return None;
        }
        let _held = self.fence.hold();
        self.lasts().then(write)
    }

    /// Whether it is still the replica's state.
    pub(super) fn lasts(&self) -> bool {
        self.fence.number() == self.number
    }
}

impl Replica {
    /// Ends what it may write to the store, before somebody else writes there.
    pub fn retire(&self) {
        drop(self.fence.pass());
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.retire();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_of_an_ended_state_is_not_written() {
        let fence = Fence::default();
        let epoch = fence.epoch();
        assert_eq!(epoch.write(|| 7), Some(7));
        drop(fence.pass());
        assert_eq!(epoch.write(|| 7), None);
        assert!(!epoch.lasts() && fence.epoch().lasts());
    }

    #[test]
    fn what_is_stale_does_not_wait_for_what_took_its_place() {
        let fence = Fence::default();
        let epoch = fence.epoch();
        let _taking = fence.pass();
        // Waits for ever if it takes the lock that is held here.
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
