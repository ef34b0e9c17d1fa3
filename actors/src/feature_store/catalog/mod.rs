//! The catalogue of feature groups: which there are, whom they are keyed by, and what they want to see.

mod config;
mod messages;
mod state;
#[cfg(test)]
mod tests;
mod verbs;

pub use config::{FeatureConfig, FeatureGroupConfig};
pub use messages::{
    Anchor, Declare, Declared, EntityKey, FeatureSpec, GroupSpec, ListGroups, Of, Op, Retire,
};
pub use state::{Catalog, Event, Group};
pub use verbs::register;
