//! ABlaze: the allocation of members to variations, the outcomes of experiments, and the flags that clients evaluate.

pub mod clients;
pub mod experiments;
pub mod exposures;
pub mod flags;
mod kinds;
pub mod outcomes;
pub mod participants;

pub use kinds::register;
