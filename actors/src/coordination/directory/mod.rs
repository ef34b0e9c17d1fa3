//! Directories: which entities of a kind there are, and which of them want to hear of what. A page lists from here, a
//! member knows from here whom to tell, and a node knows from here whose work is due. One entity for each kind listed,
//! in the control group, so that every node reads it without asking.

mod messages;
mod state;
#[cfg(test)]
mod tests;
mod verbs;

pub use messages::{DirectoryView, Entry, GetDirectory, Remove, Upsert};
pub use state::{Directory, ENTRIES_MAX, Event};
pub use verbs::register;
