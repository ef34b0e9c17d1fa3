//! Rate limit of log lines about repeated failures.

use std::collections::BTreeMap;

/// Distinct reasons; further ones count as one.
const REASONS_MAX: usize = 64;
/// A reason is logged when it is new, and at each power of two from this count on: a peer with a wrong cookie retries
/// while it runs.
const AGAIN_FROM: u64 = 16;

/// Counts of failures, by reason.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    counts: BTreeMap<String, u64>,
    others: u64,
}

impl Complaints {
    /// Counts a failure; returns its count if it is to be logged.
    pub(super) fn note(&mut self, why: &str) -> Option<u64> {
        let count = if let Some(count) = self.counts.get_mut(why) {
            count
        } else if self.counts.len() < REASONS_MAX {
            self.counts.entry(why.to_owned()).or_default()
        } else {
            &mut self.others
        };
        *count += 1;
        (*count == 1 || *count >= AGAIN_FROM && count.is_power_of_two()).then_some(*count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_logged_when_it_is_new_and_then_less_and_less_often() {
        let mut complaints = Complaints::default();
        let logged: Vec<u64> = (0..100).filter_map(|_| complaints.note("cookie")).collect();
        assert_eq!(logged, [1, 16, 32, 64]);
        assert_eq!(complaints.note("authority"), Some(1), "another reason is news");
        let lines = (0..10_000).filter(|reason| complaints.note(&reason.to_string()).is_some()).count();
        assert!(lines < 100, "{lines} lines for reasons that never repeat");
    }
}
