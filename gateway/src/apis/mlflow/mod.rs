//! The API for MLflow's clients: tracking and registry, at the paths that they know.
//!
//! An experiment is a flow and a run is a run: what Metaflow's clients began is found here, and the other way round. A
//! model that the cluster serves is shown beside those that clients register, with its champion and challenger as
//! aliases. What is kept nowhere here, such as traces, has an answer that says so ([`absent`]).

pub(crate) mod absent;
mod edge;
pub(crate) mod experiments;
mod ids;
mod language;
mod list;
pub(crate) mod models;
mod render;
mod routes;
pub(crate) mod runs;
pub(crate) mod search;
pub(crate) mod stages;
pub(crate) mod versions;

pub(crate) use routes::routes;

use edge::{Answer, Body, OrderBy, Queried, Tag, Trouble, Whole, bad, exists, not_found, wrong_state};
