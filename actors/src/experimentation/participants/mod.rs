//! Participants: what a member brings to the experiments that it takes part in.
//!
//! A participant lives in its member's shard, so that an exposure or an event reaches it in the entry that caused it.
//! It knows the member's totals of every metric since the exposure, because an analysis is over members and not over
//! events: a change of one total is told to the outcome as the change of the sums it makes. An exposure counts once; a
//! member seen in two variations of one experiment is taken out of both.

mod messages;
mod state;
mod verbs;

pub use messages::{Change, Expose, Exposed, GetParticipant, Measure, ParticipantView, Stake};
pub use state::{Event, Participant};
pub use verbs::register;
