//! The public edge: HTTP in, messages to entities out.
//!
//! A handler reads the call's headers, asks through [`troupe_runtime::Router`], and renders what came back; `answer` is
//! the one place where delivery errors become HTTP. It holds no truth of its own: titles are a bounded cache, and what
//! a member was recommended is told to the member in the background.

mod admission;
mod answer;
mod call;
mod canaries;
mod config;
mod domain;
mod events;
mod extract;
mod json;
mod kinds;
mod listener;
mod media;
mod metadata;
pub mod metrics;
mod openapi;
mod pressure;
mod problem;
mod readiness;
mod recommend;
mod remember;
mod routes;
mod served;
mod server;
mod titles;

pub use config::GatewayConfig;
pub use domain::{Allocation, Domain, FeatureValue, Group};
pub use events::{Failed, Fault, Line, Receipt, Rejected};
pub use kinds::Platform;
pub use metadata::config::MetadataConfig;
pub use problem::{Executed, Problem, ProblemBody};

pub use readiness::{Readiness, Ready};
pub use recommend::Recommend;
pub use server::{Gateway, api};
