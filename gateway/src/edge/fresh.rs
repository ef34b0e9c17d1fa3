//! Ids for what requests create.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use troupe_runtime::Timestamp;

/// An id that no other request gets: the wall clock's milliseconds and 64 random bits.
pub(crate) fn fresh_id() -> String {
    format!("{:x}-{:016x}", Timestamp::wall().0, random())
}

/// A random number, for an idempotency key of a request without one.
pub(crate) fn random_key() -> u128 {
    u128::from(random()) << 64 | u128::from(random())
}

/// 64 bits from the keys of a fresh hasher: the standard library draws them from the system once for each thread, and
/// changes them for each state.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
