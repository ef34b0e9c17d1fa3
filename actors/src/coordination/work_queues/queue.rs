//! Which queue a task belongs to.

use troupe_runtime::Address;
use xxhash_rust::xxh3::xxh3_64;

use super::state::WorkQueue;

/// Queues that tasks are spread over: enough that every node leads some.
pub const QUEUES: u64 = 8;

/// The queue that a task of this id belongs to.
#[must_use]
pub fn queue_of(id: &str) -> Address {
    Address::of::<WorkQueue>(key(xxh3_64(id.as_bytes()) % QUEUES))
}

/// The addresses of all queues.
pub fn queues() -> impl Iterator<Item = Address> {
    (0..QUEUES).map(|number| Address::of::<WorkQueue>(key(number)))
}

fn key(number: u64) -> String {
    format!("q{number}")
}
