//! Death watch: whoever watches a node, a supervised actor or an entity, wherever it is, is told of its end and why.
//!
//! A watch is told once, of the end of the incarnation that it found, and is over then. The node where the watched
//! lives remembers who watches (`watched`) and owes each death until it is taken; the watcher's node (`watching`)
//! polls it, in calls that are answered when there is something to say. So no death is lost with a session, and a node
//! that does not answer for [`DOWN_AFTER`] is told as down with all that was watched on it. An entity lives on when its
//! shard's lead moves: the watch moves with it, and only a fault ends an incarnation.

mod shell;
mod subject;
mod watched;
mod watching;

#[cfg(test)]
mod tests;

use std::time::Duration;

pub use shell::{Census, Watch};
pub(crate) use shell::{Deaths, Host, SERVICE};
pub use subject::{Death, Ending, NotASubject, Subject};

/// Silence after which a watched node is told as down. A partition cannot be told from a death: the reason says which
/// of both was seen.
pub const DOWN_AFTER: Duration = Duration::from_secs(2);
/// Watches that a node may hold open at once, and that it remembers for its peers.
pub const WATCHES_MAX: usize = 65_536;
