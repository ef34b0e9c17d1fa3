//! The lifecycle journal of one node, bounded by count and by one day.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::broadcast;
use troupe_runtime::Timestamp;
use troupe_runtime::locks::lock;
use troupe_runtime::observe::{Journal, Lifecycle};

use crate::journal_file::JournalFile;

/// Upper bound on records.
const RECORDS_MAX: usize = 10_000;
/// Retention of records.
const AGE_MAX: Duration = Duration::from_secs(24 * 3_600);

/// Records that a slow subscriber may lag behind before it misses some.
const BEHIND_MAX: usize = 256;

/// The journal of one node, in memory; also on disk if it was opened in a folder.
#[derive(Debug)]
pub struct RingJournal {
    records: Mutex<VecDeque<Lifecycle>>,
    feed: broadcast::Sender<Lifecycle>,
    file: Option<JournalFile>,
}

impl Default for RingJournal {
    fn default() -> Self {
        Self { records: Mutex::default(), feed: broadcast::channel(BEHIND_MAX).0, file: None }
    }
}

impl RingJournal {
    /// Opens a journal in a folder, with its records of the last day before `now`.
    ///
    /// # Errors
    /// The folder or its files cannot be read or written.
    pub fn open(dir: &Path, now: Timestamp) -> std::io::Result<Self> {
        let (file, kept) = JournalFile::open(dir)?;
        let young = kept.into_iter().filter(|record| now.since(record.at) <= AGE_MAX);
        let mut records: VecDeque<Lifecycle> = young.collect();
        records.drain(..records.len().saturating_sub(RECORDS_MAX));
        Ok(Self { records: Mutex::new(records), file: Some(file), ..Self::default() })
    }

    /// Subscribes to records from now on. A subscriber that is too slow receives the number of records it missed.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Lifecycle> {
        self.feed.subscribe()
    }
}

impl Journal for RingJournal {
    fn record(&self, record: Lifecycle) {
        let mut records = lock(&self.records);
        let now = record.at;
        records.push_back(record.clone());
        while records.len() > RECORDS_MAX
            || records.front().is_some_and(|oldest| now.since(oldest.at) > AGE_MAX)
        {
            records.pop_front();
        }
        drop(records);
        if let Some(file) = &self.file {
            file.record(record.clone());
        }
        // An error means that there are currently 0 subscribers.
        let _ = self.feed.send(record);
    }

    fn newest(&self, limit: usize) -> Vec<Lifecycle> {
        let records = lock(&self.records);
        records.iter().rev().take(limit).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use troupe_runtime::NodeId;

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

    #[test]
    fn a_journal_goes_on_where_it_ended_and_forgets_what_is_older_than_a_day() {
        let dir = tempfile::tempdir().unwrap();
        let journal = RingJournal::open(dir.path(), Timestamp(0)).unwrap();
        (1..=3).for_each(|at| journal.record(record(at * 1_000)));
        let now = Timestamp(24 * 3_600_000 + 2_000);
        let start = std::time::Instant::now();
        let kept = || RingJournal::open(dir.path(), now).unwrap().newest(9);
        while kept().len() < 2 {
            assert!(start.elapsed() < Duration::from_secs(10), "{:?}", kept());
        }
        assert_eq!(kept(), [record(3_000), record(2_000)]);
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
