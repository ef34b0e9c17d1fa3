//! One folder for each API: the protocol of one product's clients, at the paths that they know.

pub(crate) mod growthbook;
pub(crate) mod kayenta;
pub(crate) mod maestro;
pub(crate) mod metaflow;
pub(crate) mod mlflow;
pub(crate) mod platform;
pub(crate) mod runs;
pub(crate) mod spinnaker;
pub(crate) mod unleash;
