//! The public edge: HTTP in, messages to entities out.
//!
//! A handler reads the call's headers, asks through [`troupe_runtime::Router`], and renders what came back. `edge/`
//! surrounds every request and knows no API; `apis/` has a folder for each product whose clients are served. The edge
//! holds no truth of its own: titles are a bounded cache, and a member's recommendations are sent to the member in the
//! background.

mod apis;
mod config;
mod domain;
mod edge;
mod kinds;
mod server;

pub use apis::platform::events::{Failed, Fault, Line, Receipt, Rejected};
pub use apis::platform::recommend::Recommend;
pub use apis::runs::config::MetadataConfig;
pub use config::GatewayConfig;
pub use domain::{Allocation, Domain, FeatureValue, Group};
pub use edge::metrics;
pub use edge::problem::{Executed, Problem, ProblemBody};
pub use edge::readiness::{Readiness, Ready};
pub use kinds::Platform;
pub use server::{Gateway, api};
