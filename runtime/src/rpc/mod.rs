//! Calls between nodes: named services, calls that wait for replies, and the client that reaches both.

mod calls;
mod client;
mod services;

pub use calls::{Calls, OpenCall};
pub use client::ServiceClient;
pub use services::{ServiceHandler, Services, TellHandler};
