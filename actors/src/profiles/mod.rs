//! Members and contents: what they did, and what is known of them.

pub mod content;
mod entities;
pub mod members;

pub use entities::register;
