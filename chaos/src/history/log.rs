//! The history to which all clients of a run append.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use troupe_runtime::locks::lock;

use super::operation::Operation;

/// A growing history. Clones append to the same one. The run's length and call rate bound it.
#[derive(Debug, Clone, Default)]
pub struct Log(Arc<Mutex<Vec<Operation>>>);

impl Log {
    /// Appends a finished call.
    pub fn push(&self, operation: Operation) {
        lock(&self.0).push(operation);
    }

    /// Everything so far, by key.
    #[must_use]
    pub fn by_key(&self) -> BTreeMap<String, Vec<Operation>> {
        let mut by_key: BTreeMap<String, Vec<Operation>> = BTreeMap::new();
        for operation in lock(&self.0).iter() {
            by_key.entry(operation.key.clone()).or_default().push(operation.clone());
        }
        by_key
    }
}
