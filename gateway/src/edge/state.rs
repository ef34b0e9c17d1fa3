//! What every handler shares.

use std::ops::Deref;
use std::sync::Arc;

use troupe_runtime::Router;
use troupe_runtime::entity::Globals;

use super::concurrency::ConcurrencyLimit;
use crate::config::GatewayConfig;

/// What every handler shares.
pub(crate) struct Shared {
    /// Reaches every entity.
    pub(crate) router: Router,
    /// Committed states of control entities.
    pub(crate) globals: Arc<Globals>,
    /// Bounds.
    pub(crate) config: GatewayConfig,
    /// Requests in flight.
    pub(crate) limit: Arc<ConcurrencyLimit>,
}

/// A handle on [`Shared`]; cheap to clone.
#[derive(Clone)]
pub(crate) struct GatewayState(Arc<Shared>);

impl GatewayState {
    pub(crate) fn new(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }
}

impl Deref for GatewayState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}
