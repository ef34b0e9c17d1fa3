//! The public edge: HTTP in, messages to entities out.
//!
//! A handler reads the call's headers, asks through [`troupe_runtime::Router`], and renders what came back. `edge/`
//! surrounds every request and knows no API; `apis/` has a folder for each product's clients. The edge
//! holds no truth of its own: titles are a bounded cache, and a member's recommendations are sent to the member in the
//! background.

mod apis;
mod config;
mod edge;
mod server;

pub use apis::platform::recommend::Recommend;
pub use apis::runs::config::MetadataConfig;
pub use config::GatewayConfig;
pub use edge::metrics;
pub use edge::problem::{Executed, Problem, ProblemBody};
pub use edge::readiness::{Readiness, Ready};
pub use edge::receipt::{Failed, Receipt, Rejected};
pub use server::{Gateway, api};
