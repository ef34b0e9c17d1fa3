//! What the handlers of the platform's own API need.

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRef;
use bytes::Bytes;
use metrics_exporter_prometheus::PrometheusHandle;

use super::recommend::Recommend;
use super::record_shown::RecordShown;
use super::served::Served;
use super::titles::Titles;
use crate::edge::readiness::Readiness;
use crate::edge::state::GatewayState;

/// What this API needs beyond [`GatewayState`].
pub(crate) struct Own {
    /// Runs models.
    pub(crate) recommender: Arc<dyn Recommend>,
    /// Knows whether the node should get traffic.
    pub(crate) ready: Arc<dyn Readiness>,
    /// Renders `/metrics`.
    pub(crate) metrics: PrometheusHandle,
    /// Titles of contents, cached.
    pub(crate) titles: Titles,
    /// Records with members, in the background, what they were shown.
    pub(crate) record_shown: RecordShown,
    /// Counts the answers of each version.
    pub(crate) served: Arc<Served>,
    /// The description of the API.
    pub(crate) openapi: Bytes,
}

/// The state of this API's handlers; cheap to clone.
#[derive(Clone)]
pub(crate) struct PlatformState {
    gateway: GatewayState,
    /// What this API alone needs.
    pub(crate) own: Arc<Own>,
}

impl PlatformState {
    pub(crate) fn new(gateway: GatewayState, own: Own) -> Self {
        Self { gateway, own: Arc::new(own) }
    }
}

impl Deref for PlatformState {
    type Target = GatewayState;

    fn deref(&self) -> &GatewayState {
        &self.gateway
    }
}

impl FromRef<PlatformState> for GatewayState {
    fn from_ref(state: &PlatformState) -> Self {
        state.gateway.clone()
    }
}
