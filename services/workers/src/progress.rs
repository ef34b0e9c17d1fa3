//! How far a task is, from who does it to who beats for it.

use std::sync::{Arc, Mutex, PoisonError};

/// In a few words, and as a share where it can be told.
type Words = (String, Option<f64>);

/// The newest words; what nobody read is overwritten.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress(Arc<Mutex<Option<Words>>>);

impl Progress {
    /// Tells how far it is.
    pub(crate) fn tell(&self, words: impl Into<String>, share: Option<f64>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((words.into(), share));
    }

    pub(super) fn take(&self) -> Option<Words> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
