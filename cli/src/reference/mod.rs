//! The pages under `docs/reference`, generated from what they describe: verbs from the registry, refusals from their
//! table, metrics from their descriptions, configuration from `cluster.toml`, and the command line from its parser.

mod command_line;
mod configuration;
mod metrics;
mod pages;
mod refusals;
mod verbs;

pub(crate) use pages::{Arguments, write};
