//! The catalogue of feature groups: their names, entities, features and interaction types.

mod config;
mod messages;
mod state;
#[cfg(test)]
mod tests;
mod verbs;

pub use config::{FeatureConfig, FeatureGroupConfig};
pub use messages::{
    Anchor, Declare, Declared, EntityKey, FeatureSpec, GroupSpec, ListGroups, Op, Retire, Source,
};
pub use state::{Catalog, Event, Group};
pub use verbs::register;
