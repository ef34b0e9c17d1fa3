//! Segment files: names, preallocation and content.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::error::WalError;
use super::frame;
use crate::address::ShardId;
use crate::storage::Record;

/// The highest entry of each group in a segment.
pub(super) type Contents = BTreeMap<ShardId, u64>;

const PREFIX: &str = "wal-";
const SPARE: &str = "spare-";
/// A spare that is still being written.
const MAKING: &str = "making-";
/// Set in the number of a spare that was never a segment, so that names do not collide.
const MADE: u64 = 1 << 63;

/// Segments in a directory, oldest first.
pub(super) fn list(dir: &Path) -> Result<Vec<(u64, PathBuf)>, WalError> {
    named(dir, PREFIX)
}

/// Spare files.
pub(super) fn spares(dir: &Path) -> Result<Vec<PathBuf>, WalError> {
    Ok(named(dir, SPARE)?.into_iter().map(|(_, path)| path).collect())
}

fn named(dir: &Path, prefix: &str) -> Result<Vec<(u64, PathBuf)>, WalError> {
    let fail = |error: std::io::Error| WalError::io(dir, &error);
    let mut out = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let number = name.strip_prefix(prefix).and_then(|hex| u64::from_str_radix(hex, 16).ok());
        if let Some(number) = number {
            out.push((number, path));
        }
    }
    out.sort_unstable();
    Ok(out)
}

/// A segment being written.
pub(super) struct Open {
    pub(super) sequence: u64,
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) at: u64,
    pub(super) bytes: u64,
}

/// Creates the segment `sequence`, from a spare file if there is one.
pub(super) fn create(
    dir: &Path,
    sequence: u64,
    bytes: u64,
    spare: Option<PathBuf>,
) -> Result<Open, WalError> {
    let path = dir.join(format!("{PREFIX}{sequence:016x}"));
    let fail = |error: std::io::Error| WalError::io(&path, &error);
    if let Some(spare) = spare {
        let file = OpenOptions::new().read(true).write(true).open(&spare).map_err(fail)?;
        // The old header is replaced before the rename: after a crash in between no old frames may appear under a new
        // name.
        file.write_all_at(&frame::header(sequence), 0).and_then(|()| file.sync_data()).map_err(fail)?;
        std::fs::rename(&spare, &path).map_err(fail)?;
        sync_dir(dir)?;
        return Ok(Open { sequence, path, file, at: frame::HEADER as u64, bytes });
    }
    let file = write_out(&path, bytes).map_err(fail)?;
    file.write_all_at(&frame::header(sequence), 0).and_then(|()| file.sync_all()).map_err(fail)?;
    sync_dir(dir)?;
    Ok(Open { sequence, path, file, at: frame::HEADER as u64, bytes })
}

/// A file of zeros. Written out rather than sparse: allocating blocks makes the sync of a growing file slow.
fn write_out(path: &Path, bytes: u64) -> std::io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
    let zeros = vec![0_u8; 1 << 20];
    let mut at = 0;
    while at < bytes {
        let count = usize::try_from((bytes - at).min(1 << 20)).unwrap_or(1 << 20);
        file.write_all_at(&zeros[..count], at)?;
        at += count as u64;
    }
    Ok(file)
}

/// Creates a spare ahead of time, while the segment `during` is written.
pub(super) fn make_spare(dir: &Path, during: u64, bytes: u64) -> std::io::Result<PathBuf> {
    let making = dir.join(format!("{MAKING}{during:016x}"));
    let made = write_out(&making, bytes).and_then(|file| file.sync_all());
    let spare = dir.join(format!("{SPARE}{:016x}", during | MADE));
    made.and_then(|()| std::fs::rename(&making, &spare)).inspect_err(|_| {
        // A partial file would take space from the log.
        let _ = std::fs::remove_file(&making);
    })?;
    Ok(spare)
}

/// Removes spares that a crash left unfinished.
pub(super) fn remove_unfinished(dir: &Path) -> Result<(), WalError> {
    for (_, path) in named(dir, MAKING)? {
        match std::fs::remove_file(&path) {
            // The thread of a log that has just closed may finish or remove its file meanwhile.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            outcome => outcome.map_err(|error| WalError::io(&path, &error))?,
        }
    }
    Ok(())
}

/// Removes segments that were free when power was lost, and lost their new names with it. A recycled segment has a
/// number in its header that no segment has yet; all segments before it were freed earlier.
pub(super) fn remove_freed(dir: &Path) -> Result<(), WalError> {
    let segments = list(dir)?;
    let Some((newest, _)) = segments.last().cloned() else { return Ok(()) };
    let mut last_freed = None;
    for (at, (_, path)) in segments.iter().enumerate() {
        let mut header = [0; frame::HEADER];
        let read = File::open(path).and_then(|file| file.read_exact_at(&mut header, 0));
        // A file that cannot be read or is not a segment is reported by the reader of the log.
        if read.is_ok() && frame::parse_header(&header).is_ok_and(|number| number > newest) {
            last_freed = Some(at);
        }
    }
    let Some(last_freed) = last_freed else { return Ok(()) };
    for (_, path) in &segments[..=last_freed] {
        std::fs::remove_file(path).map_err(|error| WalError::io(path, &error))?;
    }
    sync_dir(dir)
}

/// Turns an unused segment into a spare, or deletes it.
pub(super) fn retire(
    dir: &Path,
    sequence: u64,
    path: &Path,
    keep: bool,
) -> Result<Option<PathBuf>, WalError> {
    let fail = |error: std::io::Error| WalError::io(path, &error);
    if !keep {
        std::fs::remove_file(path).map_err(fail)?;
        return Ok(None);
    }
    let spare = dir.join(format!("{SPARE}{sequence:016x}"));
    std::fs::rename(path, &spare).map_err(fail)?;
    Ok(Some(spare))
}

/// Makes file names durable.
pub(super) fn sync_dir(dir: &Path) -> Result<(), WalError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|error| WalError::io(dir, &error))
}

/// Records which entries a segment holds.
pub(super) fn note(contents: &mut Contents, shard: ShardId, record: &Record) {
    if let Record::Entry(entry) = record {
        let highest = contents.entry(shard).or_default();
        *highest = entry.index.max(*highest);
    }
}
