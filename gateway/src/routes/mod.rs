//! The routes, one file each: read the call, ask the cluster, render the answer.

pub(crate) mod actors;
pub(crate) mod canaries;
pub(crate) mod canary_configs;
pub(crate) mod deployments;
pub(crate) mod events;
pub(crate) mod features;
pub(crate) mod growthbook;
pub(crate) mod health;
pub(crate) mod index;
pub(crate) mod lineage;
pub(crate) mod maestro;
pub(crate) mod metaflow;
pub(crate) mod mlflow;
pub(crate) mod recommendations;
pub(crate) mod trouble;
pub(crate) mod unleash;
