//! The frame: many envelopes, acknowledgements and a heartbeat in one cast between nodes.

use bincode::{Decode, Encode};

use super::envelope::Envelope;
use crate::wire;

/// Format of frames; a newer one is refused with a clear error.
pub const FORMAT: u8 = 1;
/// Envelopes in one frame.
pub(super) const ENVELOPES_MAX: usize = 65_536;

/// A heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Beat {
    /// A ping with the sender's clock.
    Ping(u64),
    /// The answer, with the ping's number.
    Pong(u64),
}

/// A frame's head; encoded envelopes follow it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Head {
    /// The sender's number.
    pub from: u16,
    /// The sender's incarnation.
    pub incarnation: u64,
    /// Number of the session, known to its two ends only: a frame with another number is dropped.
    pub session: u64,
    /// Bytes of envelope frames that the sender has consumed from this peer in this session.
    pub consumed: u64,
    /// A heartbeat, if the frame carries one.
    pub beat: Option<Beat>,
    /// Envelopes that follow.
    pub count: u32,
}

/// An error of decoding a frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Sent by a newer version.
    #[error("frame format {0} is newer than {FORMAT}: upgrade this node")]
    Newer(u8),
    /// The bytes do not decode.
    #[error("frame does not decode: {0}")]
    Broken(String),
}

/// Encodes a frame from a head and encoded envelopes.
#[must_use]
pub fn encode(head: &Head, envelopes: &[Vec<u8>]) -> Vec<u8> {
    let body: usize = envelopes.iter().map(Vec::len).sum();
    let mut out = Vec::with_capacity(64 + body);
    out.push(FORMAT);
    wire::encode_into(head, &mut out);
    for envelope in envelopes {
        out.extend_from_slice(envelope);
    }
    out
}

/// Decodes a frame.
///
/// # Errors
/// See [`FrameError`].
pub fn decode(bytes: &[u8]) -> Result<(Head, Vec<Envelope>), FrameError> {
    let (head, body) = decode_head(bytes)?;
    let envelopes = decode_body(&head, body)?;
    Ok((head, envelopes))
}

/// Decodes a frame's head; returns it with the rest of the bytes.
///
/// # Errors
/// See [`FrameError`].
pub fn decode_head(bytes: &[u8]) -> Result<(Head, &[u8]), FrameError> {
    let (format, rest) =
        bytes.split_first().ok_or_else(|| FrameError::Broken("an empty frame".to_owned()))?;
    match *format {
        FORMAT => {}
        0 => return Err(FrameError::Broken("frame format 0".to_owned())),
        newer => return Err(FrameError::Newer(newer)),
    }
    let (head, used) = wire::decode_prefix::<Head>(rest).map_err(FrameError::Broken)?;
    Ok((head, &rest[used..]))
}

/// Decodes the envelopes after a head.
///
/// # Errors
/// [`FrameError::Broken`] if their number differs from the head's.
pub fn decode_body(head: &Head, body: &[u8]) -> Result<Vec<Envelope>, FrameError> {
    let mut rest = body;
    let count = head.count as usize;
    if count > ENVELOPES_MAX {
        return Err(FrameError::Broken(format!("{count} envelopes in one frame")));
    }
    let mut envelopes = Vec::with_capacity(count.min(rest.len()));
    for _ in 0..count {
        let (envelope, used) = wire::decode_prefix::<Envelope>(rest).map_err(FrameError::Broken)?;
        rest = &rest[used..];
        envelopes.push(envelope);
    }
    if !rest.is_empty() {
        return Err(FrameError::Broken(format!("{} bytes left over", rest.len())));
    }
    Ok(envelopes)
}

#[cfg(test)]
mod tests {
    use super::super::envelope::*;
    use super::*;
    use crate::address::{Address, ShardId};
    use crate::entity::Effect;
    use crate::error::AskError;

