//! Recovery: reads a log and finds torn and damaged parts.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::WalError;
use super::facts::Facts;
use super::frame::{self, HEAD, HEADER, Parsed};
use super::segment::{self, Contents};
use crate::address::ShardId;
use crate::storage::{GroupLog, Record};

/// A tail that was being written at a crash; it is cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TornTail {
    /// The segment's file.
    pub segment: PathBuf,
    /// End of the valid records.
    pub offset: u64,
}

/// Content of a log when it was opened.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Groups without damage.
    pub groups: BTreeMap<ShardId, GroupLog>,
    /// A tail that was cut.
    pub torn: Option<TornTail>,
    /// Damaged groups, and the damaged place. Such a replica must not take part under its old id, because it may have
    /// lost a vote or an acknowledged entry.
    pub damaged: BTreeMap<ShardId, String>,
    /// A damaged part of an unknown group: groups without any other record are not known.
    pub gap: Option<String>,
}

/// A segment that was read.
pub(super) struct Read {
    pub(super) sequence: u64,
    pub(super) path: PathBuf,
    pub(super) contents: Contents,
}

/// Reads every segment in order, and cuts a torn tail off.
pub(super) fn read(dir: &Path) -> Result<(Recovered, Vec<Read>), WalError> {
    let mut reader = Reader::default();
    segment::remove_freed(dir)?;
    let segments = segment::list(dir)?;
    let newest = segments.len().saturating_sub(1);
    for (at, (sequence, path)) in segments.into_iter().enumerate() {
        let fail = |error: std::io::Error| WalError::io(&path, &error);
        let bytes = std::fs::read(&path).map_err(fail)?;
        let end = reader.segment(sequence, &path, &bytes, at == newest)?;
        if let Some(end) = end {
            let file = OpenOptions::new().write(true).open(&path).map_err(fail)?;
            file.set_len(end as u64).and_then(|()| file.sync_all()).map_err(fail)?;
        }
    }
    Ok(reader.finish())
}

/// The place of one group's records, as of the time of the request.
pub(super) struct Place {
    /// The group.
    pub(super) shard: ShardId,
    /// Segments that may hold entries of the group, in order: number, file, and end of the written part.
    pub(super) segments: Vec<(u64, PathBuf, u64)>,
    /// State of the group besides its entries.
    pub(super) base: Record,
    /// No segment is freed while this exists.
    pub(super) _pin: Arc<()>,
}

impl Place {
    /// Reads the group while records of other groups are appended.
    pub(super) fn read(self) -> Result<GroupLog, WalError> {
        let mut found = Vec::new();
        for (sequence, path, end) in &self.segments {
            let fail = |error: std::io::Error| WalError::io(path, &error);
            let mut bytes = Vec::new();
            File::open(path).and_then(|file| file.take(*end).read_to_end(&mut bytes)).map_err(fail)?;
            let (_, end) = read_one(&bytes, *sequence, path, Some(self.shard), &mut found);
            // Everything was written before the request: an unreadable part may belong to this group.
            if let End::Open(offset) = end
                && offset < bytes.len()
            {
                let place = path.display();
                return Err(WalError::Unreadable(format!("{place} is unreadable from byte {offset}")));
            }
        }
        found.push(Piece::Record(self.shard, self.base, "what is known of it".to_owned()));
        let mut out = Recovered::default();
        fold(found, &mut out);
        match out.damaged.remove(&self.shard) {
            Some(why) => Err(WalError::Unreadable(why)),
            None => Ok(out.groups.remove(&self.shard).unwrap_or_default()),
        }
    }
}

/// Reads segments in order.
#[derive(Default)]
struct Reader {
    out: Recovered,
    reads: Vec<Read>,
    found: Vec<Piece>,
    expected: Option<u64>,
}

impl Reader {
    /// Reads one more segment. Returns the end of its valid records if the newest segment must be cut there.
    fn segment(
        &mut self,
        sequence: u64,
        path: &Path,
        bytes: &[u8],
        newest: bool,
    ) -> Result<Option<usize>, WalError> {
        match frame::parse_header(bytes) {
            Ok(found) if found == sequence => {}
            // The newest segment may have lost power before its header was written; it is then empty. A missing
            // header before records is damage.
            Err(_) if newest && bytes.iter().all(|byte| *byte == 0) => return Ok(None),
            Ok(_) => return Err(WalError::Unreadable(format!("{}: name and header differ", path.display()))),
            Err(why) => return Err(WalError::Unreadable(format!("{}: {why}", path.display()))),
        }
        if self.expected.is_some_and(|expected| expected != sequence) {
            self.found.push(Piece::Gap(format!("a segment is missing before {}", path.display())));
        }
        self.expected = Some(sequence + 1);
        let before = self.found.len();
        let (contents, end) = read_one(bytes, sequence, path, None, &mut self.found);
        for piece in &self.found[before..] {
            if let Piece::Record(shard, record, _) = piece
                && record.voids_earlier()
            {
                self.reads.iter_mut().for_each(|read| _ = read.contents.remove(shard));
            }
        }
        self.reads.push(Read { sequence, path: path.to_owned(), contents });
        match end {
            End::Clean => {}
            End::Open(offset) if newest => {
                if bytes[offset..].iter().any(|byte| *byte != 0) {
                    self.out.torn = Some(TornTail { segment: path.to_owned(), offset: offset as u64 });
                }
                return Ok(Some(offset));
            }
            End::Open(offset) if offset == bytes.len() => {}
            End::Open(offset) => {
                self.found.push(Piece::Gap(format!("{} is unreadable from byte {offset}", path.display())));
            }
        }
        Ok(None)
    }

