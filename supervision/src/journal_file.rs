//! The journal on disk: after a restart, the records of the last day are still available, when they are needed most.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use troupe_runtime::observe::Lifecycle;

/// File size at which the current file replaces the older one and a new file starts.
const FILE_BYTES_MAX: u64 = 8 << 20;
/// Bytes per write.
const WRITE_BYTES: usize = 64 << 10;
/// Upper bound on records queued for the disk; further records are kept in memory only.
const WAITING_MAX: usize = 4_096;

/// Two files, the older and the current, with one JSON record per line. A thread of its own writes them; it ends when
/// this value is dropped.
#[derive(Debug)]
pub(crate) struct JournalFile {
    queue: SyncSender<Lifecycle>,
}

impl JournalFile {
    /// Opens or creates the journal in a folder, and returns its records, oldest first.
    ///
    /// # Errors
    /// The folder or its files cannot be read or written.
    pub(crate) fn open(dir: &Path) -> std::io::Result<(Self, Vec<Lifecycle>)> {
        std::fs::create_dir_all(dir)?;
        let (older, newer) = (dir.join("journal.1.jsonl"), dir.join("journal.jsonl"));
        let records = [&older, &newer].into_iter().flat_map(read).collect();
        let file = OpenOptions::new().create(true).append(true).open(&newer)?;
        let (queue, records_to_write) = sync_channel(WAITING_MAX);
        std::thread::Builder::new()
            .name("troupe-journal".to_owned())
            .spawn(move || write_all(file, &older, &newer, &records_to_write))?;
        Ok((Self { queue }, records))
    }

    /// Queues a record. A slow disk never blocks the caller: at the bound the record is not written.
    pub(crate) fn record(&self, record: Lifecycle) {
        let _ = self.queue.try_send(record);
    }
}

/// The records of a file. A line that does not decode was cut off by a crash or is of a newer version; it is skipped.
fn read(path: &PathBuf) -> Vec<Lifecycle> {
    let Ok(file) = File::open(path) else { return Vec::new() };
    let lines = BufReader::new(file).split(b'\n').map_while(Result::ok);
    lines.filter_map(|line| serde_json::from_slice(&line).ok()).collect()
}

/// The current file, and the lines not yet written.
struct Writer<'a> {
    file: File,
    older: &'a Path,
    newer: &'a Path,
    bytes: u64,
    lines: Vec<u8>,
}

impl Writer<'_> {
    fn push(&mut self, record: &Lifecycle) {
        self.lines.extend(serde_json::to_vec(record).unwrap_or_default());
        self.lines.push(b'\n');
        if self.lines.len() >= WRITE_BYTES {
            self.write();
        }
    }

    fn write(&mut self) {
        // On a full disk the record stays in memory only; later records may fit again.
        let written = self.file.write_all(&self.lines).is_ok();
        self.bytes += if written { self.lines.len() as u64 } else { 0 };
        self.lines.clear();
        if self.bytes >= FILE_BYTES_MAX
            && std::fs::rename(self.newer, self.older).is_ok()
            && let Ok(fresh) = OpenOptions::new().create(true).append(true).open(self.newer)
        {
            (self.file, self.bytes) = (fresh, 0);
        }
    }
}

fn write_all(file: File, older: &Path, newer: &Path, records: &Receiver<Lifecycle>) {
    let bytes = file.metadata().map_or(0, |meta| meta.len());
    // A newline ends a line that a crash cut off, so that it does not corrupt the next one.
    let lines: Vec<u8> = if bytes > 0 { vec![b'\n'] } else { Vec::new() };
    let mut writer = Writer { file, older, newer, bytes, lines };
    while let Ok(first) = records.recv() {
        writer.push(&first);
        records.try_iter().for_each(|record| writer.push(&record));
        writer.write();
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use troupe_runtime::{NodeId, Timestamp};

    use super::*;

    fn record(at: u64) -> Lifecycle {
        Lifecycle {
            at: Timestamp(at),
            node: NodeId(1),
            subject: "shard-1".into(),
            change: "became_leader".into(),
            reason: "r".repeat(1_000),
        }
    }

    fn until(what: &str, done: impl Fn() -> bool) {
        let start = Instant::now();
        while !done() {
            assert!(start.elapsed() < Duration::from_secs(60), "{what}");
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }

    #[test]
    fn what_was_recorded_is_there_after_a_restart_and_a_cut_line_costs_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.jsonl");
        let (journal, before) = JournalFile::open(dir.path()).unwrap();
        assert!(before.is_empty());
        (1..=3).for_each(|at| journal.record(record(at)));
        until("three lines", || read(&path).len() == 3);
        drop(journal);
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"at\":4,\"no").unwrap();
        let (journal, before) = JournalFile::open(dir.path()).unwrap();
        assert_eq!(before, [record(1), record(2), record(3)]);
        journal.record(record(5));
        until("the line after the cut one", || read(&path).last() == Some(&record(5)));
    }

    #[test]
    fn the_disk_holds_a_bounded_number_of_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.jsonl");
        let (journal, _) = JournalFile::open(dir.path()).unwrap();
        let last = 2_500;
        for at in 1..=last {
            // The queue's bound is for slow disks; this test needs every record, so it retries.
            let mut next = Lifecycle { reason: "r".repeat(10_000), ..record(at) };
            while let Err(full) = journal.queue.try_send(next) {
                let std::sync::mpsc::TrySendError::Full(back) = full else { panic!("the writer ended") };
                next = back;
                std::thread::park_timeout(Duration::from_millis(1));
            }
        }
        // The last record may have triggered the rotation and be in the current file.
        let older = dir.path().join("journal.1.jsonl");
        let newest = |path: &PathBuf| read(path).last().is_some_and(|record| record.at == Timestamp(last));
        until("the last", || newest(&path) || newest(&older));
        let bytes: u64 =
            std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum();
        assert!(bytes < 3 * FILE_BYTES_MAX, "{bytes}");
        let (_, kept) = JournalFile::open(dir.path()).unwrap();
        assert!(kept.windows(2).all(|pair| pair[0].at < pair[1].at), "in order");
        assert!(kept.len() > 700, "{}", kept.len());
    }
}
