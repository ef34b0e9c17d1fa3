//! The log in all states in which a disk may leave it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;

use super::*;
use crate::address::ShardId;
use crate::storage::{GroupLog, LogEntry, Record, Vote};

fn config() -> WalConfig {
    WalConfig { segment_bytes: 1 << 20, ..WalConfig::default() }
}

fn entry(index: u64, bytes: usize) -> Record {
    Record::Entry(LogEntry { index, term: 1, kind: 0, data: vec![7; bytes] })
}

/// Appends records and waits until they are durable.
fn append(wal: &Wal, shard: u32, records: Vec<Record>) -> Result<(), WalError> {
    let (sender, receiver) = channel();
    wal.append(ShardId(shard), records, Box::new(move |outcome| sender.send(outcome).unwrap()))?;
    receiver.recv().unwrap()
}

fn only_segment(dir: &Path) -> PathBuf {
    let mut segments = segment::list(dir).unwrap();
    segments.pop().unwrap().1
}

fn written(path: &Path) -> usize {
    let bytes = std::fs::read(path).unwrap();
    bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1
}

#[test]
fn what_was_acknowledged_is_there_after_reopening_without_a_close() {
    let dir = tempfile::tempdir().unwrap();
    let (wal, fresh) = Wal::open(dir.path(), &config()).unwrap();
    assert!(fresh.groups.is_empty());
    let vote = Vote { term: 2, voted_for: 1, committed: 3 };
    append(&wal, 1, vec![Record::Replica { id: 4 }, entry(1, 10), entry(2, 10)]).unwrap();
    append(&wal, 2, vec![Record::Vote(vote)]).unwrap();
    assert_eq!(wal.reread(ShardId(1)).unwrap().entries.len(), 2);
    let (_again, recovered) = Wal::open(dir.path(), &config()).unwrap();
    assert_eq!(recovered.groups[&ShardId(1)].entries.len(), 2);
    assert_eq!(recovered.groups[&ShardId(1)].replica, Some(4));
    assert_eq!(recovered.groups[&ShardId(2)].vote, vote);
    assert!(recovered.damaged.is_empty());
}

#[test]
fn a_tail_torn_at_any_byte_is_cut_at_the_last_whole_record() {
    let dir = tempfile::tempdir().unwrap();
    let (wal, _) = Wal::open(dir.path(), &config()).unwrap();
    append(&wal, 1, vec![entry(1, 8)]).unwrap();
    let segment = only_segment(dir.path());
    let before = written(&segment);
    append(&wal, 1, vec![entry(2, 40)]).unwrap();
    wal.close();
    let whole = std::fs::read(&segment).unwrap();
    let after = written(&segment);
    for cut in before..after {
        let torn = tempfile::tempdir().unwrap();
        let mut bytes = whole.clone();
        bytes[cut..].fill(0);
        std::fs::write(torn.path().join(segment.file_name().unwrap()), &bytes).unwrap();
        let (_wal, recovered) = Wal::open(torn.path(), &config()).unwrap();
        assert_eq!(recovered.groups[&ShardId(1)].entries.len(), 1, "cut at {cut}");
        assert!(recovered.damaged.is_empty(), "cut at {cut}: {:?}", recovered.damaged);
        assert_eq!(recovered.torn.is_some(), cut > before, "cut at {cut}");
    }
}

#[test]
fn a_flipped_bit_in_the_middle_damages_the_group_it_hits_and_is_located() {
    let dir = tempfile::tempdir().unwrap();
    let (wal, _) = Wal::open(dir.path(), &config()).unwrap();
    append(&wal, 1, vec![entry(1, 8)]).unwrap();
    let segment = only_segment(dir.path());
    let start = written(&segment);
    append(&wal, 2, vec![entry(1, 40)]).unwrap();
    append(&wal, 3, vec![entry(1, 8)]).unwrap();
    wal.close();
    let whole = std::fs::read(&segment).unwrap();
    // Damage in the body leaves the group known by the head; damage in the head does not.
    for (at, damaged) in [(start + 40, vec![2]), (start + 6, vec![1, 3])] {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        let copy = tempfile::tempdir().unwrap();
        std::fs::write(copy.path().join(segment.file_name().unwrap()), &bytes).unwrap();
        let (_wal, recovered) = Wal::open(copy.path(), &config()).unwrap();
        let found: Vec<u32> = recovered.damaged.keys().map(|shard| shard.0).collect();
        assert_eq!(found, damaged, "flipped at {at}: {:?}", recovered.damaged);
        assert!(recovered.damaged.values().all(|why| why.contains("byte")), "{:?}", recovered.damaged);
        assert!(recovered.groups.keys().all(|shard| !damaged.contains(&shard.0)));
    }
}

