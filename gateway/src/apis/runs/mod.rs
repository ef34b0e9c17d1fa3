//! Flows, runs and tasks, for the APIs of Metaflow and MLflow.
//!
//! - [`config`] is the `[metadata]` table.
//! - [`asks`] sends messages that draw numbers under keys of their own, so that the router may send them again.
//! - [`tasks`] brings the tasks of a run from its blocks.
//! - [`state`] is what the handlers of both APIs need.

pub(crate) mod asks;
pub(crate) mod config;
pub(crate) mod state;
pub(crate) mod tasks;
