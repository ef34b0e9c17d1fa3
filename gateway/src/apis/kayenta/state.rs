//! What Kayenta's handlers need.

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRef;
use troupe_workers::canaries::Fetch;

use crate::edge::state::GatewayState;

/// What this API needs beyond [`GatewayState`].
pub(crate) struct Own {
    /// Brings the points of a look.
    pub(crate) fetch: Fetch,
}

/// The state of this API's handlers; cheap to clone.
#[derive(Clone)]
pub(crate) struct KayentaState {
    gateway: GatewayState,
    /// What this API alone needs.
    pub(crate) own: Arc<Own>,
}

impl KayentaState {
    pub(crate) fn new(gateway: GatewayState, own: Own) -> Self {
        Self { gateway, own: Arc::new(own) }
    }
}

impl Deref for KayentaState {
    type Target = GatewayState;

    fn deref(&self) -> &GatewayState {
        &self.gateway
    }
}

impl FromRef<KayentaState> for GatewayState {
    fn from_ref(state: &KayentaState) -> Self {
        state.gateway.clone()
    }
}
