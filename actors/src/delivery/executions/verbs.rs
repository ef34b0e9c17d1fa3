//! The verbs of this kind.

use troupe_runtime::Registry;

use super::{
    Begin, Cancel, ChildEnded, Deployment, Due, GetDeployment, Go, Judge, Pause, RestartStage, Resume,
};
use crate::canary_analysis::CanaryEnded;
use crate::coordination::work_queues::{Finished, Progress};
use crate::delivery::traffic::TrafficSet;
use crate::models::Advanced;

/// Registers the kind and its verbs.
pub fn register(registry: Registry) -> Registry {
    registry
        .kind::<Deployment>()
        .command::<Deployment, Begin>()
        .command::<Deployment, Go>()
        .command::<Deployment, Cancel>()
        .command::<Deployment, Pause>()
        .command::<Deployment, Resume>()
        .command::<Deployment, Judge>()
        .command::<Deployment, RestartStage>()
        .command::<Deployment, Due>()
        .command::<Deployment, TrafficSet>()
        .command::<Deployment, Advanced>()
        .command::<Deployment, CanaryEnded>()
        .command::<Deployment, ChildEnded>()
        .command::<Deployment, Finished>()
        .command::<Deployment, Progress>()
        .query::<Deployment, GetDeployment>()
}
