//! Detects jumps of the wall clock. Pure: both clocks are arguments.

use crate::time::Timestamp;

/// Milliseconds by which the wall clock may drift from the monotonic clock between two checks. A larger drift is a
/// jump. The bound is above the drift of a clock that is slewed, and below what a timer or a user would notice.
const JUMP_MS: i64 = 1_000;

/// Compares the wall clock with the monotonic one.
#[derive(Debug, Default)]
pub(super) struct ClockJumps {
    /// The last check: the wall clock in milliseconds, the monotonic clock in microseconds.
    last: Option<(i64, u64)>,
}

impl ClockJumps {
    /// Milliseconds by which the wall clock has jumped since the last check; `None` without a jump.
    pub(super) fn check(&mut self, wall: Timestamp, mono: u64) -> Option<i64> {
        let wall = wall.0.cast_signed();
        let (before, since) = self.last.replace((wall, mono))?;
        let passed = i64::try_from(mono.saturating_sub(since) / 1_000).unwrap_or(i64::MAX);
        let drift = wall.saturating_sub(before).saturating_sub(passed);
        (drift.abs() >= JUMP_MS).then_some(drift)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_is_reported_once_and_a_pause_of_the_process_is_not_a_jump() {
        let mut jumps = ClockJumps::default();
        let checks = [
            (1_000_000, 0),
            (1_000_050, 50),
            (1_600_100, 100),
            (1_600_150, 150),
            (1_000_200, 200),
            (1_030_200, 30_200),
        ];
        let jumped: Vec<Option<i64>> =
            checks.into_iter().map(|(wall, mono)| jumps.check(Timestamp(wall), mono * 1_000)).collect();
        assert_eq!(jumped, [None, None, Some(600_000), None, Some(-600_000), None]);
    }
}
