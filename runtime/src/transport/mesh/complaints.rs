//! Which failures of a kind that repeats for ever are worth a line in the log.

use std::collections::BTreeMap;

/// Reasons told apart; any further ones count as one.
const REASONS_MAX: usize = 64;
/// A reason is logged when it is new, and again at each power of two from here on: a peer with the wrong cookie tries
/// for as long as it runs.
const AGAIN_FROM: u64 = 16;

/// Counts of failures, by reason.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    counts: BTreeMap<String, u64>,
    others: u64,
}

impl Complaints {
    /// Counts a failure; gives its count when it is to be logged.
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
    fn a_reason_is_told_when_it_is_new_and_then_ever_more_seldom() {
        let mut complaints = Complaints::default();
        let told: Vec<u64> = (0..100).filter_map(|_| complaints.note("cookie")).collect();
        assert_eq!(told, [1, 16, 32, 64]);
        assert_eq!(complaints.note("authority"), Some(1), "another reason is news");
        let told = (0..10_000).filter(|reason| complaints.note(&reason.to_string()).is_some()).count();
        assert!(told < 100, "{told} lines for reasons that never repeat");
    }
}
