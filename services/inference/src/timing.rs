//! How long a request waited and computed.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// Where the time of one request went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Timing {
    /// Microseconds in the batch queue.
    pub queue_us: u64,
    /// Microseconds of the run that scored its batch, the ranking included.
    pub compute_us: u64,
    /// Requests in that batch, at least 1.
    pub batch: u32,
    /// Requests that were queued when this one arrived.
    pub ahead: u32,
}
