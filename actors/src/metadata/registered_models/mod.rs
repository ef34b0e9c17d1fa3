//! Registered models: names and numbers for what clients keep by themselves, with aliases, as MLflow's registry has them.
//!
//! What the cluster serves is a [`crate::models::Model`]; a registered model is a name for an artifact elsewhere, which
//! its versions point at. Each version is a node of the lineage, behind the run that it came of.

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
