//! The state of a signal, and its decisions.

use std::collections::VecDeque;

use bincode::{Decode, Encode};
use serde::Serialize;
use troupe_runtime::entity::{Answer, Timer};
use troupe_runtime::{Command, Context, Decide, Decision, Entity, Refused};

use super::messages::{GetSignal, Heard, Raise, Raised, SignalView, Spread, Subscribe, Unsubscribe};
use super::subscribers::{AT_ONCE_MAX, SUBSCRIBERS_MAX, Subscribers, Subscription};
use crate::stored::OptionalTail;

/// Retention of raises. A repetition of an older raise counts as a new one.
pub const KEPT_MAX: usize = 256;
const PARAMS_MAX: usize = 32;
const PARAMS_BYTES_MAX: usize = 4 << 10;
const TEXT_BYTES_MAX: usize = 256;
const TIMER: &str = "spread";

/// One signal, keyed by its name.
#[derive(Debug, Default, Encode, Decode, Serialize)]
pub struct Signal {
    raised: u64,
    newest: VecDeque<Raise>,
    subscribers: OptionalTail<Subscribers>,
}

/// What happened to a signal.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
pub enum Event {
    /// The signal was raised.
    Raised(Raise),
    /// A subscription began, with the number of the last raise that it does not need.
    Subscribed(Subscription, u64),
    /// A subscription ended.
    Unsubscribed(Subscription),
    /// Raises of these numbers were sent to these subscriptions.
    #[serde(rename = "Told")]
    Delivered(Vec<(Subscription, u64)>),
}

impl Signal {
    /// The raise of this number; `None` if it was dropped.
    fn kept(&self, seq: u64) -> Option<&Raise> {
        let back = usize::try_from(self.raised.checked_sub(seq)?).ok()?;
        self.newest.get(back)
    }

    /// Sends the next raise to the first subscribers that are behind. The others follow with the next tick, in their
    /// own log entry.
    fn spread<C: Command>(&self, decision: Decision<Self, C>, ctx: &Context<'_>) -> Decision<Self, C> {
        let forgotten = self.raised - self.newest.len() as u64;
        let mut decision = decision;
        let mut delivered = Vec::new();
        let mut more = false;
        for (subscription, heard) in self.subscribers.0.behind(self.raised) {
            if delivered.len() == AT_ONCE_MAX {
                more = true;
                break;
            }
            let seq = heard.max(forgotten) + 1;
            let Some(raise) = self.kept(seq) else { continue };
            let heard = Heard {
                signal: ctx.key.to_owned(),
                subscription: subscription.1.clone(),
                seq,
                raise: raise.clone(),
            };
            decision = decision.tell(subscription.0.clone(), &heard);
            delivered.push((subscription.clone(), seq));
            more |= seq < self.raised;
        }
        if !delivered.is_empty() {
            decision = decision.and(Event::Delivered(delivered));
        }
        if more { decision.set_timer(TIMER, Timer::once(ctx.now, &Spread {})) } else { decision }
    }

    /// A copy with these events applied.
    fn after(&self, events: &[Event]) -> Self {
        let mut next =
            Self { raised: self.raised, newest: self.newest.clone(), subscribers: self.subscribers.clone() };
        events.iter().for_each(|event| next.apply(event));
        next
    }
}

fn check(ask: &Raise) -> Result<(), Refused> {
    for (field, text) in [("id", &ask.id), ("from", &ask.from)] {
        if text.is_empty() || text.len() > TEXT_BYTES_MAX {
            return Err(Refused::field(
                "BAD_ID",
                field,
                format!("{field} must be 1 to {TEXT_BYTES_MAX} bytes"),
            ));
        }
    }
    let long = |(name, value): (&String, &String)| name.len().max(value.len()) > TEXT_BYTES_MAX;
    let bytes: usize = ask.params.iter().map(|(name, value)| name.len() + value.len()).sum();
    if ask.params.len() > PARAMS_MAX || bytes > PARAMS_BYTES_MAX || ask.params.iter().any(long) {
        let why = format!(
            "params must be at most {PARAMS_MAX} of {TEXT_BYTES_MAX} bytes, {PARAMS_BYTES_MAX} bytes together"
        );
        return Err(Refused::field("TOO_LONG", "params", why));
    }
    Ok(())
}

