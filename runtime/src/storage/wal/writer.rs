//! The thread that writes, and the handle that feeds it.

use std::collections::BTreeMap;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use super::config::{Sync, WalConfig};
use super::frame;
use super::recover::{Contents, Place, Recovered, read};
use super::segment;
use crate::address::ShardId;
use crate::planted::Bug;
use crate::storage::{GroupLog, Record, Vote};

/// Appends written and synced together at most.
const BATCH_MAX: usize = 1_024;
/// Retired segments kept for reuse.
const SPARES_MAX: usize = 2;
/// Full segments beyond which a group that a checkpoint covers gives up the entries that hold back the oldest.
const OLDER_KEPT: usize = 4;

/// Called once the records are durable, or could not be made so.
pub(super) type Done = Box<dyn FnOnce(Result<(), WalError>) + Send>;

/// Why the log could not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WalError {
    /// The queue is full: the disk does not keep up.
    #[error("the write-ahead log's queue is full")]
    Full,
    /// An earlier write failed, or the log is closed; nothing is written any more.
    #[error("the write-ahead log has stopped: {0}")]
    Failed(String),
    /// The disk said no.
    #[error("{0}")]
    Io(String),
    /// Something in the directory is no segment of this format.
    #[error("{0}")]
    Unreadable(String),
}

impl WalError {
    pub(super) fn io(path: &Path, error: &std::io::Error) -> Self {
        Self::Io(format!("{}: {error}", path.display()))
    }
}

/// Figures since the log was opened.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct WalStats {
    /// Bytes written.
    pub bytes: u64,
    /// Batches synced.
    pub syncs: u64,
    /// Records written.
    pub records: u64,
    /// Duration of the last sync, in microseconds.
    pub sync_us_last: u64,
    /// Duration of the longest sync, in microseconds.
    pub sync_us_max: u64,
}

#[derive(Default)]
struct Counters {
    bytes: AtomicU64,
    syncs: AtomicU64,
    records: AtomicU64,
    last: AtomicU64,
    max: AtomicU64,
}

enum Job {
    Append(ShardId, Vec<Record>, Done),
    Covered(ShardId, u64, u64),
    Find(ShardId, SyncSender<Result<Place, WalError>>),
    Close,
}

struct Shared {
    jobs: SyncSender<Job>,
    counters: Arc<Counters>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// The log's handle. Clones share one log.
#[derive(Clone)]
pub struct Wal(Arc<Shared>);

impl Wal {
    /// Opens the log in `dir`, which is created, and starts its thread.
    ///
    /// # Errors
    /// The disk, or a directory that holds something else.
    pub fn open(dir: &Path, config: &WalConfig) -> Result<(Self, Recovered), WalError> {
        std::fs::create_dir_all(dir).map_err(|error| WalError::io(dir, &error))?;
        let (recovered, reads) = read(dir)?;
        let counters = Arc::new(Counters::default());
        let mut writer = Writer {
            dir: dir.to_owned(),
            config: config.clone(),
            next: reads.last().map_or(1, |read| read.sequence + 1),
            open: None,
            contents: Contents::new(),
            older: reads.into_iter().map(|read| (read.sequence, read.path, read.contents)).collect(),
            groups: recovered.groups.iter().map(|(shard, log)| (*shard, Facts::of(log))).collect(),
            spares: segment::spares(dir)?,
            readers: Arc::default(),
            counters: counters.clone(),
            failed: None,
        };
        writer.rotate()?;
        let (jobs, queue) = sync_channel(config.queue_appends_max);
        let thread = std::thread::Builder::new()
            .name("troupe-wal".to_owned())
            .spawn(move || writer.run(&queue))
            .map_err(|error| WalError::io(dir, &error))?;
        let shared = Shared { jobs, counters, thread: Mutex::new(Some(thread)) };
        Ok((Self(Arc::new(shared)), recovered))
    }

    /// Takes records; never blocks. Records of one shard become durable in order.
    ///
    /// # Errors
    /// [`WalError::Full`] at the bound, [`WalError::Failed`] after close; then `done` is not called.
    pub fn append(&self, shard: ShardId, records: Vec<Record>, done: Done) -> Result<(), WalError> {
        self.0.jobs.try_send(Job::Append(shard, records, done)).map_err(|error| match error {
            TrySendError::Full(_) => WalError::Full,
            TrySendError::Disconnected(_) => WalError::Failed("it is closed".to_owned()),
        })
    }

    /// A durable checkpoint covers a shard up to the entry `index` of `term`. Those up to it stay for replicas that lag,
    /// until they hold back a segment; then the log gives them up by itself.
    pub fn covered(&self, shard: ShardId, index: u64, term: u64) {
        // Lost when the queue is full: the next checkpoint says more.
        let _ = self.0.jobs.try_send(Job::Covered(shard, index, term));
    }

    /// What the log holds of a shard now, of which nothing may be appended meanwhile. Blocking; others' records are
    /// appended while it reads.
    ///
    /// # Errors
    /// The disk, damage to this shard's records, or a closed log.
    pub fn reread(&self, shard: ShardId) -> Result<GroupLog, WalError> {
        self.find(shard)?.read()
    }

