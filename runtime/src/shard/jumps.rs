//! A wall clock that jumps. Pure: both clocks come in.

use crate::time::Timestamp;

/// How far the wall clock may stray from the monotonic one between two looks before it is said to have jumped: more than a
/// clock that is being slewed strays, and less than what a timer or a person would notice.
const JUMP_MS: i64 = 1_000;

/// Compares the wall clock with the monotonic one.
#[derive(Debug, Default)]
pub(super) struct Jumps {
    /// The last look: the wall clock in milliseconds, the monotonic one in microseconds.
    last: Option<(i64, u64)>,
}

impl Jumps {
    /// By how many milliseconds the wall clock has jumped since the last look, if it has.
    pub(super) fn look(&mut self, wall: Timestamp, mono: u64) -> Option<i64> {
        let wall = wall.0.cast_signed();
        let (before, since) = self.last.replace((wall, mono))?;
        let passed = i64::try_from(mono.saturating_sub(since) / 1_000).unwrap_or(i64::MAX);
        let strayed = wall.saturating_sub(before).saturating_sub(passed);
        (strayed.abs() >= JUMP_MS).then_some(strayed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_is_told_once_and_a_pause_of_the_process_is_none() {
        let mut jumps = Jumps::default();
        let looks = [
            (1_000_000, 0),
            (1_000_050, 50),
            (1_600_100, 100),
            (1_600_150, 150),
            (1_000_200, 200),
            (1_030_200, 30_200),
        ];
        let told: Vec<Option<i64>> =
            looks.into_iter().map(|(wall, mono)| jumps.look(Timestamp(wall), mono * 1_000)).collect();
        assert_eq!(told, [None, None, Some(600_000), None, Some(-600_000), None]);
    }
}
