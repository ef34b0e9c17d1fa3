//! The console: one page and one small API that show the whole cluster from any of its nodes.
//!
//! It asks every node for its own view of itself, with a short timeout, so that a dead node is shown as
//! one and never delays the others; whoever watches the page shares one poller, which rests when nobody does. What changes the cluster is in one
//! place (`act`), takes JSON alone and is written in the journal.

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
mod server;
mod snapshot;

pub use config::ConsoleConfig;
pub use health::{Health, Level};
pub use look::TreeSource;
pub use problem::{Problem, ProblemBody};
pub use rates::{NodeRates, Rate, ShardRate};
pub use server::Console;
pub use snapshot::{ClusterView, JournalView, Seen, Snapshot, Unseen};
