//! Assigns tasks to queues.

use troupe_runtime::Address;
use xxhash_rust::xxh3::xxh3_64;

use super::state::WorkQueue;

/// Number of queues; enough for every node to lead some of them.
pub const QUEUES: u64 = 8;

/// The queue of a task, by a hash of its id.
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
