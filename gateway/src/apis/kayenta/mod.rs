//! Kayenta's API: canary configs, judgements of a past interval, and analyses look by look.

mod canaries;
mod configs;
mod render;
mod routes;
pub(crate) mod state;

pub(crate) use routes::routes;
