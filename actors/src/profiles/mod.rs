//! Members and contents: interactions, profiles and descriptions.

pub mod content;
mod kinds;
pub mod members;

pub use kinds::register;
