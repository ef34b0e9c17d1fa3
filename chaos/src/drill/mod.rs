//! One run of one scenario: cluster, clients, rounds of faults, and the summary.

mod deciders;
mod measure;
mod memory;
mod page;
mod play;
mod summary;

pub use page::page;
pub use play::{Job, play};
pub use summary::{RoundView, Summary, totals};
