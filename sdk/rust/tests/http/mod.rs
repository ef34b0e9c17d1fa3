//! The client over real HTTP.

mod client;
mod server;
