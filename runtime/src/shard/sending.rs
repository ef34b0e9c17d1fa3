//! Sends a snapshot in parts, rate limited to leave room for other traffic.

use std::time::{Duration, Instant};

use crate::address::NodeId;
use crate::transport::{Envelope, SendError, SnapshotChunk, Transport};

/// Bytes of a snapshot in one envelope.
const CHUNK_BYTES: usize = 256 << 10;

/// Sends a snapshot in parts, at most `pace` bytes a second.
pub(super) fn send_parts(
    transport: &dyn Transport,
    to: NodeId,
    blob: &[u8],
    pace: u64,
    chunk: impl Fn(u32, u32, Vec<u8>) -> SnapshotChunk,
) -> Result<(), String> {
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let parts = number(blob.len().div_ceil(CHUNK_BYTES));
    let (start, mut sent) = (Instant::now(), 0_u64);
    for (part, bytes) in blob.chunks(CHUNK_BYTES).enumerate() {
        send_patiently(transport, to, &Envelope::Snapshot(chunk(number(part), parts, bytes.to_vec())))?;
        sent += bytes.len() as u64;
        let due = Duration::from_micros(sent.saturating_mul(1_000_000) / pace.max(1));
        std::thread::sleep(due.saturating_sub(start.elapsed()));
    }
    Ok(())
}

/// Waits while the bulk lane is full (backpressure); fails after ten seconds without room.
fn send_patiently(transport: &dyn Transport, to: NodeId, envelope: &Envelope) -> Result<(), String> {
    for _ in 0..1_000 {
        match transport.send(to, envelope) {
            Ok(()) => return Ok(()),
            Err(SendError::Full) => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(error) => return Err(error.to_string()),
        }
    }
    Err("no room in the bulk lane for ten seconds".to_owned())
}
