//! Canary analyses at the edge: Kayenta's requests and answers, and the points that a look needs.
//!
//! - [`request`] is what Kayenta's clients send, checked whole before anything starts.
//! - [`fetch`] brings points: from the cluster's own series, or from a [`prometheus`].
//! - [`analyst`] watches the clock for canaries that are due; any node can, and a look counts once.
//! - [`render`] is what Kayenta's clients are answered.

pub(crate) mod analyst;
pub(crate) mod fetch;
pub(crate) mod prometheus;
pub(crate) mod render;
pub(crate) mod request;

use std::time::Duration;

use troupe_runtime::transport::AskOne;
use troupe_runtime::{Address, AskError, Command, Entity, Query, Router, wire};

/// Tells an entity a command.
pub(crate) async fn tell<E: Entity, C: Command>(
    router: &Router,
    key: &str,
    command: &C,
    within: Duration,
) -> Result<C::Reply, AskError> {
    let to = address::<E>(key)?;
    let ask = AskOne { to, verb: C::VERB.to_owned(), body: wire::encode(command), key: None };
    wire::decode(&router.ask_raw(ask, within).await?).map_err(AskError::Fault)
}

/// Asks an entity a query.
pub(crate) async fn ask<E: Entity, Q: Query>(
    router: &Router,
    key: &str,
    query: &Q,
    within: Duration,
) -> Result<Q::Reply, AskError> {
    let to = address::<E>(key)?;
    let ask = AskOne { to, verb: Q::VERB.to_owned(), body: wire::encode(query), key: None };
    wire::decode(&router.ask_raw(ask, within).await?).map_err(AskError::Fault)
}

fn address<E: Entity>(key: &str) -> Result<Address, AskError> {
    Address::parse_parts(E::KIND, key).map_err(|error| AskError::BadKey(error.to_string()))
}