#[test]
fn a_replica_under_a_new_id_is_not_bound_by_earlier_damage() {
    let dir = tempfile::tempdir().unwrap();
    let (wal, _) = Wal::open(dir.path(), &config()).unwrap();
    append(&wal, 1, vec![entry(1, 8)]).unwrap();
    let segment = only_segment(dir.path());
    let start = written(&segment);
    append(&wal, 2, vec![entry(1, 40)]).unwrap();
    append(&wal, 3, vec![entry(1, 8)]).unwrap();
    wal.close();
    for (at, renewed, left) in [(start + 40, vec![2], vec![]), (start + 6, vec![1, 2], vec![3])] {
        let copy = tempfile::tempdir().unwrap();
        let mut bytes = std::fs::read(&segment).unwrap();
        bytes[at] ^= 0x10;
        std::fs::write(copy.path().join(segment.file_name().unwrap()), &bytes).unwrap();
        let (wal, _) = Wal::open(copy.path(), &config()).unwrap();
        for shard in &renewed {
            append(&wal, *shard, vec![Record::Replica { id: 1 << 16 | 1 }]).unwrap();
        }
        wal.close();
        let (_wal, recovered) = Wal::open(copy.path(), &config()).unwrap();
        let damaged: Vec<u32> = recovered.damaged.keys().map(|shard| shard.0).collect();
        assert_eq!(damaged, left, "{:?}", recovered.damaged);
        for shard in renewed {
            let expected = GroupLog { replica: Some(1 << 16 | 1), ..GroupLog::default() };
            assert_eq!(recovered.groups.get(&ShardId(shard)), Some(&expected));
        }
    }
}

#[test]
fn segments_are_recycled_behind_the_cuts_and_no_idle_group_is_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let (wal, _) = Wal::open(dir.path(), &config()).unwrap();
    let vote = Vote { term: 9, voted_for: 3, committed: 0 };
    append(&wal, 7, vec![Record::Replica { id: 7 }, Record::Vote(vote)]).unwrap();
    let mut index = 0;
    for _ in 0..60 {
        let records = (0..10).map(|n| entry(index + n + 1, 10_000)).collect();
        append(&wal, 1, records).unwrap();
        index += 10;
        append(&wal, 1, vec![Record::Cut { index: index - 2, term: 1 }]).unwrap();
    }
    let files = std::fs::read_dir(dir.path()).unwrap().count();
    assert!(files <= 6, "{files} files for six megabytes of entries in segments of one");
    let (_wal, recovered) = Wal::open(dir.path(), &config()).unwrap();
    let busy = &recovered.groups[&ShardId(1)];
    assert_eq!(busy.cut, (index - 2, 1));
    assert_eq!(busy.entries.iter().map(|entry| entry.index).collect::<Vec<_>>(), [index - 1, index]);
    let idle = &recovered.groups[&ShardId(7)];
    assert_eq!((idle.replica, idle.vote), (Some(7), vote));
    assert!(recovered.damaged.is_empty(), "{:?}", recovered.damaged);
}

#[test]
fn a_mostly_idle_group_pins_no_segment_that_a_checkpoint_covers() {
    for covered in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let (wal, _) = Wal::open(dir.path(), &config()).unwrap();
        append(&wal, 7, vec![Record::Replica { id: 7 }, entry(1, 10), entry(2, 10)]).unwrap();
        if covered {
            wal.covered(ShardId(7), 2, 1);
        }
        for index in 1..60 {
            append(&wal, 1, vec![entry(index, 200_000), Record::Cut { index, term: 1 }]).unwrap();
        }
        let files = std::fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(files < 9, covered, "{files} files for twelve megabytes of entries in segments of one");
        let seen = wal.reread(ShardId(7)).unwrap();
        let (_wal, recovered) = Wal::open(dir.path(), &config()).unwrap();
        let quiet = &recovered.groups[&ShardId(7)];
        assert_eq!(quiet, &seen);
        assert_eq!((quiet.replica, quiet.last()), (Some(7), 2));
        assert_eq!(quiet.cut, if covered { (2, 1) } else { (0, 0) });
        assert!(recovered.damaged.is_empty(), "{:?}", recovered.damaged);
    }
}

