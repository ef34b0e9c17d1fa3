//! Probes: a register and a list under any key, for health checks and for `troupe chaos`.
//! The platform itself does not use them. Their counters, the writes of a register and the length of a list, show a
//! client whether an acknowledged command ran twice or was lost, and whether an answer was stale.

mod messages;
mod state;
#[cfg(test)]
mod tests;
mod verbs;

pub use messages::{Append, Appended, Cas, Forward, Get, Keep, KeptBytes, List, Put, Read, Seen, Take};
pub use state::{Event, KEPT_BYTES_MAX, Probe};
pub use verbs::register;
