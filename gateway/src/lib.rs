//! The public edge: HTTP in, messages to entities out.
//!
//! A handler reads the call's headers, asks through [`troupe_runtime::Router`], and renders what came back; `answer` is
//! the one place where delivery errors become HTTP. It holds no truth of its own: titles are a bounded cache, and what
//! a member was recommended is told to the member in the background.

mod admission;
mod answer;
mod call;
mod config;
mod events;
mod listener;
pub mod metrics;
mod openapi;
mod problem;
mod readiness;
mod routes;
mod server;
mod titles;

pub use config::GatewayConfig;
pub use events::{Failed, Receipt, Rejected};
pub use problem::{Executed, Problem, ProblemBody};
pub use readiness::{Readiness, Ready};
pub use server::{Gateway, api};