#[test]
fn no_segment_is_freed_while_a_group_is_read_and_what_is_written_meanwhile_is_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let (wal, _) = Wal::open(dir.path(), &config()).unwrap();
    let segments = || segment::list(dir.path()).unwrap().len();
    append(&wal, 7, vec![Record::Replica { id: 7 }, entry(1, 10), entry(2, 10)]).unwrap();
    let before = wal.reread(ShardId(7)).unwrap();
    let place = wal.find(ShardId(7)).unwrap();
    wal.covered(ShardId(7), 2, 1);
    for index in 1..60 {
        append(&wal, 1, vec![entry(index, 200_000), Record::Cut { index, term: 1 }]).unwrap();
    }
    assert!(segments() > 11, "{} of twelve", segments());
    assert_eq!((place.read().unwrap(), before.last()), (before, 2));
    append(&wal, 1, vec![entry(60, 10)]).unwrap();
    assert!(segments() < 6, "{} after it was read", segments());
}

/// Whether a log holds all of a group, or everything after an entry that a checkpoint covers.
fn holds(found: &GroupLog, model: &GroupLog, covered: Option<(u64, u64)>) -> bool {
    let mut cut = model.clone();
    if found.cut.0 <= covered.map_or(0, |covered| covered.0) {
        cut.fold(ShardId(0), Record::Cut { index: found.cut.0, term: found.cut.1 }).unwrap();
    }
    *found == cut
}

#[test]
fn any_history_reads_back_as_the_fold_of_its_records() {
    for seed in 0..24_u64 {
        let dir = tempfile::tempdir().unwrap();
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut draw = |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % below
        };
        let mut model: BTreeMap<ShardId, GroupLog> = BTreeMap::new();
        let mut covered: BTreeMap<ShardId, (u64, u64)> = BTreeMap::new();
        let (mut wal, _) = Wal::open(dir.path(), &config()).unwrap();
        for step in 0..300 {
            let shard = ShardId(u32::try_from(draw(5)).unwrap());
            let group = model.entry(shard).or_default();
            let last = group.cut.0 + group.entries.len() as u64;
            let stays = covered.get(&shard).map_or(0, |covered| covered.0).max(group.cut.0);
            if last > stays && draw(12) == 0 {
                let upto = stays + 1 + draw(last - stays);
                covered.insert(shard, (upto, 1));
                wal.covered(shard, upto, 1);
                continue;
            }
            let record = match draw(10) {
                0 => Record::Vote(Vote { term: draw(50), voted_for: draw(3), committed: last }),
                1 if last > group.cut.0 => {
                    Record::Cut { index: group.cut.0 + 1 + draw(last - group.cut.0), term: 1 }
                }
                2 if draw(8) == 0 => Record::Reset { index: last + 5, term: 2 },
                3 if last > stays => entry(stays + 1 + draw(last - stays), 20),
                4 if draw(20) == 0 => Record::Gone,
                _ => entry(last + 1, usize::try_from(draw(60_000)).unwrap()),
            };
            if matches!(record, Record::Reset { .. } | Record::Gone) {
                covered.remove(&shard);
            }
            group.fold(shard, record.clone()).unwrap();
            let (sender, receiver) = channel();
            wal.append(shard, vec![record], Box::new(move |outcome| sender.send(outcome).unwrap())).unwrap();
            receiver.recv().unwrap().unwrap();
            if draw(20) == 0 {
                let seen = wal.reread(shard).unwrap();
                let (group, covered) = (&model[&shard], covered.get(&shard).copied());
                assert!(
                    holds(&seen, group, covered),
                    "seed {seed}, step {step}: {seen:?}, {group:?}, {covered:?}"
                );
            }
            if draw(60) == 0 {
                // Ends without a close.
                let (next, recovered) = Wal::open(dir.path(), &config()).unwrap();
                assert_eq!(recovered.groups.len(), model.len());
                for (shard, group) in &mut model {
                    let found = &recovered.groups[shard];
                    assert!(holds(found, group, covered.remove(shard)), "seed {seed}, step {step}");
                    group.clone_from(found);
                }
                wal = next;
            }
        }
        wal.close();
        let (_wal, recovered) = Wal::open(dir.path(), &config()).unwrap();
        for (shard, group) in &model {
            let found = &recovered.groups[shard];
            assert!(holds(found, group, covered.get(shard).copied()), "seed {seed}");
        }
    }
}

