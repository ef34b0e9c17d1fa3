//! The state that the recommender and the supervisor of a node share: the loaded models and what loading needs.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use troupe_runtime::entity::Globals;
use troupe_runtime::observe::{Journal, Lifecycle};
use troupe_runtime::{NodeId, Timestamp};

use super::desired::ServedVersion;
use super::error::ServeError;
use super::loader::Loader;
use super::pool::ModelPool;

/// The model versions that answer on this node now.
#[derive(Debug, Clone, Default)]
pub(super) struct LoadedModels {
    pub(super) models: BTreeMap<String, ModelVersions>,
}

/// One model's pools.
#[derive(Debug, Clone, Default)]
pub(super) struct ModelVersions {
    pub(super) champion: Option<Arc<ModelPool>>,
    pub(super) pools: BTreeMap<u32, Arc<ModelPool>>,
    /// Desired versions that did not load, with the reason.
    pub(super) failures: Vec<(ServedVersion, String)>,
}

impl LoadedModels {
    /// The pools of all models.
    pub(super) fn pools(&self) -> Vec<Arc<ModelPool>> {
        self.models.values().flat_map(|versions| versions.pools.values().cloned()).collect()
    }
}

/// Reads the desired versions out of the published state.
pub(super) type Source = Arc<dyn Fn(&Globals) -> Vec<ServedVersion> + Send + Sync>;

/// Shared by the recommender and the supervisor of one node.
pub(super) struct Shared {
    pub(super) node: NodeId,
    pub(super) loader: Loader,
    pub(super) globals: Arc<Globals>,
    pub(super) source: Source,
    pub(super) loaded: ArcSwap<LoadedModels>,
    pub(super) journal: Option<Arc<dyn Journal>>,
}

impl Shared {
    /// Removes every pool after the supervisor ended, because its pools ended with it. Queued requests are answered with
    /// [`ServeError::NotReady`].
    pub(super) fn clear(&self) {
        let before = self.loaded.swap(Arc::default());
        for pool in before.pools() {
            let why = "serving is being restarted".to_owned();
            pool.close(&ServeError::NotReady { model: pool.served().model.clone(), why });
        }
    }

    /// The actor's registered name, with the node: the nodes of one process share ractor's registry. `None` while a
    /// predecessor that is ending still holds the name.
    pub(super) fn free_name(&self, what: &str) -> Option<String> {
        let name = format!("n{}/{what}", self.node);
        ractor::registry::where_is(name.clone()).is_none().then_some(name)
    }

    /// Records a lifecycle change of a pool in the journal.
    pub(super) fn note(&self, subject: &str, change: &str, reason: &str) {
        if let Some(journal) = &self.journal {
            journal.record(Lifecycle {
                at: Timestamp::wall(),
                node: self.node,
                subject: format!("serving/{subject}"),
                change: change.to_owned(),
                reason: reason.to_owned(),
            });
        }
    }
}
