//! Reading a log back: what is whole, what is torn, what is damaged.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::facts::Facts;
use super::frame::{self, Found, HEAD, HEADER};
use super::handle::WalError;
use super::segment;
use crate::address::ShardId;
use crate::storage::{GroupLog, Record};

/// A tail that was being written when the node died: cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TornTail {
    /// The segment's file.
    pub segment: PathBuf,
    /// Where whole records end.
    pub offset: u64,
}

/// What a log held when it was opened.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Groups that are whole.
    pub groups: BTreeMap<ShardId, GroupLog>,
    /// A tail that was cut.
    pub torn: Option<TornTail>,
    /// Groups of which something in the middle is unreadable, and where: such a replica must not take part again under
    /// its id, because it may have forgotten a vote or an entry that it acknowledged.
    pub damaged: BTreeMap<ShardId, String>,
    /// Something unreadable of which it cannot be told whose it was: groups of which nothing else is there have no name.
    pub gap: Option<String>,
}

/// Entries of each group that a segment holds, by their highest index.
pub(super) type Contents = BTreeMap<ShardId, u64>;

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

/// Where one group's records are, as the log stood when it was asked.
pub(super) struct Place {
    /// The group.
    pub(super) shard: ShardId,
    /// Segments that may hold something of it, in their order: number, file, and where what was written ends.
    pub(super) segments: Vec<(u64, PathBuf, u64)>,
    /// What is known of the group besides its entries.
    pub(super) base: Record,
    /// While it lives no segment is freed.
    pub(super) _pin: Arc<()>,
}

impl Place {
    /// Reads it, while others' records are appended.
    pub(super) fn read(self) -> Result<GroupLog, WalError> {
        let mut found = Vec::new();
        for (sequence, path, end) in &self.segments {
            let fail = |error: std::io::Error| WalError::io(path, &error);
            let mut bytes = Vec::new();
            File::open(path).and_then(|file| file.take(*end).read_to_end(&mut bytes)).map_err(fail)?;
            let (_, end) = read_one(&bytes, *sequence, path, Some(self.shard), &mut found);
            // All of it was written before it was asked for: what cannot be read may have been of any group.
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

/// Takes segments in their order.
#[derive(Default)]
struct Reader {
    out: Recovered,
    reads: Vec<Read>,
    found: Vec<Piece>,
    expected: Option<u64>,
}

impl Reader {
    /// Takes one more; where whole records end, when that is not the end of the newest.
    fn segment(
        &mut self,
        sequence: u64,
        path: &Path,
        bytes: &[u8],
        newest: bool,
    ) -> Result<Option<usize>, WalError> {
        match frame::parse_header(bytes) {
            Ok(found) if found == sequence => {}
            // The newest segment may have died before its header was written: then nothing is in it. A header that is gone
            // from before records is damage.
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
                && record.begins_anew()
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
    /// No frame from here on.
    Open(usize),
}

/// What a log is made of, in its order.
enum Piece {
    /// A record, and where it stands.
    Record(ShardId, Record, String),
    /// Something of this group cannot be read.
    Damage(ShardId, String),
    /// Something cannot be read, and whose it was cannot be told: no group's promises before it can be relied on.
    Gap(String),
}

/// Folds what was read. Segments are freed once a group's *newest* cut covers their entries, so the newest cut must be
/// known before the first entry: what is behind it may be there in part. A replica that was given a new id after damage owes
/// nothing to what came before.
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
                // Not kept, but it replaced everything after it that was there before.
                group.entries.clear();
                continue;
            }
            Record::Entry(_) if group.cut.0 < floor => {
                group.entries.clear();
                group.cut = (floor, term);
            }
            // What came before does not count any more, whole or not.
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

/// Reads a segment, of one group where only one is asked for.
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
            Found::End => return (contents, End::Clean),
            Found::Frame { shard, body, next } => {
                if only.is_none_or(|only| only == shard) {
                    take(shard, body, found, &mut contents, &format!("{} at byte {at}", path.display()));
                }
                at = next;
            }
            Found::BadBody { shard, next } => {
                if !frame_follows(bytes, next, sequence) {
                    return (contents, End::Open(at));
                }
                let why = format!("a record in {} at byte {at} fails its check", path.display());
                found.push(Piece::Damage(shard, why));
                at = next;
            }
            Found::Nothing => {
                let Some(next) = next_frame(bytes, at, sequence) else { return (contents, End::Open(at)) };
                let place = path.display();
                found.push(Piece::Gap(format!("{place} is unreadable at byte {at}, with records after it")));
                // Go on behind the gap as before it: groups must be known by name, and a group that owes nothing to what
                // came before the gap still owes what comes after.
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

/// The next place at or after `from` where a whole frame or an end mark stands.
fn next_frame(bytes: &[u8], from: usize, sequence: u64) -> Option<usize> {
    let last = bytes.len().checked_sub(HEAD)?;
    let mut at = from;
    while at <= last {
        // Zeros are the common case behind the end, and never a frame: a head has a byte that is none.
        let something = at + first_that_is_not_zero(&bytes[at..])?;
        let found = (at.max(something.saturating_sub(HEAD - 1))..=something.min(last))
            .find(|at| matches!(frame::look(bytes, *at, sequence), Found::Frame { .. } | Found::End));
        if found.is_some() {
            return found;
        }
        at = something + 1;
    }
    None
}

fn first_that_is_not_zero(bytes: &[u8]) -> Option<usize> {
    const BLOCK: usize = 4_096;
    // Whole blocks are compared at the speed of memory.
    let zeros = bytes.chunks_exact(BLOCK).take_while(|block| **block == [0; BLOCK]).count() * BLOCK;
    Some(zeros + bytes[zeros..].iter().position(|byte| *byte != 0)?)
}
