//! The clocks of a simulated node.

use crate::Timestamp;

/// Wall clock at the start of the simulation, in milliseconds since the Unix epoch.
const EPOCH_MS: u64 = 1_700_000_000_000;

/// A node's clocks. Both may run faster or slower than the simulation's clock; the wall clock may also jump.
#[derive(Default)]
pub(super) struct NodeClock {
    /// Sum of the wall clock's jumps, in milliseconds.
    pub(super) wall_offset_ms: i64,
    /// Simulated time at which the monotonic clock showed `mono`, in microseconds.
    at: u64,
    mono: u64,
    /// Deviation from the simulation's rate, in millionths.
    ppm: i32,
}

impl NodeClock {
    /// The process starts: its monotonic clock begins at one second.
    pub(super) fn restart(&mut self, now: u64) {
        (self.at, self.mono) = (now, 1_000_000);
    }

    pub(super) fn mono(&self, now: u64) -> u64 {
        self.mono + (now - self.at) * self.rate() / 1_000_000
    }

    pub(super) fn wall(&self, now: u64) -> Timestamp {
        Timestamp((EPOCH_MS + now / 1_000).saturating_add_signed(self.wall_offset_ms))
    }

    /// Changes the rate; the time shown does not jump.
    pub(super) fn set_rate(&mut self, now: u64, ppm: i32) {
        (self.mono, self.at, self.ppm) = (self.mono(now), now, ppm);
    }

    /// Simulated microseconds in which this clock advances by `micros`.
    pub(super) fn simulated(&self, micros: u64) -> u64 {
        micros * 1_000_000 / self.rate()
    }

    fn rate(&self) -> u64 {
        u64::try_from(1_000_000 + i64::from(self.ppm)).unwrap_or(1_000_000)
    }
}
