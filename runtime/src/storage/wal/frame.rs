//! The bytes of a segment: a header, then frames.
//!
//! A frame is `length u32 | shard u32 | head check u32 | body check u32 | body`, little endian. The head has a
//! checksum of its own, so that a frame with a damaged body still names its group and the next frame.

use crate::address::ShardId;
use crate::storage::Record;
use crate::wire;

/// Bytes of a segment's header.
pub(super) const HEADER: usize = 32;
/// Bytes of a frame's head.
pub(super) const HEAD: usize = 16;
/// Largest body; entries are far smaller.
pub(super) const BODY_MAX: usize = 32 << 20;
/// Bytes of records after which a new frame begins. One append is unbounded, and a body above the largest size would
/// not be read back.
const RECORDS_BYTES: usize = 8 << 20;
/// The shard number of an end mark.
const END: u32 = u32::MAX;

const MAGIC: &[u8; 6] = b"TRPWAL";
/// Format of segments and of the records in them.
const FORMAT: u16 = 1;

/// The frame at an offset of a segment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed<'a> {
    /// A valid frame, and the offset after it.
    Frame { shard: ShardId, body: &'a [u8], next: usize },
    /// A frame with a wrong body checksum, and the offset after it.
    BadBody { shard: ShardId, next: usize },
    /// The end mark of a full segment.
    End,
    /// No frame of this segment.
    Nothing,
}

pub(super) fn header(sequence: u64) -> [u8; HEADER] {
    let mut out = [0; HEADER];
    out[..6].copy_from_slice(MAGIC);
    out[6..8].copy_from_slice(&FORMAT.to_le_bytes());
    out[8..16].copy_from_slice(&sequence.to_le_bytes());
    let check = crc32fast::hash(&out[..16]);
    out[16..20].copy_from_slice(&check.to_le_bytes());
    out
}

/// The sequence number in a segment's header.
pub(super) fn parse_header(bytes: &[u8]) -> Result<u64, String> {
    if bytes.len() < HEADER || &bytes[..6] != MAGIC {
        return Err("not a segment of a write-ahead log".to_owned());
    }
    let format = u16::from_le_bytes([bytes[6], bytes[7]]);
    if format > FORMAT {
        return Err(format!("format {format} is newer than {FORMAT}: upgrade this node"));
    }
    if crc32fast::hash(&bytes[..16]).to_le_bytes() != bytes[16..20] {
        return Err("the header fails its check".to_owned());
    }
    Ok(u64::from_le_bytes(word(bytes, 8)))
}

/// Appends frames with these records. A tear between two frames leaves the first records, as a tear between two
/// appends does.
pub(super) fn push(out: &mut Vec<u8>, sequence: u64, shard: ShardId, records: &[Record]) {
    let mut left = records.iter();
    loop {
        let start = out.len();
        out.resize(start + HEAD, 0);
        out.push(u8::try_from(FORMAT).unwrap_or(u8::MAX));
        for record in left.by_ref() {
            wire::encode_into(record, out);
            if out.len() - start >= RECORDS_BYTES {
                break;
            }
        }
        seal(out, start, sequence, shard.0);
        if left.len() == 0 {
            return;
        }
    }
}

/// Appends the end mark.
pub(super) fn push_end(out: &mut Vec<u8>, sequence: u64) {
    let start = out.len();
    out.resize(start + HEAD, 0);
    seal(out, start, sequence, END);
}

fn seal(out: &mut [u8], start: usize, sequence: u64, shard: u32) {
    let length = u32::try_from(out.len() - start - HEAD).unwrap_or(u32::MAX);
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    out[start + 4..start + 8].copy_from_slice(&shard.to_le_bytes());
    let head = check(sequence, &out[start..start + 8]);
    out[start + 8..start + 12].copy_from_slice(&head.to_le_bytes());
    let body = check(sequence, &out[start + HEAD..]);
    out[start + 12..start + HEAD].copy_from_slice(&body.to_le_bytes());
}

/// Looks at the place `at`.
pub(super) fn look(bytes: &[u8], at: usize, sequence: u64) -> Parsed<'_> {
    let Some(head) = bytes.get(at..at + HEAD) else { return Parsed::Nothing };
    let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
    // Checked before the checksum: in old bytes of a recycled segment most offsets fail here.
    if length > BODY_MAX || check(sequence, &head[..8]).to_le_bytes() != head[8..12] {
        return Parsed::Nothing;
    }
    let shard = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
    if shard == END {
        return Parsed::End;
    }
    let (shard, next) = (ShardId(shard), at + HEAD + length);
    match bytes.get(at + HEAD..next) {
        Some(body) if check(sequence, body).to_le_bytes() == head[12..16] => {
            Parsed::Frame { shard, body, next }
        }
        _ => Parsed::BadBody { shard, next },
    }
}

/// The records in a frame's body.
pub(super) fn records(body: &[u8]) -> Result<Vec<Record>, String> {
    let (format, mut rest) = body.split_first().ok_or_else(|| "a frame without a format".to_owned())?;
    if u16::from(*format) > FORMAT {
        return Err(format!("records of format {format} are newer than {FORMAT}: upgrade this node"));
    }
    let mut out = Vec::new();
    while !rest.is_empty() {
        let (record, used) = wire::decode_prefix::<Record>(rest)?;
        out.push(record);
        rest = &rest[used..];
    }
    Ok(out)
}

fn check(sequence: u64, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&sequence.to_le_bytes());
    hasher.update(bytes);
    hasher.finalize()
}

fn word(bytes: &[u8], at: usize) -> [u8; 8] {
    let mut out = [0; 8];
    out.copy_from_slice(&bytes[at..at + 8]);
    out
}
