//! Spare files, which become segments.
//!
//! A segment is written out before use, which costs as much as the later writes. So freed files are kept, as many as
//! were recently in use at once. Without a spare, the next one is created while the current segment fills.

use std::path::{Path, PathBuf};
use std::thread::{Builder, JoinHandle};

use super::error::WalError;
use super::segment;

/// Spares that are always kept.
const KEPT_MIN: usize = 2;
/// Bytes of spares at most.
const KEPT_BYTES_MAX: u64 = 1 << 30;
/// The next file is created when one part in this many of the segment is full.
const MADE_AT: u64 = 2;
/// Rotations over which the number of needed spares decays.
const FORGOTTEN_OVER: usize = 8;

/// The files.
pub(super) struct Spares {
    dir: PathBuf,
    /// Size of a segment.
    bytes: u64,
    paths: Vec<PathBuf>,
    /// Segments recently in use at once.
    needed: usize,
    making: Option<JoinHandle<Option<PathBuf>>>,
}

impl Spares {
    /// Opens the spares in the directory.
    pub(super) fn open(dir: &Path, bytes: u64) -> Result<Self, WalError> {
        segment::remove_unfinished(dir)?;
        Ok(Self { dir: dir.to_owned(), bytes, paths: segment::spares(dir)?, needed: 0, making: None })
    }

    /// A spare for the next segment, if there is one or one is being created.
    pub(super) fn take(&mut self) -> Option<PathBuf> {
        let made = || self.making.take().and_then(|making| making.join().ok().flatten());
        self.paths.pop().or_else(made)
    }

    /// The open segment `sequence` is written up to `at`: creates the next spare in time.
    pub(super) fn filled(&mut self, sequence: u64, at: u64) {
        if at < self.bytes / MADE_AT || !self.paths.is_empty() || self.making.is_some() {
            return;
        }
        let (dir, bytes) = (self.dir.clone(), self.bytes);
        // If this fails, the next segment is created on demand and reports the error.
        let make = move || segment::make_spare(&dir, sequence, bytes).ok();
        self.making = Builder::new().name("troupe-spare".to_owned()).spawn(make).ok();
    }

    /// A segment has begun; `used` segments are in use.
    pub(super) fn begun(&mut self, used: usize) {
        let forgetting = self.needed - self.needed.div_ceil(FORGOTTEN_OVER);
        self.needed = used.max(forgetting);
        if self.paths.len() > self.most()
            && let Some(surplus) = self.paths.pop()
        {
            // A file that stays is found again when the log is opened.
            let _ = std::fs::remove_file(surplus);
        }
    }

    /// Takes the file of an unused segment.
    pub(super) fn keep(&mut self, sequence: u64, path: &Path) -> Result<(), WalError> {
        let keep = self.paths.len() < self.most();
        self.paths.extend(segment::retire(&self.dir, sequence, path, keep)?);
        Ok(())
    }

    fn most(&self) -> usize {
        let fit = usize::try_from(KEPT_BYTES_MAX / self.bytes.max(1)).unwrap_or(usize::MAX);
        self.needed.min(fit).max(KEPT_MIN)
    }
}

impl Drop for Spares {
    fn drop(&mut self) {
        // No thread may work in the directory of a closed log.
        if let Some(making) = self.making.take() {
            let _ = making.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: u64 = 1 << 20;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// The file of an unused segment.
    fn used(dir: &Path, sequence: u64) -> PathBuf {
        segment::create(dir, sequence, BYTES, None).unwrap().path
    }

    #[test]
    fn as_many_are_kept_as_were_in_use_and_a_need_that_has_passed_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let mut spares = Spares::open(dir.path(), BYTES).unwrap();
        spares.begun(5);
        for sequence in 0..9 {
            let path = used(dir.path(), sequence);
            spares.keep(sequence, &path).unwrap();
        }
        assert_eq!(names(dir.path()).len(), 5);
        for _ in 0..9 {
            spares.begun(1);
        }
        assert_eq!(names(dir.path()).len(), KEPT_MIN);
    }

    #[test]
    fn the_next_file_is_made_once_the_segment_is_half_full_and_none_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let mut spares = Spares::open(dir.path(), BYTES).unwrap();
        spares.filled(3, BYTES / 2 - 1);
        assert_eq!(spares.take(), None);
        spares.filled(3, BYTES / 2);
        spares.filled(3, BYTES / 2 + 1);
        let made = spares.take().unwrap();
        assert_eq!(std::fs::metadata(&made).unwrap().len(), BYTES);
        let next = segment::create(dir.path(), 4, BYTES, Some(made)).unwrap();
        assert_eq!(names(dir.path()), [next.path.file_name().unwrap().to_str().unwrap()]);
        spares.keep(4, &next.path).unwrap();
        spares.filled(5, BYTES);
        assert!(spares.making.is_none(), "one is left");
    }

    #[test]
    fn a_spare_that_cannot_be_created_ahead_is_created_on_demand() {
        let dir = tempfile::tempdir().unwrap();
        let mut spares = Spares::open(dir.path(), BYTES).unwrap();
        std::fs::remove_dir(dir.path()).unwrap();
        spares.filled(3, BYTES);
        assert!(spares.making.is_some());
        assert_eq!(spares.take(), None);
        std::fs::create_dir(dir.path()).unwrap();
        spares.filled(4, BYTES);
        assert!(spares.take().is_some(), "it is tried again with the next segment");
    }

    #[test]
    fn what_a_crash_left_half_made_is_no_spare() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("making-0000000000000007"), b"half").unwrap();
        let mut spares = Spares::open(dir.path(), BYTES).unwrap();
        assert_eq!(spares.take(), None);
        assert!(names(dir.path()).is_empty());
    }
}
