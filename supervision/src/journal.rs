//! What happened of late: bounded by count and by a day.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::broadcast;
use troupe_runtime::observe::{Journal, Lifecycle};

/// Records kept.
const RECORDS_MAX: usize = 10_000;
/// How long they are kept.
const AGE_MAX: Duration = Duration::from_secs(24 * 3_600);

/// Records a slow subscriber may be behind before it misses some.
const BEHIND_MAX: usize = 256;

/// The journal of one node, in memory.
#[derive(Debug)]
pub struct RingJournal {
    records: Mutex<VecDeque<Lifecycle>>,
    feed: broadcast::Sender<Lifecycle>,
}

impl Default for RingJournal {
    fn default() -> Self {
        Self { records: Mutex::default(), feed: broadcast::channel(BEHIND_MAX).0 }
    }
}

impl RingJournal {
    /// Records from now on. A subscriber that is too slow is told how many it missed.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Lifecycle> {
        self.feed.subscribe()
    }
}

impl Journal for RingJournal {
    fn record(&self, record: Lifecycle) {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let now = record.at;
        records.push_back(record.clone());
        while records.len() > RECORDS_MAX
            || records.front().is_some_and(|oldest| now.since(oldest.at) > AGE_MAX)
        {
            records.pop_front();
        }
        drop(records);
        // An error means that nobody listens.
        let _ = self.feed.send(record);
    }

    fn newest(&self, limit: usize) -> Vec<Lifecycle> {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.iter().rev().take(limit).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use troupe_runtime::{NodeId, Timestamp};

    use super::*;

    fn record(at: u64) -> Lifecycle {
        Lifecycle {
            at: Timestamp(at),
            node: NodeId(1),
            subject: "s".into(),
            change: "started".into(),
            reason: String::new(),
        }
    }

    #[test]
    fn the_journal_keeps_a_day_and_a_bounded_number() {
        let journal = RingJournal::default();
        journal.record(record(0));
        journal.record(record(24 * 3_600_000 + 1));
        assert_eq!(journal.newest(9).len(), 1, "a day has passed");
        for at in 0..RECORDS_MAX as u64 + 5 {
            journal.record(record(24 * 3_600_000 + at));
        }
        assert_eq!(journal.newest(usize::MAX).len(), RECORDS_MAX);
        assert!(journal.newest(2)[0].at > journal.newest(2)[1].at, "newest first");
    }

    #[tokio::test]
    async fn a_subscriber_receives_what_is_recorded_after_it_came() {
        let journal = RingJournal::default();
        journal.record(record(1));
        let mut feed = journal.subscribe();
        journal.record(record(2));
        assert_eq!(feed.recv().await, Ok(record(2)));
    }
}
