//! What both doors to runs share: how flows, runs and tasks are asked.
//!
//! - [`config`] is the `[metadata]` table.
//! - [`asks`] sends messages that draw numbers under keys of their own, so that the router may send them again.
//! - [`tasks`] brings the tasks of a run from its blocks.
//! - [`values`] files values for Metaflow's client, as [`pickle`] writes them.

pub(crate) mod asks;
pub(crate) mod config;
mod pickle;
pub(crate) mod tasks;
pub(crate) mod values;