/// A follower that was frozen accepts in one turn everything that its leader sent meanwhile.
#[test]
fn what_is_appended_at_once_is_read_back_however_much_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let (wal, _) = Wal::open(dir.path(), &config()).unwrap();
    let mut records: Vec<Record> = (1..=9).map(|index| entry(index, 4 << 20)).collect();
    records.push(Record::Vote(Vote { term: 1, voted_for: 2, committed: 8 }));
    append(&wal, 1, records).unwrap();
    append(&wal, 2, vec![entry(1, 8)]).unwrap();
    assert_eq!(wal.reread(ShardId(1)).unwrap().entries.len(), 9);
    wal.close();
    let (_wal, recovered) = Wal::open(dir.path(), &config()).unwrap();
    assert_eq!((recovered.gap, recovered.damaged), (None, BTreeMap::new()));
    assert_eq!(recovered.groups[&ShardId(1)].entries.len(), 9);
    assert_eq!(recovered.groups[&ShardId(1)].vote.voted_for, 2);
}

#[test]
fn damage_at_the_end_of_the_written_part_is_not_read_as_a_shorter_log() {
    let dir = tempfile::tempdir().unwrap();
    let (wal, _) = Wal::open(dir.path(), &config()).unwrap();
    append(&wal, 1, vec![entry(1, 8)]).unwrap();
    append(&wal, 1, vec![entry(2, 40)]).unwrap();
    let segment = only_segment(dir.path());
    let file = std::fs::OpenOptions::new().write(true).open(&segment).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"flipped", written(&segment) as u64 - 10).unwrap();
    let read = wal.reread(ShardId(1));
    assert!(read.as_ref().is_err_and(|error| error.to_string().contains("unreadable")), "{read:?}");
}

/// A segment's file gets its next number before its next name, and directories are written at any time.
#[test]
fn a_file_that_lost_power_between_two_lives_keeps_no_node_from_starting() {
    let dir = tempfile::tempdir().unwrap();
    let (wal, _) = Wal::open(dir.path(), &config()).unwrap();
    for index in 1..=40 {
        append(&wal, 1, vec![entry(index, 100 << 10)]).unwrap();
    }
    append(&wal, 1, vec![Record::Cut { index: 30, term: 1 }]).unwrap();
    wal.close();
    let (newest, _) = segment::list(dir.path()).unwrap().pop().unwrap();
    // Two freed files have their old names again; one of them was about to become the next segment.
    for sequence in [1, 2] {
        let name = |kind: &str| dir.path().join(format!("{kind}-{sequence:016x}"));
        std::fs::rename(name("spare"), name("wal")).unwrap();
    }
    let next = std::fs::OpenOptions::new().write(true).open(dir.path().join("wal-0000000000000002")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&next, &frame::header(newest + 1), 0).unwrap();
    for _ in 0..2 {
        let (wal, recovered) = Wal::open(dir.path(), &config()).unwrap();
        assert_eq!((recovered.gap, recovered.damaged), (None, BTreeMap::new()));
        assert_eq!(recovered.groups[&ShardId(1)].entries.len(), 10);
        wal.close();
    }
}

#[test]
fn a_newer_format_and_a_foreign_file_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let (wal, _) = Wal::open(dir.path(), &config()).unwrap();
    append(&wal, 1, vec![entry(1, 8)]).unwrap();
    wal.close();
    let segment = only_segment(dir.path());
    let whole = std::fs::read(&segment).unwrap();
    for (place, byte, expected) in [(6, 9, "newer"), (0, b'X', "not a segment")] {
        let mut bytes = whole.clone();
        bytes[place] = byte;
        std::fs::write(&segment, &bytes).unwrap();
        let error = Wal::open(dir.path(), &config()).err().unwrap().to_string();
        assert!(error.contains(expected) && error.contains("wal-"), "{error}");
    }
}

#[test]
fn the_bytes_of_a_segment_never_change() {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(hex(&frame::header(5)[..20]), "54525057414c010005000000000000004c758855");
    let vote = Vote { term: 2, voted_for: 3, committed: 4 };
    for (record, golden) in [
        (
            Record::Entry(LogEntry { index: 300, term: 2, kind: 1, data: vec![9, 8] }),
            "01 00 fb2c01 02 01 02 0908",
        ),
        (Record::Vote(vote), "01 01 02 03 04"),
        (Record::Cut { index: 7, term: 1 }, "01 02 07 01"),
        (Record::Reset { index: 8, term: 2 }, "01 03 08 02"),
        (Record::Replica { id: 65_537 }, "01 04 fc01000100"),
        (Record::Gone, "01 06"),
        (Record::Base { replica: Some(1), vote, cut: (5, 1) }, "01 05 01 01 02 03 04 05 01"),
    ] {
        let mut bytes = Vec::new();
        frame::push(&mut bytes, 5, ShardId(6), std::slice::from_ref(&record));
        assert_eq!(hex(&bytes[frame::HEAD..]), golden.replace(' ', ""), "{record:?}");
        assert_eq!(frame::records(&bytes[frame::HEAD..]), Ok(vec![record]));
    }
}
