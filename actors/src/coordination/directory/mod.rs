//! Directories: the entities of a kind, with their topics and due times. Pages list them, members find the subscribers
//! of an event in them, and nodes find due work in them. Each listed kind has one directory in the control group, so
//! that every node reads its local replica (bounded staleness).

mod messages;
mod state;
#[cfg(test)]
mod tests;
mod verbs;

pub use messages::{DirectoryView, Entry, GetDirectory, Remove, Upsert};
pub use state::{Directory, ENTRIES_MAX, Event};
pub use verbs::register;
