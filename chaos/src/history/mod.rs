//! What clients asked and were told, with the times on one monotonic clock. Pure data: it judges nothing.

mod log;
mod operation;

pub use log::Log;
pub use operation::{Answer, Call, End, Operation};
