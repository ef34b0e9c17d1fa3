//! The views that the console, the terminal UI and `/metrics` show of a node, and the lifecycle journal.

mod journal;
mod views;

pub use journal::{Journal, Lifecycle};
pub use views::{
    EntityView, KeyRange, MessageView, NodeAddress, NodeView, PeerView, Role, ShardView, TimerView,
};
