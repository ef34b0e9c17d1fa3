//! Members: what they did, who they are, and what they were shown.
//!
//! A member is where an interaction enters the platform. It is recorded once, by its event id, and from the same
//! decision go the effects on its content and on every feature group that wants it.
//!
//! An interaction counts once, however late it comes: ids are kept of the [`HISTORY_MAX`] newest by event time, which
//! are the history, and of the [`BEHIND_MAX`] before them, of which nothing else is kept. One that is older than all of
//! these could be a repeat of one forgotten; it is refused (`TOO_OLD`) rather than counted twice or taken for a repeat.

mod history;
mod messages;
mod state;
#[cfg(test)]
mod tests;
mod verbs;

pub use history::{BEHIND_MAX, HISTORY_MAX, History};
pub use messages::{
    GetHistory, GetInputs, GetPredictions, GetProfile, HistoryView, Inputs, InteractionView, Predictions,
    Profile, ProfileView, Record, Recorded, Remember, Remembered, SetProfile,
};
pub use state::{Event, Member};
pub use verbs::register;
