//! Contents: what a title is, and how often it was interacted with.

mod messages;
mod state;
#[cfg(test)]
mod tests;
mod verbs;

pub use messages::{ContentView, Count, Describe, GetContent};
pub use state::{Content, Event};
pub use verbs::register;