impl Entity for Signal {
    const KIND: &'static str = "signals";
    type Event = Event;

    fn create(_key: &str) -> Self {
        Self::default()
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::Raised(raise) => {
                self.raised += 1;
                self.newest.push_front(raise.clone());
                self.newest.truncate(KEPT_MAX);
            }
            Event::Subscribed(subscription, heard) => self.subscribers.0.add(subscription.clone(), *heard),
            Event::Unsubscribed(subscription) => self.subscribers.0.remove(subscription),
            Event::Delivered(delivered) => {
                delivered
                    .iter()
                    .for_each(|(subscription, seq)| self.subscribers.0.delivered(subscription, *seq));
            }
        }
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.newest.len() * 256 + self.subscribers.0.len() * 128
    }
}

impl Decide<Raise> for Signal {
    fn decide(&self, ask: &Raise, ctx: &Context<'_>) -> Decision<Self, Raise> {
        if let Err(refused) = check(ask) {
            return Decision::refuse(refused);
        }
        let known = self.newest.iter().position(|known| known.id == ask.id && known.from == ask.from);
        if let Some(back) = known {
            let seq = self.raised - back as u64;
            return Decision::unchanged().reply(Raised { duplicate: true, seq });
        }
        let event = Event::Raised(ask.clone());
        let next = self.after(std::slice::from_ref(&event));
        next.spread(Decision::event(event), ctx).reply(Raised { duplicate: false, seq: next.raised })
    }
}

impl Decide<Subscribe> for Signal {
    fn decide(&self, ask: &Subscribe, ctx: &Context<'_>) -> Decision<Self, Subscribe> {
        if ask.id.len() > TEXT_BYTES_MAX {
            return Decision::refuse(Refused::field(
                "BAD_ID",
                "id",
                format!("id must be at most {TEXT_BYTES_MAX} bytes"),
            ));
        }
        let subscription = (ask.to.clone(), ask.id.clone());
        if self.subscribers.0.contains(&subscription) {
            return Decision::unchanged().reply(());
        }
        if self.subscribers.0.len() >= SUBSCRIBERS_MAX {
            let why = format!("{SUBSCRIBERS_MAX} subscribe to this signal: end some first");
            return Decision::refuse(Refused::new("TOO_MANY", why));
        }
        let event = Event::Subscribed(subscription, ask.since.unwrap_or(self.raised).min(self.raised));
        let next = self.after(std::slice::from_ref(&event));
        next.spread(Decision::event(event), ctx).reply(())
    }
}

impl Decide<Unsubscribe> for Signal {
    fn decide(&self, ask: &Unsubscribe, _ctx: &Context<'_>) -> Decision<Self, Unsubscribe> {
        let subscription = (ask.to.clone(), ask.id.clone());
        if self.subscribers.0.contains(&subscription) {
            return Decision::event(Event::Unsubscribed(subscription)).reply(());
        }
        Decision::unchanged().reply(())
    }
}

impl Decide<Spread> for Signal {
    fn decide(&self, _ask: &Spread, ctx: &Context<'_>) -> Decision<Self, Spread> {
        self.spread(Decision::unchanged(), ctx).reply(())
    }
}

impl Answer<GetSignal> for Signal {
    fn answer(&self, _ask: &GetSignal, _ctx: &Context<'_>) -> Result<SignalView, Refused> {
        Ok(SignalView {
            raised: self.raised,
            newest: self.newest.iter().cloned().collect(),
            subscribers: self.subscribers.0.len() as u64,
        })
    }
}
