//! The traits that a kind of entity implements.

use std::time::Duration;

use bincode::{Decode, Encode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Context, Decision};
use crate::address::Address;
use crate::error::Refused;

/// Bounds of everything that is sent or stored: bincode inside the cluster, JSON at the gateway.
pub trait Wire: Encode + Decode<()> + Serialize + DeserializeOwned + Send + Sync + 'static {}
impl<T: Encode + Decode<()> + Serialize + DeserializeOwned + Send + Sync + 'static> Wire for T {}

/// Where a kind's entities live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// In the data shard of their tag.
    Sharded,
    /// In the control group, replicated on every node and readable there through [`Context::global`]. For small,
    /// seldom changing state that all nodes need: model versions, experiments, feature catalogues.
    Control,
}

/// The policy after a panic in a handler. The incarnation ends and the state is rebuilt from the events. After
/// `faults_max` faults within `period` the entity is in quarantine until it gets no message for `period`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultPolicy {
    /// Faults within `period` after which the entity is in quarantine.
    pub faults_max: u32,
    /// The window in which faults are counted.
    pub period: Duration,
}

impl Default for FaultPolicy {
    fn default() -> Self {
        Self { faults_max: 5, period: Duration::from_secs(30) }
    }
}

/// A kind of virtual actor. `Encode`/`Decode` carry checkpoints and snapshots, `Serialize` the console's view.
pub trait Entity: Encode + Decode<()> + Serialize + Send + Sync + 'static {
    /// The kind's name in addresses: a plural noun, `members`.
    const KIND: &'static str;
    /// Where its entities live.
    const PLACEMENT: Placement = Placement::Sharded;
    /// The policy after a panic.
    const FAULTS: FaultPolicy = FaultPolicy { faults_max: 5, period: Duration::from_secs(30) };
    /// An event of the entity. Stored permanently: add new variants only at the end.
    type Event: Encode + Decode<()> + Serialize + Send + Sync + 'static;

    /// The state before any event.
    fn create(key: &str) -> Self;

    /// Folds one event. Must not panic and must not read anything but its arguments.
    fn apply(&mut self, event: &Self::Event);

    /// Resident bytes of the state, for the passivation budget; an estimate that counts heap memory.
    fn size(&self) -> usize {
        size_of_val(self)
    }
}

/// A request that may change state.
pub trait Command: Wire {
    /// Name and version: `record.v1`.
    const VERB: &'static str;
    /// The success answer; a refusal travels as [`Refused`].
    type Reply: Wire;
    /// Whether deciding it twice has the effect of deciding it once, for example by a natural key. The router then
    /// sends it again after an unknown outcome without an idempotency key.
    const REPEATABLE: bool = false;
}

/// A request that changes nothing.
pub trait Query: Wire {
    /// Name and version: `get-profile.v1`.
    const VERB: &'static str;
    /// The success answer.
    type Reply: Wire;
}

/// How an entity decides a command.
pub trait Decide<C: Command>: Entity {
    /// Decides. Pure: no IO, clock, randomness or async.
    fn decide(&self, ask: &C, ctx: &Context<'_>) -> Decision<Self, C>
    where
        Self: Sized;
}

/// How an entity answers a query.
pub trait Answer<Q: Query>: Entity {
    /// Answers from the state.
    ///
    /// # Errors
    /// Refuses what the state cannot answer.
    fn answer(&self, ask: &Q, ctx: &Context<'_>) -> Result<Q::Reply, Refused>;
}

impl Address {
    /// The address of `key` under the kind of `E`.
    #[must_use]
    pub fn of<E: Entity>(key: impl Into<String>) -> Self {
        Self { kind: E::KIND.to_owned(), key: key.into() }
    }
}
