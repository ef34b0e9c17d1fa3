//! The console: one page and one small API that show the whole cluster from any of its nodes.
//!
//! The console requests each node's own view of itself, with a short timeout, so that a dead node is shown as dead
//! and never delays the others. All clients of the stream share one poller, which stops while no client is connected.
//! The routes that change the cluster are in `act`. They accept only JSON, and the journal records every change.

mod act;
mod config;
mod death;
mod feed;
mod health;
mod look;
mod page;
mod problem;
mod rates;
mod routes;
mod seen;
mod server;
mod snapshot;
mod state;

pub use config::ConsoleConfig;
pub use health::{Health, Level};
pub use look::TreeSource;
pub use problem::{Problem, ProblemBody};
pub use rates::{NodeRates, Rate, ShardRate};
pub use seen::{Seen, Unseen};
pub use server::Console;
pub use snapshot::{ClusterView, JournalView, Snapshot};
