//! A batch of interaction events: from JSON lines to commands for members, and from their outcomes to a receipt.
//!
//! A line that cannot be an event never costs the others anything: it is reported with its number and field, and the
//! rest goes on. Lines keep their order, so events of one member arrive as they were written.

mod diagnosis;
mod line;
mod receipt;

pub use receipt::{Failed, Receipt, Rejected};
