//! Shared state of the console's handlers.

use std::ops::Deref;
use std::sync::Arc;

use tokio::sync::watch;
use troupe_runtime::placement::Operate;

use super::feed::Feed;
use super::look::Looker;

/// The fields behind [`ConsoleState`].
pub(super) struct Shared {
    pub(super) looker: Looker,
    pub(super) operate: Arc<dyn Operate>,
    pub(super) cluster: String,
    pub(super) feed: Arc<Feed>,
    pub(super) metrics: Arc<dyn Fn() -> String + Send + Sync>,
    pub(super) stopping: watch::Receiver<bool>,
}

/// The state of every handler; a clone shares it.
#[derive(Clone)]
pub(super) struct ConsoleState(Arc<Shared>);

impl ConsoleState {
    pub(super) fn new(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }
}

impl Deref for ConsoleState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}
