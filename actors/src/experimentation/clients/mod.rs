//! Clients: which client SDKs ask for flags, and what they say they served. One entity for each door.

mod state;
mod verbs;

pub use state::{Clients, Event, GetClients, Register, Report};
pub use verbs::register;
