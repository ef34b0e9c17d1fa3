//! Members: what they did, who they are, and what they were shown.
//!
//! A member is where an interaction enters the platform. It is recorded once, by its event id, and from the same
//! decision go the effects on its content and on every feature group that wants it.

mod history;
mod messages;
mod state;
#[cfg(test)]
mod tests;

pub use history::{HISTORY_MAX, History};
pub use messages::{
    GetHistory, GetInputs, GetPredictions, GetProfile, HistoryView, Inputs, InteractionView, Predictions,
    Profile, ProfileView, Record, Recorded, Remember, Remembered, SetProfile,
};
pub use state::{Event, Member};
