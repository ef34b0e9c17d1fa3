//! Asks and commands by an entity's type and key.

use std::time::Duration;

use super::router::{AskOptions, Router};
use crate::address::Address;
use crate::entity::{Command, Entity, Query};
use crate::error::AskError;

/// Sends a command to the entity `E` with this key.
///
/// # Errors
/// [`AskError::BadKey`], and those of [`Router::ask`].
pub async fn tell<E: Entity, C: Command>(
    router: &Router,
    key: &str,
    command: &C,
    within: Duration,
) -> Result<C::Reply, AskError> {
    router.ask(&address::<E>(key)?, command, AskOptions::within(within)).await
}

/// Asks a query of the entity `E` with this key.
///
/// # Errors
/// [`AskError::BadKey`], and those of [`Router::query`].
pub async fn ask<E: Entity, Q: Query>(
    router: &Router,
    key: &str,
    query: &Q,
    within: Duration,
) -> Result<Q::Reply, AskError> {
    router.query(&address::<E>(key)?, query, within).await
}

fn address<E: Entity>(key: &str) -> Result<Address, AskError> {
    Address::parse_parts(E::KIND, key).map_err(|error| AskError::BadKey(error.to_string()))
}
