//! What the handlers of runs need, for Metaflow's clients and for MLflow's.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::FromRef;

use super::config::MetadataConfig;
use crate::edge::state::GatewayState;

/// What this API needs beyond [`GatewayState`].
pub(crate) struct Own {
    /// When a silent run has failed.
    pub(crate) metadata: MetadataConfig,
    /// Where values are filed for Metaflow's client, an absolute path; `None` leaves them unfiled.
    pub(crate) values_dir: Option<PathBuf>,
}

/// The state of this API's handlers; cheap to clone.
#[derive(Clone)]
pub(crate) struct RunsState {
    gateway: GatewayState,
    /// What this API alone needs.
    pub(crate) own: Arc<Own>,
}

impl RunsState {
    pub(crate) fn new(gateway: GatewayState, own: Own) -> Self {
        Self { gateway, own: Arc::new(own) }
    }
}

impl Deref for RunsState {
    type Target = GatewayState;

    fn deref(&self) -> &GatewayState {
        &self.gateway
    }
}

impl FromRef<RunsState> for GatewayState {
    fn from_ref(state: &RunsState) -> Self {
        state.gateway.clone()
    }
}
