//! The history that all clients of a run write to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::operation::Operation;

/// A history in the making. Clones write to the same one. It is bounded by the run's length and pace.
#[derive(Debug, Clone, Default)]
pub struct Log(Arc<Mutex<Vec<Operation>>>);

impl Log {
    /// Keeps a finished call.
    pub fn push(&self, operation: Operation) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(operation);
    }

    /// Everything so far, by key.
    #[must_use]
    pub fn by_key(&self) -> BTreeMap<String, Vec<Operation>> {
        let mut by_key: BTreeMap<String, Vec<Operation>> = BTreeMap::new();
        for operation in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            by_key.entry(operation.key.clone()).or_default().push(operation.clone());
        }
        by_key
    }
}