    fn envelopes() -> Vec<(Envelope, &'static str)> {
        let to = Address { kind: "k".into(), key: "a".into() };
        let shard = ShardId(3);
        let effect = Effect { to: to.clone(), verb: "v".into(), body: vec![1] };
        let ask = AskOne { to: to.clone(), verb: "v".into(), body: vec![1], key: Some(2) };
        vec![
            (Envelope::Raft { shard, messages: vec![vec![9]] }, "00 03 01 01 09"),
            (
                Envelope::Ask(AskBatch { call: 5, shard, left_ms: 300, asks: vec![ask] }),
                "01 05 03 fb2c01 01 016b 0161 0176 0101 01 02",
            ),
            (
                Envelope::Reply(ReplyBatch { call: 5, outcomes: vec![Ok(vec![7]), Err(AskError::Expired)] }),
                "02 05 02 00 01 07 01 09",
            ),
            (
                Envelope::Effects(EffectBatch {
                    from: shard,
                    to: ShardId(4),
                    first: 6,
                    effects: vec![(to, effect)],
                }),
                "03 03 04 06 01 016b 0161 016b 0161 0176 0101",
            ),
            (Envelope::EffectsTaken { from: shard, to: ShardId(4), seq: 8 }, "04 03 04 08"),
            (
                Envelope::Snapshot(SnapshotChunk { shard, transfer: 1, part: 0, parts: 2, bytes: vec![5] }),
                "05 03 01 00 02 01 05",
            ),
            (Envelope::Call(ServiceCall { call: 1, service: "s".into(), body: vec![] }), "06 01 0173 00"),
            (Envelope::CallReply(ServiceReply { call: 1, outcome: Ok(vec![]) }), "07 01 00 00"),
            (Envelope::Tell(ServiceTell { service: "s".into(), body: vec![1] }), "08 0173 0101"),
        ]
    }

    fn head(count: u32) -> Head {
        Head { from: 2, incarnation: 9, session: 3, consumed: 0, beat: Some(Beat::Ping(4)), count }
    }

    #[test]
    fn the_bytes_of_every_envelope_never_change() {
        for (envelope, golden) in envelopes() {
            let hex: String = wire::encode(&envelope).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, golden.replace(' ', ""), "{envelope:?}");
        }
        let hex: String = encode(&head(0), &[]).iter().map(|byte| format!("{byte:02x}")).collect();
        // Format, from, incarnation, session, consumed, a beat, a ping with 4, count.
        assert_eq!(hex, "010209030001000400");
    }

    #[test]
    fn a_frame_reads_back_whole_and_not_otherwise() {
        let all: Vec<Envelope> = envelopes().into_iter().map(|(envelope, _)| envelope).collect();
        let encoded: Vec<Vec<u8>> = all.iter().map(wire::encode).collect();
        let bytes = encode(&head(9), &encoded);
        assert_eq!(decode(&bytes), Ok((head(9), all)));
        for cut in 0..bytes.len() {
            assert!(decode(&bytes[..cut]).is_err(), "{cut}");
        }
        let mut newer = bytes.clone();
        newer[0] = 9;
        assert_eq!(decode(&newer), Err(FrameError::Newer(9)));
    }

    #[test]
    fn garbage_is_refused_without_a_panic_or_a_large_allocation() {
        let mut state = 7_u64;
        for _ in 0..20_000 {
            let mut bytes = vec![1_u8];
            for _ in 0..(state % 60) {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                bytes.push((state >> 33) as u8);
            }
            state = state.wrapping_add(1);
            let _ = decode(&bytes);
        }
    }

    #[test]
    fn a_flipped_byte_never_makes_a_frame_panic_or_grow() {
        let encoded: Vec<Vec<u8>> =
            envelopes().into_iter().map(|(envelope, _)| wire::encode(&envelope)).collect();
        let bytes = encode(&head(9), &encoded);
        for at in 0..bytes.len() {
            for flip in 1..=u8::MAX {
                let mut broken = bytes.clone();
                broken[at] ^= flip;
                if let Ok((_, envelopes)) = decode(&broken) {
                    assert!(envelopes.len() <= 9, "{at} {flip}");
                }
            }
        }
    }

    #[test]
    fn lengths_that_promise_more_than_there_is_are_refused() {
        let huge = head(u32::MAX);
        assert!(matches!(decode(&encode(&huge, &[])), Err(FrameError::Broken(_))));
        // A Raft envelope that claims 2^62 messages.
        let claim = [&[0_u8, 3, 253][..], &(1_u64 << 62).to_le_bytes()].concat();
        assert!(matches!(decode(&encode(&head(1), &[claim])), Err(FrameError::Broken(_))));
    }
}
