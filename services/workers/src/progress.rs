//! A task's progress, from its executor to its heartbeats.

use std::sync::{Arc, Mutex};

use troupe_runtime::locks::lock;

/// A few words, and a share from 0 to 1 where it is known.
type Words = (String, Option<f64>);

/// The newest progress; an unread one is overwritten.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress(Arc<Mutex<Option<Words>>>);

impl Progress {
    /// Sets the progress.
    pub(crate) fn tell(&self, words: impl Into<String>, share: Option<f64>) {
        *lock(&self.0) = Some((words.into(), share));
    }

    pub(super) fn take(&self) -> Option<Words> {
        lock(&self.0).take()
    }
}
