//! Bounded queues to one peer, one lane for each kind of traffic.

use std::collections::VecDeque;

use super::SendError;
use super::envelope::{Envelope, Lane};
use super::frame::ENVELOPES_MAX;
use crate::wire;

/// Largest encoded envelope; a frame over 16 MiB would kill the whole session.
pub(crate) const ENVELOPE_BYTES_MAX: usize = 8 << 20;
/// Largest number of queued bytes in one lane. The bulk lane is bounded by its count.
const LANE_BYTES_MAX: usize = 64 << 20;

/// Encoded envelopes queued for one peer.
#[derive(Debug)]
pub(super) struct Lanes {
    system: Queue,
    user: Queue,
    bulk: Queue,
    max: usize,
    bulk_max: usize,
}

#[derive(Debug, Default)]
struct Queue {
    envelopes: VecDeque<Vec<u8>>,
    bytes: usize,
}

impl Lanes {
    pub(super) const fn new(max: usize, bulk_max: usize) -> Self {
        const EMPTY: Queue = Queue { envelopes: VecDeque::new(), bytes: 0 };
        Self { system: EMPTY, user: EMPTY, bulk: EMPTY, max, bulk_max }
    }

    /// Queues an envelope, or refuses it.
    pub(super) fn push(&mut self, envelope: &Envelope) -> Result<(), SendError> {
        let (lane, max) = match envelope.lane() {
            Lane::System => (&mut self.system, self.max),
            Lane::User => (&mut self.user, self.max),
            Lane::Bulk => (&mut self.bulk, self.bulk_max),
        };
        if lane.envelopes.len() >= max || lane.bytes >= LANE_BYTES_MAX {
            return Err(SendError::Full);
        }
        let bytes = wire::encode(envelope);
        if bytes.len() > ENVELOPE_BYTES_MAX {
            return Err(SendError::TooLarge);
        }
        lane.bytes += bytes.len();
        lane.envelopes.push_back(bytes);
        Ok(())
    }

    /// Takes the envelopes of one frame: system lane first, then user, then bulk if `with_bulk`. Up to `bytes_max`
    /// bytes, but at least one envelope.
    pub(super) fn take(&mut self, bytes_max: usize, with_bulk: bool) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        let mut bytes = 0;
        let bulk = with_bulk.then_some(&mut self.bulk);
        for lane in [&mut self.system, &mut self.user].into_iter().chain(bulk) {
            while let Some(front) = lane.envelopes.front() {
                let fits = bytes + front.len() <= bytes_max && out.len() < ENVELOPES_MAX;
                if !out.is_empty() && !fits {
                    return out;
                }
                bytes += front.len();
                lane.bytes -= front.len();
                out.extend(lane.envelopes.pop_front());
            }
        }
        out
    }

    pub(super) fn len(&self) -> usize {
        [&self.system, &self.user, &self.bulk].map(|lane| lane.envelopes.len()).iter().sum()
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new(self.max, self.bulk_max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::ShardId;
    use crate::transport::{ServiceCall, SnapshotChunk};

    fn raft(n: u8) -> Envelope {
        Envelope::Raft { shard: ShardId(1), messages: vec![vec![n; 100]] }
    }

    fn call(n: u64) -> Envelope {
        Envelope::Call(ServiceCall { call: n, service: "s".into(), body: vec![0; 100] })
    }

    #[test]
    fn the_system_goes_first_and_a_frame_keeps_its_size() {
        let mut lanes = Lanes::new(10, 10);
        let bulk = SnapshotChunk { shard: ShardId(1), transfer: 1, part: 0, parts: 1, bytes: vec![] };
        for envelope in [Envelope::Snapshot(bulk), call(1), raft(1), call(2), raft(2)] {
            lanes.push(&envelope).unwrap();
        }
        let frames: Vec<Vec<u8>> =
            std::iter::from_fn(|| Some(lanes.take(250, true)).filter(|frame| !frame.is_empty()))
                .map(|frame| frame.iter().map(|envelope| envelope[0]).collect())
                .collect();
        assert_eq!(frames, [vec![0, 0], vec![6, 6, 5]]);
    }

    #[test]
    fn a_full_lane_refuses_and_leaves_the_others_alone() {
        let mut lanes = Lanes::new(2, 1);
        for n in 0..2 {
            lanes.push(&call(n)).unwrap();
        }
        assert_eq!(lanes.push(&call(3)), Err(SendError::Full));
        assert_eq!(lanes.push(&raft(1)), Ok(()));
        let large = Envelope::Raft { shard: ShardId(1), messages: vec![vec![0; ENVELOPE_BYTES_MAX]] };
        assert_eq!(lanes.push(&large), Err(SendError::TooLarge));
    }

    #[test]
    fn a_lane_is_bounded_in_bytes_and_accepts_again_when_it_was_emptied() {
        let mut lanes = Lanes::new(10_000, 10);
        let large = Envelope::Raft { shard: ShardId(1), messages: vec![vec![0; 4 << 20]] };
        let taken = (0..100).take_while(|_| lanes.push(&large).is_ok()).count();
        assert_eq!(taken, LANE_BYTES_MAX / (4 << 20));
        assert_eq!(lanes.push(&call(1)), Ok(()));
        assert_eq!(lanes.take(1, true).len(), 1, "an envelope larger than a frame travels alone");
        assert_eq!(lanes.push(&large), Ok(()));
    }

    #[test]
    fn a_frame_never_holds_more_envelopes_than_a_reader_takes() {
        let mut lanes = Lanes::new(ENVELOPES_MAX + 10, 1);
        let tiny = Envelope::EffectsTaken { from: ShardId(1), to: ShardId(2), seq: 3 };
        for _ in 0..ENVELOPES_MAX + 10 {
            lanes.push(&tiny).unwrap();
        }
        assert_eq!(lanes.take(usize::MAX, true).len(), ENVELOPES_MAX);
        assert_eq!(lanes.take(usize::MAX, true).len(), 10);
    }
}
