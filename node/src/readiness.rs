//! When a node takes traffic: once every shard is led and the configured feature groups are known.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use troupe_actors::feature_store::catalog::{Catalog, Declare};
use troupe_gateway::{Readiness, Ready};
use troupe_inference::Recommender;
use troupe_runtime::cluster::Runtime;
use troupe_runtime::{Address, AskOptions};

use crate::config::Config;

/// Between two looks for what the control group has decided.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// The readiness of a running node.
pub(crate) struct NodeReadiness {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) recommender: Recommender,
    pub(crate) declared: Arc<AtomicBool>,
    pub(crate) draining: Arc<AtomicBool>,
}

impl Readiness for NodeReadiness {
    fn ready(&self) -> Ready {
        let shards = self.runtime.spec().config.shards + 1;
        let led = self.runtime.led();
        Ready {
            shards,
            shards_led: led,
            model_loaded: !self.recommender.view().is_empty(),
            features_declared: self.declared.load(Ordering::Relaxed),
            draining: self.draining.load(Ordering::Relaxed),
        }
    }
}

/// Declares the configured feature groups, once the control group has a leader. The same declaration changes nothing. An
/// event that came before its group would never count in it, so the node is ready only once they are known here.
pub(crate) async fn declare_features(runtime: Arc<Runtime>, config: Config, declared: Arc<AtomicBool>) {
    let (router, globals) = (runtime.router(), runtime.globals());
    for group in &config.features {
        let declare = Declare { group: group.spec() };
        let to = Address::of::<Catalog>(Catalog::KEY);
        let within = AskOptions::within(Duration::from_secs(60));
        if let Err(error) = router.ask(&to, &declare, within).await {
            tracing::error!(group = group.group, %error, "a configured feature group was not declared");
            continue;
        }
        let known =
            || globals.get::<Catalog>(Catalog::KEY).is_some_and(|all| all.get(&group.group).is_some());
        while !known() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
    declared.store(true, Ordering::Relaxed);
}
