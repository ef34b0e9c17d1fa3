//! Models: their published versions, and which of them answer.

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