    /// Where a shard's records are; until it is dropped no segment is freed.
    pub(super) fn find(&self, shard: ShardId) -> Result<Place, WalError> {
        let closed = || WalError::Failed("it is closed".to_owned());
        let (sender, receiver) = sync_channel(1);
        self.0.jobs.send(Job::Find(shard, sender)).map_err(|_| closed())?;
        receiver.recv().map_err(|_| closed())?
    }

    /// Writes what is queued, syncs, and ends the thread. Blocking.
    pub fn close(&self) {
        let _ = self.0.jobs.send(Job::Close);
        let thread = self.0.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }

    /// Figures since it was opened.
    #[must_use]
    pub fn stats(&self) -> WalStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.0.counters;
        WalStats {
            bytes: read(&counters.bytes),
            syncs: read(&counters.syncs),
            records: read(&counters.records),
            sync_us_last: read(&counters.last),
            sync_us_max: read(&counters.max),
        }
    }
}

/// What must be known of a group besides its entries.
#[derive(Default)]
pub(super) struct Facts {
    replica: Option<u64>,
    vote: Vote,
    pub(super) cut: (u64, u64),
    /// Where the log may be cut: an entry that a durable checkpoint covers, and its term. Not part of the log.
    covered: (u64, u64),
}

impl Facts {
    const fn of(log: &GroupLog) -> Self {
        Self { replica: log.replica, vote: log.vote, cut: log.cut, covered: (0, 0) }
    }

    pub(super) fn fold(&mut self, record: &Record) {
        match record {
            Record::Entry(_) => {}
            Record::Vote(vote) => self.vote = *vote,
            Record::Cut { index, term } => {
                if *index > self.cut.0 {
                    self.cut = (*index, *term);
                }
            }
            Record::Reset { index, term } => (self.cut, self.covered) = ((*index, *term), (0, 0)),
            Record::Replica { id } => *self = Self { replica: Some(*id), ..Self::default() },
            Record::Gone => *self = Self::default(),
            Record::Base { replica, vote, cut } => {
                *self = Self { replica: *replica, vote: *vote, cut: *cut, covered: (0, 0) };
            }
        }
    }

    pub(super) const fn base(&self) -> Record {
        Record::Base { replica: self.replica, vote: self.vote, cut: self.cut }
    }
}

struct Writer {
    dir: PathBuf,
    config: WalConfig,
    next: u64,
    open: Option<segment::Open>,
    contents: Contents,
    older: Vec<(u64, PathBuf, Contents)>,
    groups: BTreeMap<ShardId, Facts>,
    spares: Vec<PathBuf>,
    /// Shared with each that reads segments.
    readers: Arc<()>,
    counters: Arc<Counters>,
    failed: Option<WalError>,
}

impl Writer {
    fn run(mut self, queue: &Receiver<Job>) {
        let mut closing = false;
        while !closing {
            let Ok(first) = queue.recv() else { break };
            let mut dones = Vec::new();
            let mut batch = Vec::new();
            let mut next = Some(first);
            while let Some(job) = next.take() {
                match job {
                    Job::Append(shard, records, done) => {
                        batch.push((shard, records));
                        dones.push(done);
                    }
                    Job::Covered(shard, index, term) => {
                        // A group that is begun anew in this batch forgets it, which the next checkpoint mends.
                        if let Some(facts) = self.groups.get_mut(&shard)
                            && index > facts.covered.0
                        {
                            facts.covered = (index, term);
                        }
                    }
                    Job::Find(shard, reply) => {
                        let outcome = self.flush(&mut batch, &mut dones).map(|()| self.place_of(shard));
                        let _ = reply.send(outcome);
                    }
                    Job::Close => closing = true,
                }
                if !closing && dones.len() < BATCH_MAX {
                    next = queue.try_recv().ok();
                }
            }
            // The outcome goes to whoever appended; a failure stays with the writer for the next ones.
            let _ = self.flush(&mut batch, &mut dones);
        }
    }

    fn flush(
        &mut self,
        batch: &mut Vec<(ShardId, Vec<Record>)>,
        dones: &mut Vec<Done>,
    ) -> Result<(), WalError> {
        let outcome = match &self.failed {
            Some(error) => Err(error.clone()),
            None => self.write(batch),
        };
        if let Err(error) = &outcome
            && self.failed.is_none()
        {
            // After a failed sync the kernel may have dropped the pages: nothing written later could be trusted.
            tracing::error!(%error, "the write-ahead log has stopped");
            self.failed = Some(WalError::Failed(error.to_string()));
        }
        batch.clear();
        for done in dones.drain(..) {
            done(outcome.clone());
        }
        outcome
    }

