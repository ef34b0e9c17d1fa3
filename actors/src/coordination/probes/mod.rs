//! Probes: a register and a list under any key, for health checks and for `troupe chaos`.
//!
//! They mean nothing to the platform. What makes them worth asking is what they count: a register's writes and a list's
//! length tell a client that was acknowledged whether anything happened twice, got lost, or was answered from the past.

mod messages;
mod state;
#[cfg(test)]
mod tests;
mod verbs;

pub use messages::{Append, Appended, Cas, Forward, Get, Keep, KeptBytes, List, Put, Read, Seen, Take};
pub use state::{Event, KEPT_BYTES_MAX, Probe};
pub use verbs::register;
