//! The writer thread.

use std::collections::BTreeMap;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::time::Instant;

use super::config::{Sync, WalConfig};
use super::error::WalError;
use super::facts::Facts;
use super::frame;
use super::job::{Counters, Done, Job};
use super::recover::{Place, Read, Recovered};
use super::segment::{self, Contents};
use super::spares::Spares;
use crate::address::ShardId;
use crate::planted::Bug;
use crate::storage::Record;
use crate::time::micros;

/// Appends written and synced together.
const BATCH_MAX: usize = 1_024;
/// Bytes of the batch buffer that are kept for the next batch.
const BUFFER_KEPT: usize = 4 << 20;
/// Full segments that are kept; a group that pins an older one drops its entries up to its checkpoint.
const OLDER_KEPT: usize = 4;

pub(super) struct Writer {
    dir: PathBuf,
    config: WalConfig,
    next: u64,
    open: Option<segment::Open>,
    contents: Contents,
    older: Vec<(u64, PathBuf, Contents)>,
    groups: BTreeMap<ShardId, Facts>,
    spares: Spares,
    /// The empty buffer of the last batch, for reuse.
    buffer: Vec<u8>,
    /// Shared with every reader of segments.
    readers: Arc<()>,
    counters: Arc<Counters>,
    failed: Option<WalError>,
}

impl Writer {
    /// Begins a new segment after those that were read.
    pub(super) fn open(
        dir: &Path,
        config: &WalConfig,
        recovered: &Recovered,
        reads: Vec<Read>,
        counters: Arc<Counters>,
    ) -> Result<Self, WalError> {
        let mut writer = Self {
            dir: dir.to_owned(),
            config: config.clone(),
            next: reads.last().map_or(1, |read| read.sequence + 1),
            open: None,
            contents: Contents::new(),
            older: reads.into_iter().map(|read| (read.sequence, read.path, read.contents)).collect(),
            groups: recovered.groups.iter().map(|(shard, log)| (*shard, Facts::of(log))).collect(),
            spares: Spares::open(dir, config.segment_bytes)?,
            buffer: Vec::new(),
            readers: Arc::default(),
            counters,
            failed: None,
        };
        writer.rotate()?;
        Ok(writer)
    }

    /// Runs until it gets [`Job::Close`].
    pub(super) fn run(mut self, queue: &Receiver<Job>) {
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
                        // A group that is reset in this batch loses the mark; the next checkpoint sets it again.
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
            // The callbacks get the outcome; the writer keeps a failure for later appends.
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
            // After a failed sync the kernel may have dropped the pages, so later writes could not be trusted.
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
        let mut buffer = std::mem::take(&mut self.buffer);
        for (shard, records) in batch {
            let sequence = self.open.as_ref().map_or(0, |open| open.sequence);
            let before = buffer.len();
            frame::push(&mut buffer, sequence, *shard, records);
            let room = self.open.as_ref().map_or(0, |open| open.bytes.saturating_sub(open.at));
            if (buffer.len() + frame::HEAD) as u64 > room {
                // Checksums of a frame are seeded with its segment's number, so it must be encoded again for the next
                // segment.
                buffer.truncate(before);
                self.put(&buffer)?;
                buffer.clear();
                self.rotate()?;
                let sequence = self.open.as_ref().map_or(0, |open| open.sequence);
                frame::push(&mut buffer, sequence, *shard, records);
            }
            let facts = self.groups.entry(*shard).or_default();
            for record in records {
                facts.fold(record);
                segment::note(&mut self.contents, *shard, record);
                if record.voids_earlier() {
                    let older = self.older.iter_mut().map(|(_, _, contents)| contents);
                    older.chain([&mut self.contents]).for_each(|contents| _ = contents.remove(shard));
                }
            }
            self.counters.records.fetch_add(records.len() as u64, Ordering::Relaxed);
        }
        self.put(&buffer)?;
        if buffer.capacity() <= BUFFER_KEPT {
            buffer.clear();
            self.buffer = buffer;
        }
        self.sync()?;
        self.counters.syncs.fetch_add(1, Ordering::Relaxed);
        self.retire()
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), WalError> {
        let Some(open) = &mut self.open else { return Err(WalError::Failed("no open segment".to_owned())) };
        open.file.write_all_at(bytes, open.at).map_err(|error| WalError::io(&open.path, &error))?;
        open.at += bytes.len() as u64;
        self.counters.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.spares.filled(open.sequence, open.at);
        Ok(())
    }

    fn sync(&self) -> Result<(), WalError> {
        let Some(open) = &self.open else { return Ok(()) };
        if self.config.sync == Sync::Replicated || self.config.planted.has(Bug::FsyncSkipped) {
            return Ok(());
        }
        let start = Instant::now();
        open.file.sync_data().map_err(|error| WalError::io(&open.path, &error))?;
        let took = micros(start.elapsed());
        self.counters.last.store(took, Ordering::Relaxed);
        self.counters.max.fetch_max(took, Ordering::Relaxed);
        Ok(())
    }

    /// Ends the open segment and begins the next one with the base record of every group.
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
        let open = segment::create(&self.dir, self.next, self.config.segment_bytes, self.spares.take())?;
        self.next += 1;
        self.spares.begun(self.older.len() + 1);
        let mut bases = Vec::new();
        for (shard, facts) in &self.groups {
            frame::push(&mut bases, open.sequence, *shard, &[facts.base()]);
        }
        self.open = Some(open);
        self.put(&bases)?;
        self.sync()
    }

    /// A mostly idle group would pin the oldest segment: the next base record cuts its log at its checkpoint.
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

    /// Frees the oldest segments without entries after their groups' cuts.
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
            self.spares.keep(sequence, &path)?;
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
