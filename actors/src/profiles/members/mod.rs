//! Members: their interactions, their profiles, and what they were shown.
//!
//! An interaction enters the platform through its member. It is recorded once, by its event id. The same decision
//! sends the effects to its content and to every feature group that observes it.
//!
//! An interaction counts once, however late it arrives. The history holds the [`HISTORY_MAX`] newest by event time.
//! Of the [`BEHIND_MAX`] before them only the ids are kept. An older interaction could be a repeat of a forgotten
//! one. It is refused (`TOO_OLD`), because it could be counted twice or wrongly dropped as a repeat.

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
