//! Properties of a segment's bytes under any damage.

use super::frame::{self, HEADER, Parsed};
use crate::address::ShardId;
use crate::storage::{LogEntry, Record, Vote};
use crate::wire;

const SEQUENCE: u64 = 7;

fn segment() -> (Vec<u8>, Vec<(ShardId, Vec<u8>)>) {
    let mut bytes = frame::header(SEQUENCE).to_vec();
    let mut bodies = Vec::new();
    for (shard, records) in sample_records() {
        let start = bytes.len() + frame::HEAD;
        frame::push(&mut bytes, SEQUENCE, shard, &records);
        bodies.push((shard, bytes[start..].to_vec()));
    }
    frame::push_end(&mut bytes, SEQUENCE);
    (bytes, bodies)
}

/// Records of a few groups, for a segment.
fn sample_records() -> Vec<(ShardId, Vec<Record>)> {
    let entry =
        |index| Record::Entry(LogEntry { index, term: 2, kind: 0, data: vec![index.to_le_bytes()[0]; 20] });
    vec![
        (ShardId(1), vec![Record::Replica { id: 1 }, entry(1)]),
        (ShardId(2), vec![Record::Vote(Vote { term: 2, voted_for: 3, committed: 1 }), entry(1), entry(2)]),
        (ShardId(1), vec![entry(2)]),
        (ShardId(1), vec![Record::Reset { index: 9, term: 2 }]),
    ]
}

/// Changes a valid segment as the input says, and reads it.
pub(crate) fn changed(edits: &[u8]) {
    let (mut bytes, bodies) = segment();
    let all = bytes.len();
    for edit in edits.as_chunks::<5>().0 {
        let place = u32::from_le_bytes([edit[0], edit[1], edit[2], edit[3]]) as usize % all;
        bytes[place] ^= edit[4];
    }
    let _ = frame::parse_header(&bytes);
    let mut at = HEADER;
    loop {
        match frame::look(&bytes, at, SEQUENCE) {
            Parsed::Frame { shard, body, next } => {
                let written = bodies.iter().any(|(of, was)| *of == shard && was == body);
                assert!(written, "a frame that was never written, at {at}");
                frame::records(body).expect("what was written decodes");
                at = next;
            }
            Parsed::BadBody { next, .. } => at = next,
            Parsed::End | Parsed::Nothing => return,
        }
    }
}

/// Reads bytes that are not a segment.
pub(crate) fn raw(bytes: &[u8]) {
    let _ = frame::parse_header(bytes);
    for at in 0..bytes.len().min(64) {
        let _ = frame::look(bytes, at, SEQUENCE);
    }
    if let Ok(records) = frame::records(bytes) {
        let mut again = vec![bytes[0]];
        records.iter().for_each(|record| wire::encode_into(record, &mut again));
        assert_eq!(frame::records(&again).as_deref(), Ok(records.as_slice()));
    }
}
