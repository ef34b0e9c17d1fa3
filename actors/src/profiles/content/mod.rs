//! Contents: the description of a title, and the number of interactions with it.

mod messages;
mod state;
#[cfg(test)]
mod tests;
mod verbs;

pub use messages::{ContentView, Count, Describe, GetContent};
pub use state::{Content, Event};
pub use verbs::register;
