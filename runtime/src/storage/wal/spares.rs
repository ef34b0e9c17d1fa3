//! Files that wait to become segments.
//!
//! A segment is written out before it is used, which costs as much as what is then written into it. So what is freed is
//! kept, as many as were in use at once of late; and where none is left, the next is made while the present one fills.

use std::path::{Path, PathBuf};
use std::thread::{Builder, JoinHandle};

use super::handle::WalError;
use super::segment;

/// Kept whatever was needed of late.
const KEPT_MIN: usize = 2;
/// Bytes of them at most.
const KEPT_BYTES_MAX: u64 = 1 << 30;
/// Parts of a segment that are full when the next one's file is made.
const MADE_AT: u64 = 2;
/// Rotations over which a need that has passed is forgotten.
const FORGOTTEN_OVER: usize = 8;

/// The files.
pub(super) struct Spares {
    dir: PathBuf,
    /// Of a segment.
    bytes: u64,
    paths: Vec<PathBuf>,
    /// Segments in use at once, as far as it is remembered.
    needed: usize,
    making: Option<JoinHandle<Option<PathBuf>>>,
}

impl Spares {
    /// Those in the directory.
    pub(super) fn open(dir: &Path, bytes: u64) -> Result<Self, WalError> {
        segment::remove_unfinished(dir)?;
        Ok(Self { dir: dir.to_owned(), bytes, paths: segment::spares(dir)?, needed: 0, making: None })
    }

    /// One for the next segment, if there is any or one is being made.
    pub(super) fn take(&mut self) -> Option<PathBuf> {
        let made = || self.making.take().and_then(|making| making.join().ok().flatten());
        self.paths.pop().or_else(made)
    }

    /// The open segment, number `sequence`, is written up to `at`: makes the next one's file in good time.
    pub(super) fn filled(&mut self, sequence: u64, at: u64) {
        if at < self.bytes / MADE_AT || !self.paths.is_empty() || self.making.is_some() {
            return;
        }
        let (dir, bytes) = (self.dir.clone(), self.bytes);
        // Without it the next segment is made when it is needed, which then says why it cannot be.
        let make = move || segment::make_spare(&dir, sequence, bytes).ok();
        self.making = Builder::new().name("troupe-spare".to_owned()).spawn(make).ok();
    }

    /// A segment has begun, and so many are in use with it.
    pub(super) fn begun(&mut self, used: usize) {
        let forgetting = self.needed - self.needed.div_ceil(FORGOTTEN_OVER);
        self.needed = used.max(forgetting);
        if self.paths.len() > self.most()
            && let Some(surplus) = self.paths.pop()
        {
            // It is looked for again when the log is opened.
            let _ = std::fs::remove_file(surplus);
        }
    }

    /// Takes the file of a segment that nobody needs.
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
        // Nothing is left at work in a directory that is closed.
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

    /// A segment's file as it is when nobody needs it any more.
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
    fn a_file_that_cannot_be_made_ahead_is_left_to_whoever_needs_it() {
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
