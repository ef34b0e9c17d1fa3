//! Clients: the client SDKs that fetch flags, and the counts they report. One entity for each flag API (`Door`).

mod state;
mod verbs;

pub use state::{Clients, Event, GetClients, Register, Report};
pub use verbs::register;
