//! The platform's own API: events, recommendations, features, entities, lineage, and what operators look at.

mod actors;
pub(crate) mod events;
mod features;
mod health;
mod index;
mod lineage;
pub(crate) mod recommend;
mod recommendations;
pub(crate) mod record_shown;
mod routes;
pub(crate) mod served;
pub(crate) mod state;
pub(crate) mod titles;

pub(crate) use routes::routes;
