//! Registered models: named and numbered versions of artifacts that clients store elsewhere, with aliases, as in
//! MLflow's registry.
//!
//! The cluster serves a [`crate::models::Model`]. A registered model only names artifacts, and its versions point at
//! them. Each version is a node of the lineage, derived from the run that produced it.

mod messages;
mod state;
#[cfg(test)]
mod tests;
mod verbs;

pub use messages::{
    AddVersion, DescribeModel, DescribeVersion, DropAlias, GetRegistered, MoveStage, Register,
    RegisteredView, STAGE, SetAlias, VersionAdded, VersionRow,
};
pub use state::{Change, Event, Registered, VERSIONS_MAX};
pub use verbs::register;
