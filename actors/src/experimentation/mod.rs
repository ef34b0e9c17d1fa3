//! ABlaze: who sees what, what came of it, and the flags that clients evaluate.

pub mod clients;
mod entities;
pub mod experiments;
pub mod exposures;
pub mod flags;
pub mod outcomes;
pub mod participants;

pub use entities::register;
