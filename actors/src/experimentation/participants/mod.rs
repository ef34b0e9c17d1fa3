//! Participants: a member's totals in the experiments that it takes part in.
//!
//! A participant lives in its member's shard, so that an exposure or an event reaches it in the log entry that caused
//! it. It keeps the member's totals of every metric since the exposure, because the analysis is over members and not
//! over events. When a total changes, the participant sends the change of the arm's sums to the outcome. An exposure
//! counts once. A member seen in two variations of one experiment is removed from both.

mod messages;
mod state;
mod verbs;

pub use messages::{Change, Expose, Exposed, GetParticipant, Measure, ParticipantView, Stake};
pub use state::{Event, Participant};
pub use verbs::register;
