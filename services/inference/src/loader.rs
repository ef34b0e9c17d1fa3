//! Reads model versions from the lake and loads them off the reactor.

use std::sync::Arc;

use troupe_lake::{Lake, Sha256};

use super::config::ServingConfig;
use super::engine::Engine;
use super::error::LoadError;
use super::model::{ScoringModel, Verified};
use super::vocabulary::Vocabulary;

/// The engine, the lake and the limits that loading needs; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Loader {
    pub(super) engine: Engine,
    pub(super) lake: Lake,
    pub(super) config: Arc<ServingConfig>,
}

impl Loader {
    /// Loads an artifact with its vocabulary and runs it twice, without serving it.
    pub(super) async fn verify(&self, artifact: &Sha256, vocabulary: &Sha256) -> Result<Verified, LoadError> {
        self.engine.environment().map_err(LoadError::Unavailable)?;
        let vocabulary = self.vocabulary(vocabulary).await?;
        let items = vocabulary.items();
        self.blocking(artifact, move |loader, bytes| ScoringModel::verify(&loader.engine, bytes, items)).await
    }

    pub(super) async fn vocabulary(&self, name: &Sha256) -> Result<Vocabulary, LoadError> {
        let bytes = self.lake.get(name).await.map_err(|error| LoadError::object("vocabulary", &error))?;
        Vocabulary::from_bytes(&bytes)
    }

    /// Reads the artifact and runs `work` on a blocking thread, for at most `serving.load_timeout`. A blocking thread
    /// cannot be cancelled: after a timeout the caller goes on and the thread stays busy.
    async fn blocking<T: Send + 'static>(
        &self,
        artifact: &Sha256,
        work: impl FnOnce(&Self, &[u8]) -> Result<T, LoadError> + Send + 'static,
    ) -> Result<T, LoadError> {
        let bytes = self.lake.get(artifact).await.map_err(|error| LoadError::object("artifact", &error))?;
        let loader = self.clone();
        let task = tokio::task::spawn_blocking(move || work(&loader, &bytes));
        match tokio::time::timeout(self.config.load_timeout, task).await {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => Err(LoadError::Artifact(panic.to_string())),
            Err(_) => Err(LoadError::TimedOut(self.config.load_timeout)),
        }
    }

    /// Loads `count` independent copies of an artifact in one blocking task.
    pub(super) async fn models(
        &self,
        artifact: &Sha256,
        items: usize,
        count: usize,
    ) -> Result<Vec<ScoringModel>, LoadError> {
        let intra_threads = self.config.intra_threads.get();
        self.blocking(artifact, move |loader, bytes| {
            let load = |_| ScoringModel::load(&loader.engine, bytes, items, intra_threads);
            (0..count).map(load).collect()
        })
        .await
    }
}