    fn finish(mut self) -> (Recovered, Vec<Read>) {
        fold(self.found, &mut self.out);
        for shard in self.out.damaged.keys() {
            self.out.groups.remove(shard);
        }
        (self.out, self.reads)
    }
}

enum End {
    /// An end mark.
    Clean,
    /// No frame from this offset on.
    Open(usize),
}

/// A part of a log, in order.
enum Piece {
    /// A record, and its place.
    Record(ShardId, Record, String),
    /// An unreadable part of this group.
    Damage(ShardId, String),
    /// An unreadable part of an unknown group: earlier promises of any group are unreliable.
    Gap(String),
}

/// Folds the parts. Segments are freed once a group's *newest* cut covers their entries. So the newest cut must be
/// known before the first entry: entries behind it may be incomplete. A replica with a new id after damage is not
/// bound by earlier records.
fn fold(found: Vec<Piece>, out: &mut Recovered) {
    let mut facts: BTreeMap<ShardId, Facts> = BTreeMap::new();
    for piece in &found {
        if let Piece::Record(shard, record, _) = piece {
            facts.entry(*shard).or_default().fold(record);
        }
    }
    let mut gaps: BTreeMap<ShardId, String> = BTreeMap::new();
    let (mut unknown, mut renewed) = (None, BTreeSet::new());
    for piece in found {
        let (shard, record, place) = match piece {
            Piece::Record(shard, record, place) => (shard, record, place),
            Piece::Damage(shard, why) => {
                out.damaged.entry(shard).or_insert(why);
                continue;
            }
            Piece::Gap(why) => {
                unknown.get_or_insert(why);
                renewed.clear();
                continue;
            }
        };
        let group = out.groups.entry(shard).or_default();
        let (floor, term) = facts.get(&shard).map_or((0, 0), |facts| facts.cut);
        match &record {
            Record::Entry(entry) if entry.index <= floor => {
                // The entry is not kept, but it replaced all later entries.
                group.entries.clear();
                continue;
            }
            Record::Entry(_) if group.cut.0 < floor => {
                group.entries.clear();
                group.cut = (floor, term);
            }
            // Earlier records are void, damaged or not.
            Record::Reset { .. } => {
                gaps.remove(&shard);
            }
            Record::Replica { .. } | Record::Gone => {
                gaps.remove(&shard);
                out.damaged.remove(&shard);
                renewed.insert(shard);
            }
            _ => {}
        }
        if let Err(why) = group.fold(shard, record) {
            gaps.entry(shard).or_insert_with(|| format!("{place}: {why}"));
        }
    }
    out.damaged.extend(gaps);
    if let Some(why) = unknown {
        for shard in out.groups.keys().filter(|shard| !renewed.contains(shard)) {
            out.damaged.entry(*shard).or_insert_with(|| why.clone());
        }
        out.gap = Some(why);
    }
}

/// Reads a segment, or only one group of it.
fn read_one(
    bytes: &[u8],
    sequence: u64,
    path: &Path,
    only: Option<ShardId>,
    found: &mut Vec<Piece>,
) -> (Contents, End) {
    let mut contents = Contents::new();
    let mut at = HEADER;
    loop {
        match frame::look(bytes, at, sequence) {
            Parsed::End => return (contents, End::Clean),
            Parsed::Frame { shard, body, next } => {
                if only.is_none_or(|only| only == shard) {
                    take(shard, body, found, &mut contents, &format!("{} at byte {at}", path.display()));
                }
                at = next;
            }
            Parsed::BadBody { shard, next } => {
                if !frame_follows(bytes, next, sequence) {
                    return (contents, End::Open(at));
                }
                let why = format!("a record in {} at byte {at} fails its check", path.display());
                found.push(Piece::Damage(shard, why));
                at = next;
            }
            Parsed::Nothing => {
                let Some(next) = next_frame(bytes, at, sequence) else { return (contents, End::Open(at)) };
                let place = path.display();
                found.push(Piece::Gap(format!("{place} is unreadable at byte {at}, with records after it")));
                // Continue after the gap: groups must be known by name. A group that is not bound by records before
                // the gap is still bound by later ones.
                at = next;
            }
        }
    }
}

fn take(shard: ShardId, body: &[u8], found: &mut Vec<Piece>, contents: &mut Contents, place: &str) {
    match frame::records(body) {
        Ok(records) => {
            for record in records {
                segment::note(contents, shard, &record);
                found.push(Piece::Record(shard, record, place.to_owned()));
            }
        }
        Err(why) => {
            found.push(Piece::Damage(shard, format!("{place}: {why}")));
        }
    }
}

fn frame_follows(bytes: &[u8], from: usize, sequence: u64) -> bool {
    next_frame(bytes, from, sequence).is_some()
}

/// The next offset at or after `from` with a valid frame or an end mark.
fn next_frame(bytes: &[u8], from: usize, sequence: u64) -> Option<usize> {
    let last = bytes.len().checked_sub(HEAD)?;
    let mut at = from;
    while at <= last {
        // Zeros are common after the end and never a frame: a head has a non-zero byte.
        let something = at + first_that_is_not_zero(&bytes[at..])?;
        let found = (at.max(something.saturating_sub(HEAD - 1))..=something.min(last))
            .find(|at| matches!(frame::look(bytes, *at, sequence), Parsed::Frame { .. } | Parsed::End));
        if found.is_some() {
            return found;
        }
        at = something + 1;
    }
    None
}

fn first_that_is_not_zero(bytes: &[u8]) -> Option<usize> {
    const BLOCK: usize = 4_096;
    // Whole blocks are compared at memory speed.
    let zeros = bytes.chunks_exact(BLOCK).take_while(|block| **block == [0; BLOCK]).count() * BLOCK;
    Some(zeros + bytes[zeros..].iter().position(|byte| *byte != 0)?)
}
