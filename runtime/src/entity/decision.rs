//! The result of deciding a command.

use bincode::{Decode, Encode};

use super::timer::Timer;
use super::traits::{Command, Entity};
use crate::address::Address;
use crate::error::Refused;

/// A command that one entity's decision sends to another, with exactly one effect. It is in the same log entry if the
/// target is in the same shard, else it goes through the shard's outbox.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Effect {
    /// The target.
    pub to: Address,
    /// The command's verb.
    pub verb: String,
    /// The command, encoded.
    pub body: Vec<u8>,
}

/// Events, effects and a reply; or a refusal, which changes nothing.
#[derive(Debug)]
pub struct Decision<E: Entity, C: Command> {
    pub(crate) events: Vec<E::Event>,
    pub(crate) effects: Vec<Effect>,
    pub(crate) timers: Vec<(String, Option<Timer>)>,
    pub(crate) outcome: Result<Option<C::Reply>, Refused>,
}

impl<E: Entity, C: Command> Decision<E, C> {
    /// Refuses the command.
    pub fn refuse(refusal: impl Into<Refused>) -> Self {
        Self { events: Vec::new(), effects: Vec::new(), timers: Vec::new(), outcome: Err(refusal.into()) }
    }

    /// Decides one event; more can follow.
    #[must_use]
    pub fn event(event: E::Event) -> Self {
        Self { events: vec![event], effects: Vec::new(), timers: Vec::new(), outcome: Ok(None) }
    }

    /// Decides that nothing changes.
    #[must_use]
    pub const fn unchanged() -> Self {
        Self { events: Vec::new(), effects: Vec::new(), timers: Vec::new(), outcome: Ok(None) }
    }

    /// Adds an event.
    #[must_use]
    pub fn and(mut self, event: E::Event) -> Self {
        self.events.push(event);
        self
    }

    /// Sends a command to another entity; it takes effect once.
    #[must_use]
    pub fn tell<T: Command>(mut self, to: Address, command: &T) -> Self {
        let body = crate::wire::encode(command);
        self.effects.push(Effect { to, verb: T::VERB.to_owned(), body });
        self
    }

    /// Sets one of the entity's own timers, replacing one of the same name: a command that the entity sends to itself
    /// later. It takes effect once and survives crashes of nodes. Names have 1 to 64 bytes, periods at least 10 ms.
    /// The number of timers is bounded by `shard.timers_of_entity_max` and `shard.timers_max`; a decision beyond a
    /// bound is refused.
    #[must_use]
    pub fn set_timer(mut self, name: &str, timer: Timer) -> Self {
        self.timers.push((name.to_owned(), Some(timer)));
        self
    }

    /// Cancels one of the entity's own timers; a timer that is not set is ignored.
    #[must_use]
    pub fn cancel_timer(mut self, name: &str) -> Self {
        self.timers.push((name.to_owned(), None));
        self
    }

    /// Sets the reply. A decision without a reply is answered with the refusal `NO_REPLY`, which is a bug of the
    /// kind.
    #[must_use]
    pub fn reply(mut self, reply: C::Reply) -> Self {
        if self.outcome.is_ok() {
            self.outcome = Ok(Some(reply));
        }
        self
    }

    /// The events decided, for tests of a kind's state.
    #[must_use]
    pub fn events(&self) -> &[E::Event] {
        &self.events
    }

    /// The effects decided, for tests of a kind's state.
    #[must_use]
    pub fn effects(&self) -> &[Effect] {
        &self.effects
    }

    /// The timers decided, for tests of a kind's state; `None` cancels one.
    #[must_use]
    pub fn timers(&self) -> &[(String, Option<Timer>)] {
        &self.timers
    }

    /// The reply or refusal, for tests of a kind's state.
    ///
    /// # Errors
    /// The refusal decided.
    pub fn outcome(&self) -> Result<Option<&C::Reply>, &Refused> {
        self.outcome.as_ref().map(Option::as_ref)
    }
}
