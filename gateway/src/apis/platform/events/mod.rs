//! A batch of interaction events: from JSON lines to commands for members, and from their outcomes to a receipt.
//!
//! A line that cannot be an event never costs the others anything: it is reported with its number and field, and the
//! rest goes on. Lines keep their order, so events of one member arrive as they were written.

mod batch;
mod command;
mod diagnosis;
mod line;
mod receipt;
pub(crate) mod record;
mod rounds;
#[cfg(test)]
mod tests;

pub(crate) use line::{ID_BYTES_MAX, is_id};
