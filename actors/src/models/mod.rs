//! Models: their published versions, and the stage of each.

mod messages;
mod state;
#[cfg(test)]
mod tests;
mod verbs;

pub use messages::{
    Advance, Advanced, GetModel, Lineage, ModelView, Promote, Promoted, Publish, Published, Stage,
    VersionView,
};
pub use state::{Event, Model};
pub use verbs::register;
