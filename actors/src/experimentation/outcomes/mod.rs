//! Outcomes: what an experiment's arms have come to, and what may be said of it.
//!
//! One for each experiment. Participants tell it how the sums over their arms change; its timer looks at them, keeps each
//! look, and tells the experiment what is decided. The first look that decided stays marked, however the later ones fall.

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
    Decided, Enrol, Follow, GetOutcome, LookNow, LookView, Measured, OutcomeView, Tally, Withdraw,
};
pub use state::{Event, Outcome};
pub use verbs::register;
