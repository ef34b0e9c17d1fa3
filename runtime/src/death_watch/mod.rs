//! Death watch: a watcher gets one notice, with the reason, when a node, a supervised actor or an entity ends.
//!
//! A watch ends with its first notice, which is about the incarnation that the watch found. The subject's node holds
//! the watches (`watched`) and resends each notice until it is acknowledged. The watcher's node (`watching`) polls
//! it, with calls that are answered when there is a notice. So a lost session loses no notice. A node that does not
//! answer for [`DOWN_AFTER`] is reported as down, with all subjects on it. An entity survives a leadership transfer:
//! the watch moves with its shard's leader, and only a fault ends an incarnation.

mod node;
mod subject;
mod watched;
mod watching;

#[cfg(test)]
mod tests;

use std::time::Duration;

pub use node::{Census, Watch};
pub(crate) use node::{DeathWatch, Host, SERVICE};
pub use subject::{Death, Ending, NotASubject, Subject};

/// Silence after which a watched node is reported as down. A partition looks like a crash: the reason names what was
/// observed.
pub const DOWN_AFTER: Duration = Duration::from_secs(2);
/// Largest number of watches that a node opens, and that it holds for its peers.
pub const WATCHES_MAX: usize = 65_536;
