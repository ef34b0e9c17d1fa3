//! The calls of the clients and their replies, with times on one monotonic clock. Pure data, without judgement.

mod log;
mod operation;

pub use log::Log;
pub use operation::{Answer, Call, End, Operation};
