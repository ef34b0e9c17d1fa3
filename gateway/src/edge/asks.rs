//! Typed messages as the untyped asks that [`troupe_runtime::Router::ask_many`] takes.

use troupe_runtime::transport::AskOne;
use troupe_runtime::{Address, Command, Entity, Query, wire};

/// A command without an idempotency key.
pub(crate) fn command<E: Entity, C: Command>(key: String, command: &C) -> AskOne {
    AskOne { to: Address::of::<E>(key), verb: C::VERB.to_owned(), body: wire::encode(command), key: None }
}

/// A query.
pub(crate) fn query<E: Entity, Q: Query>(key: String, query: &Q) -> AskOne {
    AskOne { to: Address::of::<E>(key), verb: Q::VERB.to_owned(), body: wire::encode(query), key: None }
}
