//! Properties that hold for any bytes, for fuzzers and for tests that run on stable Rust.
//!
//! Each function takes arbitrary bytes and panics if a property is violated. This module is not part of the crate's
//! API.

use crate::address::{Address, ShardId};
use crate::entity::Effect;
use crate::shard::{Answer, Batch, Item, LentBatch, ShardMeta};
use crate::storage::wal_properties;
use crate::time::Timestamp;
use crate::transport::{AskBatch, AskOne, EffectBatch, Envelope, ReplyBatch, ServiceCall, frame};
use crate::wire;

/// One property with its name and seed inputs.
pub struct Target {
    /// As `cargo fuzz` names it.
    pub name: &'static str,
    /// Panics if the property is violated.
    pub check: fn(&[u8]),
    /// Valid inputs, and some that are almost valid.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Every target.
pub const TARGETS: [Target; 5] = [
    Target { name: "frame", check: frame, seeds: frames },
    Target { name: "envelope", check: envelope, seeds: envelopes },
    Target { name: "wal", check: wal, seeds: edits },
    Target { name: "entry", check: entry, seeds: entries },
    Target { name: "ledger", check: ledger, seeds: ledgers },
];

/// A frame that decodes survives a round trip and holds at most as many envelopes as bytes.
pub fn frame(bytes: &[u8]) {
    let Ok((head, envelopes)) = frame::decode(bytes) else { return };
    assert!(envelopes.len() <= bytes.len(), "{} envelopes of {} bytes", envelopes.len(), bytes.len());
    let encoded: Vec<Vec<u8>> = envelopes.iter().map(wire::encode).collect();
    assert_eq!(frame::decode(&frame::encode(&head, &encoded)), Ok((head, envelopes)));
}

/// An envelope that decodes survives a round trip.
pub fn envelope(bytes: &[u8]) {
    let Ok(envelope) = wire::decode::<Envelope>(bytes) else { return };
    assert_eq!(wire::decode::<Envelope>(&wire::encode(&envelope)), Ok(envelope));
}

/// A changed WAL segment yields no record that was not written into it. The input is a list of changes: four bytes of
/// an offset, then one byte to XOR there.
pub fn wal(bytes: &[u8]) {
    wal_properties::changed(bytes);
    wal_properties::raw(bytes);
}

/// An entry that decodes survives a round trip.
pub fn entry(bytes: &[u8]) {
    let Ok(batch) = LentBatch::from_bytes(bytes).map(LentBatch::into_owned) else { return };
    assert_eq!(LentBatch::from_bytes(&batch.to_bytes()).map(LentBatch::into_owned), Ok(batch));
}

/// A ledger that decodes survives a round trip.
pub fn ledger(bytes: &[u8]) {
    let Ok(ledger) = ShardMeta::decode(bytes) else { return };
    let mut again = Vec::new();
    ledger.encode_into(&mut again);
    assert_eq!(ShardMeta::decode(&again), Ok(ledger));
}

fn address(key: &str) -> Address {
    Address { kind: "members".into(), key: key.into() }
}

fn effect() -> Effect {
    Effect { to: address("7"), verb: "count.v1".into(), body: vec![1, 2] }
}

fn some_envelopes() -> Vec<Envelope> {
    let shard = ShardId(3);
    let ask = AskOne { to: address("42"), verb: "record.v1".into(), body: vec![1; 40], key: Some(7) };
    vec![
        Envelope::Raft { shard, messages: vec![vec![9; 30], Vec::new()] },
        Envelope::Ask(AskBatch { call: 5, shard, left_ms: 300, asks: vec![ask] }),
        Envelope::Reply(ReplyBatch { call: 5, outcomes: vec![Ok(vec![7]), Err(crate::AskError::Expired)] }),
        Envelope::Effects(EffectBatch {
            from: shard,
            to: ShardId(4),
            first: 6,
            effects: vec![(address("42"), effect())],
        }),
        Envelope::Call(ServiceCall { call: 9, service: "probe".into(), body: vec![0; 8] }),
    ]
}

fn envelopes() -> Vec<Vec<u8>> {
    some_envelopes().iter().map(wire::encode).collect()
}

fn frames() -> Vec<Vec<u8>> {
    let head = |count| frame::Head {
        from: 2,
        incarnation: 1_795_485_522_251,
        session: u64::MAX - 1,
        consumed: 70_000,
        beat: Some(frame::Beat::Ping(3)),
        count,
    };
    let all = envelopes();
    let mut frames: Vec<Vec<u8>> =
        all.iter().map(|one| frame::encode(&head(1), std::slice::from_ref(one))).collect();
    frames.push(frame::encode(&head(u32::try_from(all.len()).unwrap_or(0)), &all));
    // A count larger than the frame: the count alone must not cause an allocation.
    frames.push(frame::encode(&head(u32::MAX), &all));
    frames
}

fn edits() -> Vec<Vec<u8>> {
    vec![Vec::new(), vec![40, 0, 0, 0, 1], vec![0, 0, 0, 0, 255, 90, 0, 0, 0, 128], vec![7; 50]]
}

fn entries() -> Vec<Vec<u8>> {
    let item = Item {
        to: address("42"),
        events: vec![vec![1, 2, 3], Vec::new()],
        effects: vec![effect()],
        answer: Some(Answer { key: 5, asked: 6, reply: vec![7] }),
    };
    let batch = Batch {
        now: Timestamp(881_250_949_000),
        items: vec![item],
        taken: vec![(ShardId(3), 10)],
        acked: vec![(ShardId(4), 11)],
        timers: Vec::new(),
    };
    // A newer format, and one that announces timers and has none.
    let changed = |format: u8| {
        let mut bytes = batch.to_bytes();
        bytes[0] = format;
        bytes
    };
    vec![batch.to_bytes(), Batch::default().to_bytes(), changed(2), changed(9)]
}

fn ledgers() -> Vec<Vec<u8>> {
    let mut ledger = ShardMeta::default();
    for (at, bytes) in entries().iter().enumerate() {
        if let Ok(batch) = LentBatch::from_bytes(bytes) {
            ledger.fold(at as u64 + 1, batch.into_owned(), &crate::shard::ShardConfig::default(), |_| {
                ShardId(1)
            });
        }
    }
    let mut bytes = Vec::new();
    ledger.encode_into(&mut bytes);
    let mut empty = Vec::new();
    ShardMeta::default().encode_into(&mut empty);
    vec![bytes, empty]
}