    fn write(&mut self, batch: &[(ShardId, Vec<Record>)]) -> Result<(), WalError> {
        if batch.is_empty() {
            return Ok(());
        }
        let mut buffer = Vec::new();
        for (shard, records) in batch {
            let sequence = self.open.as_ref().map_or(0, |open| open.sequence);
            let before = buffer.len();
            frame::push(&mut buffer, sequence, *shard, records);
            let room = self.open.as_ref().map_or(0, |open| open.bytes.saturating_sub(open.at));
            if (buffer.len() + frame::HEAD) as u64 > room {
                let tail = buffer.split_off(before);
                self.put(&buffer)?;
                buffer.clear();
                self.rotate()?;
                // Frames are sealed with their segment's number: this one belongs to the next.
                drop(tail);
                let sequence = self.open.as_ref().map_or(0, |open| open.sequence);
                frame::push(&mut buffer, sequence, *shard, records);
            }
            let facts = self.groups.entry(*shard).or_default();
            for record in records {
                facts.fold(record);
                segment::note(&mut self.contents, *shard, record);
                if record.begins_anew() {
                    let older = self.older.iter_mut().map(|(_, _, contents)| contents);
                    older.chain([&mut self.contents]).for_each(|contents| _ = contents.remove(shard));
                }
            }
            self.counters.records.fetch_add(records.len() as u64, Ordering::Relaxed);
        }
        self.put(&buffer)?;
        self.sync()?;
        self.counters.syncs.fetch_add(1, Ordering::Relaxed);
        self.retire()
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), WalError> {
        let Some(open) = &mut self.open else { return Err(WalError::Failed("no open segment".to_owned())) };
        open.file.write_all_at(bytes, open.at).map_err(|error| WalError::io(&open.path, &error))?;
        open.at += bytes.len() as u64;
        self.counters.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    fn sync(&self) -> Result<(), WalError> {
        let Some(open) = &self.open else { return Ok(()) };
        if self.config.sync == Sync::Replicated || self.config.planted.has(Bug::FsyncSkipped) {
            return Ok(());
        }
        let start = Instant::now();
        open.file.sync_data().map_err(|error| WalError::io(&open.path, &error))?;
        let took = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.counters.last.store(took, Ordering::Relaxed);
        self.counters.max.fetch_max(took, Ordering::Relaxed);
        Ok(())
    }

    /// Ends the open segment and begins the next with what must be known of every group.
    fn rotate(&mut self) -> Result<(), WalError> {
        if let Some(open) = &self.open {
            let mut end = Vec::new();
            frame::push_end(&mut end, open.sequence);
            open.file.write_all_at(&end, open.at).map_err(|error| WalError::io(&open.path, &error))?;
            open.file.sync_data().map_err(|error| WalError::io(&open.path, &error))?;
            let contents = std::mem::take(&mut self.contents);
            self.older.push((open.sequence, open.path.clone(), contents));
            self.give_up();
        }
        let open = segment::create(&self.dir, self.next, self.config.segment_bytes, self.spares.pop())?;
        self.next += 1;
        let mut bases = Vec::new();
        for (shard, facts) in &self.groups {
            frame::push(&mut bases, open.sequence, *shard, &[facts.base()]);
        }
        self.open = Some(open);
        self.put(&bases)?;
        self.sync()
    }

    /// A group that says little would hold back the segments of those that say much: the next segment begins behind its
    /// checkpoint.
    fn give_up(&mut self) {
        let far = self.older.len().saturating_sub(OLDER_KEPT);
        for (_, _, contents) in &self.older[..far] {
            for (shard, highest) in contents {
                if let Some(facts) = self.groups.get_mut(shard)
                    && (facts.cut.0 + 1..=facts.covered.0).contains(highest)
                {
                    facts.cut = facts.covered;
                }
            }
        }
    }

    /// Frees the oldest segments whose entries are all behind their groups' cuts.
    fn retire(&mut self) -> Result<(), WalError> {
        if Arc::strong_count(&self.readers) > 1 {
            return Ok(());
        }
        while let Some((_, _, contents)) = self.older.first() {
            let needed = contents
                .iter()
                .any(|(shard, highest)| self.groups.get(shard).is_none_or(|facts| *highest > facts.cut.0));
            if needed {
                break;
            }
            let (sequence, path, _) = self.older.remove(0);
            let keep = self.spares.len() < SPARES_MAX;
            self.spares.extend(segment::retire(&self.dir, sequence, &path, keep)?);
        }
        Ok(())
    }

    fn place_of(&self, shard: ShardId) -> Place {
        let facts = self.groups.get(&shard);
        let base = facts.map_or(Record::Gone, Facts::base);
        let older = self.older.iter().map(|(sequence, path, contents)| (*sequence, path, u64::MAX, contents));
        let open = self.open.iter().map(|open| (open.sequence, &open.path, open.at, &self.contents));
        let holding = older.chain(open).filter_map(|(sequence, path, end, contents)| {
            contents.get(&shard).map(|highest| ((sequence, path.clone(), end), *highest))
        });
        let cut = facts.map_or(0, |facts| facts.cut.0);
        let needed = holding.skip_while(|(_, highest)| *highest <= cut);
        let segments = needed.map(|(place, _)| place).collect();
        Place { shard, segments, base, _pin: self.readers.clone() }
    }
}
