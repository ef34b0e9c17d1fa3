//! One entity behind a vtable, so that a shard can hold kinds that it does not know.

use std::any::Any;
use std::sync::Arc;

use super::decision::Effect;
use super::timer::Timer;
use super::traits::Entity;
use crate::error::Refused;
use crate::wire;

/// The result of a command, encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// Encoded events in order, already folded into the state that decided.
    pub events: Vec<Vec<u8>>,
    /// Commands for other entities.
    pub effects: Vec<Effect>,
    /// Own timers that it sets or cancels.
    pub timers: Vec<(String, Option<Timer>)>,
    /// The reply's bytes, or a refusal.
    pub reply: Result<Vec<u8>, Refused>,
}

/// An entity's state, its type erased.
pub trait Cell: Send {
    /// Folds one encoded event.
    ///
    /// # Errors
    /// The bytes do not decode as an event of this kind: a newer version, or corruption.
    fn apply(&mut self, event: &[u8]) -> Result<(), String>;
    /// The state, encoded for a checkpoint.
    fn encode(&self) -> Vec<u8>;
    /// The state as the console shows it.
    fn view(&self) -> serde_json::Value;
    /// Resident bytes.
    fn size(&self) -> usize;
    /// An independent copy for [`super::Globals`].
    fn share(&self) -> Option<Arc<dyn Any + Send + Sync>>;
    /// For the kind's own verbs.
    fn as_any(&mut self) -> &mut dyn Any;
    /// For the kind's own queries.
    fn as_any_ref(&self) -> &dyn Any;
}

/// The state itself: a newtype, so that the erased methods do not collide with the entity's own.
pub(super) struct Resident<E>(pub(super) E);

impl<E: Entity> Cell for Resident<E> {
    fn apply(&mut self, event: &[u8]) -> Result<(), String> {
        let event = wire::decode::<E::Event>(event)?;
        self.0.apply(&event);
        Ok(())
    }

    fn encode(&self) -> Vec<u8> {
        wire::encode(&self.0)
    }

    fn view(&self) -> serde_json::Value {
        serde_json::to_value(&self.0).unwrap_or_else(|error| serde_json::Value::String(error.to_string()))
    }

    fn size(&self) -> usize {
        self.0.size()
    }

    fn share(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        // States are not `Clone`: encoding and decoding copies them. Entities of the control group are small.
        let copy = wire::decode_snapshot::<E>(&self.encode()).ok()?;
        Some(Arc::new(copy))
    }

    fn as_any(&mut self) -> &mut dyn Any {
        &mut self.0
    }

    fn as_any_ref(&self) -> &dyn Any {
        &self.0
    }
}
