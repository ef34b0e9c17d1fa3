//! How a signal decides.

use std::collections::VecDeque;

use bincode::{Decode, Encode};
use serde::Serialize;
use troupe_runtime::entity::Answer;
use troupe_runtime::{Context, Decide, Decision, Entity, Refused};

use super::messages::{GetSignal, Raise, Raised, SignalView};

/// Happenings that are remembered; one older than all of them counts again.
pub const KEPT_MAX: usize = 256;
const PARAMS_MAX: usize = 32;
const TEXT_BYTES_MAX: usize = 256;

/// One signal, keyed by its name.
#[derive(Debug, Default, Encode, Decode, Serialize)]
pub struct Signal {
    raised: u64,
    newest: VecDeque<Raise>,
}

/// What happened to a signal.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
pub enum Event {
    /// It was raised.
    Raised(Raise),
}

impl Entity for Signal {
    const KIND: &'static str = "signals";
    type Event = Event;

    fn create(_key: &str) -> Self {
        Self::default()
    }

    fn apply(&mut self, event: &Event) {
        let Event::Raised(raise) = event;
        self.raised += 1;
        self.newest.push_front(raise.clone());
        self.newest.truncate(KEPT_MAX);
    }
}

impl Decide<Raise> for Signal {
    fn decide(&self, ask: &Raise, _ctx: &Context<'_>) -> Decision<Self, Raise> {
        for (field, text) in [("id", &ask.id), ("from", &ask.from)] {
            if text.is_empty() || text.len() > TEXT_BYTES_MAX {
                let why = format!("{field} must be 1 to {TEXT_BYTES_MAX} bytes");
                return Decision::refuse(Refused::field("BAD_ID", field, why));
            }
        }
        let long = |(name, value): (&String, &String)| name.len().max(value.len()) > TEXT_BYTES_MAX;
        if ask.params.len() > PARAMS_MAX || ask.params.iter().any(long) {
            let why = format!("params must be at most {PARAMS_MAX} of {TEXT_BYTES_MAX} bytes");
            return Decision::refuse(Refused::field("TOO_LONG", "params", why));
        }
        if self.newest.iter().any(|known| known.id == ask.id && known.from == ask.from) {
            return Decision::unchanged().reply(Raised { duplicate: true });
        }
        Decision::event(Event::Raised(ask.clone())).reply(Raised { duplicate: false })
    }
}

impl Answer<GetSignal> for Signal {
    fn answer(&self, _ask: &GetSignal, _ctx: &Context<'_>) -> Result<SignalView, Refused> {
        Ok(SignalView { raised: self.raised, newest: self.newest.iter().cloned().collect() })
    }
}
