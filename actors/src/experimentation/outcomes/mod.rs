//! Outcomes: the sums of an experiment's arms, and the verdicts on them.
//!
//! Each experiment has one outcome. Participants send it the changes of their arm's sums. A timer takes looks at the
//! sums, and the outcome keeps each look and sends a decision to the experiment. The first look with a decision stays
//! marked, even if later looks differ.

mod judge;
mod measure;
mod messages;
mod state;
mod stored;
mod sums;
#[cfg(test)]
mod tests;
mod verbs;

pub use messages::{
    AddMembers, AddSums, Decided, Follow, GetOutcome, LookNow, LookView, Measured, OutcomeView, Withdraw,
};
pub use state::{Event, Outcome};
pub use verbs::register;
