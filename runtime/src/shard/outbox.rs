//! Effects on their way to other shards: a leader sends committed effects within a window and resends what is not
//! acknowledged.

use std::collections::BTreeMap;

use super::config::ShardConfig;
use super::shard_meta::Outgoing;
use crate::address::{Address, ShardId};
use crate::entity::Effect;
use crate::planted::Bug;
use crate::replication::Mono;
use crate::time::micros;
use crate::transport::EffectBatch;

/// Effects in one delivery.
const BATCH_MAX: usize = 512;
/// Bytes after which a delivery takes no further effect. A delivery above the transport's frame limit would be refused
/// at each resend and hold back all effects after it.
const BATCH_BYTES_MAX: usize = 1 << 20;
/// How long acknowledgements wait for an entry that is made for another reason, in microseconds.
const ACK_DELAY: Mono = 200_000;

/// Delivery of effects to one shard.
#[derive(Debug, Default, Clone, Copy)]
struct Delivery {
    sent: u64,
    acked: u64,
    /// The acknowledgement that an entry holds.
    folded: u64,
    moved: Mono,
    ack_since: Option<Mono>,
}

/// Delivery of effects to all other shards. Only a leader keeps it: a new leader starts from what is committed.
pub(super) struct Outbox {
    delivery: BTreeMap<ShardId, Delivery>,
    /// Effects sent to one shard and not yet acknowledged, at most.
    window: u64,
    resend_after: Mono,
    /// A planted bug: effects are forgotten when they are sent.
    forgets: bool,
}

impl Outbox {
    pub(super) fn new(config: &ShardConfig) -> Self {
        Self {
            delivery: BTreeMap::new(),
            window: u64::from(config.outbox_unacked_max),
            resend_after: micros(config.effect_resend_after),
            forgets: config.planted.has(Bug::OutboxForgotten),
        }
    }

    /// Forgets all deliveries: leadership was won or lost.
    pub(super) fn clear(&mut self) {
        self.delivery.clear();
    }

    /// Effects to send now: decided by entries up to `committed`, not yet sent, and within the window.
    pub(super) fn deliver(
        &mut self,
        from: ShardId,
        queues: &BTreeMap<ShardId, Outgoing>,
        committed: u64,
        now: Mono,
    ) -> Vec<EffectBatch> {
        let mut batches = Vec::new();
        for (to, outgoing) in queues {
            let delivery = self.delivery.entry(*to).or_default();
            if outgoing.last <= delivery.sent || outgoing.waiting.is_empty() {
                continue;
            }
            let until = delivery.acked.max(first_waiting(outgoing) - 1) + self.window;
            let mut next = delivery.sent.max(first_waiting(outgoing) - 1) + 1;
            while next <= until {
                let batch = slice(outgoing, next, until, committed);
                if batch.is_empty() {
                    break;
                }
                let count = batch.len() as u64;
                batches.push(EffectBatch { from, to: *to, first: next, effects: batch });
                next += count;
                delivery.sent = next - 1;
                delivery.moved = now;
                if self.forgets {
                    delivery.acked = delivery.sent;
                    delivery.ack_since.get_or_insert(now);
                }
            }
        }
        batches
    }

    /// The receiver has everything up to `seq` in its committed state.
    pub(super) fn acknowledge(&mut self, by: ShardId, seq: u64, now: Mono) {
        let delivery = self.delivery.entry(by).or_default();
        if seq > delivery.acked {
            delivery.acked = seq;
            delivery.sent = delivery.sent.max(seq);
            delivery.moved = now;
            delivery.ack_since.get_or_insert(now);
        }
    }

    /// Rewinds deliveries that were not acknowledged for `effect_resend_after`: the receiver's leader may have changed.
    pub(super) fn resend_if_silent(&mut self, now: Mono) {
        for delivery in self.delivery.values_mut() {
            if delivery.sent > delivery.acked && now.saturating_sub(delivery.moved) > self.resend_after {
                delivery.sent = delivery.acked;
                delivery.moved = now;
            }
        }
    }

    /// Whether acknowledgements have waited long enough for an entry of their own.
    pub(super) fn acks_due(&self, now: Mono) -> bool {
        let due = |since: Mono| now.saturating_sub(since) >= ACK_DELAY;
        self.delivery.values().any(|delivery| delivery.ack_since.is_some_and(due))
    }

    /// Acknowledgements for the next entry: receiver and number.
    pub(super) fn take_acks(&mut self) -> Vec<(ShardId, u64)> {
        let mut acks = Vec::new();
        for (to, delivery) in &mut self.delivery {
            if delivery.acked > delivery.folded {
                delivery.folded = delivery.acked;
                delivery.ack_since = None;
                acks.push((*to, delivery.acked));
            }
        }
        acks
    }
}

fn first_waiting(outgoing: &Outgoing) -> u64 {
    outgoing.waiting.front().map_or(outgoing.last + 1, |waiting| waiting.seq)
}

fn slice(outgoing: &Outgoing, next: u64, until: u64, committed: u64) -> Vec<(Address, Effect)> {
    let skip = usize::try_from(next - first_waiting(outgoing)).unwrap_or(usize::MAX);
    let mut bytes = 0;
    outgoing
        .waiting
        .iter()
        .skip(skip)
        .take_while(|waiting| waiting.seq <= until && waiting.index <= committed)
        .take(BATCH_MAX)
        .take_while(|waiting| {
            let fits = bytes < BATCH_BYTES_MAX;
            bytes += waiting.effect.body.len();
            fits
        })
        .map(|waiting| (waiting.from.clone(), waiting.effect.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::shard_meta::Waiting;
    use super::*;
    use crate::transport::{ENVELOPE_BYTES_MAX, Envelope};
    use crate::wire;

    const FROM: ShardId = ShardId(1);
    const TO: ShardId = ShardId(2);

    fn address(key: u64) -> Address {
        Address { kind: "k".into(), key: key.to_string() }
    }

    /// Effects 1 to `count`, each decided by the entry of the same number.
    fn queue(count: u64, bytes: usize) -> Outgoing {
        let waiting = |seq| Waiting {
            seq,
            index: seq,
            from: address(1),
            effect: Effect { to: address(seq), verb: "v".into(), body: vec![0; bytes] },
        };
        Outgoing { last: count, waiting: (1..=count).map(waiting).collect() }
    }

    /// First and last number of each batch that leaves.
    fn sent(outbox: &mut Outbox, queue: &Outgoing, committed: u64, now: Mono) -> Vec<(u64, u64)> {
        let batches = outbox.deliver(FROM, &BTreeMap::from([(TO, queue.clone())]), committed, now);
        batches.iter().map(|batch| (batch.first, batch.first + batch.effects.len() as u64 - 1)).collect()
    }

    fn outbox(window: u32) -> Outbox {
        Outbox::new(&ShardConfig { outbox_unacked_max: window, ..ShardConfig::default() })
    }

    #[test]
    fn effects_leave_in_batches_within_the_frame_limit() {
        let outgoing = queue(600, 20 << 10);
        let mut next = 1;
        while next <= 600 {
            let effects = slice(&outgoing, next, 600, 600);
            let keys: Vec<String> = effects.iter().map(|(_, effect)| effect.to.key.clone()).collect();
            let expected: Vec<String> = (next..).take(keys.len()).map(|seq| seq.to_string()).collect();
            assert!(!keys.is_empty());
            assert_eq!(keys, expected);
            let (first, count) = (next, keys.len() as u64);
            let batch = EffectBatch { from: FROM, to: TO, first, effects };
            assert!(wire::encode(&Envelope::Effects(batch)).len() <= ENVELOPE_BYTES_MAX);
            next += count;
        }
    }

    #[test]
    fn only_committed_effects_leave_and_each_leaves_once() {
        let (mut outbox, queue) = (outbox(100), queue(10, 1));
        assert_eq!(sent(&mut outbox, &queue, 0, 1), []);
        assert_eq!(sent(&mut outbox, &queue, 4, 2), [(1, 4)]);
        assert_eq!(sent(&mut outbox, &queue, 4, 3), []);
        assert_eq!(sent(&mut outbox, &queue, 10, 4), [(5, 10)]);
    }

    #[test]
    fn the_window_bounds_what_is_not_acknowledged() {
        let (mut outbox, queue) = (outbox(3), queue(10, 1));
        assert_eq!(sent(&mut outbox, &queue, 10, 1), [(1, 3)]);
        assert_eq!(sent(&mut outbox, &queue, 10, 2), []);
        outbox.acknowledge(TO, 2, 3);
        assert_eq!(sent(&mut outbox, &queue, 10, 3), [(4, 5)]);
    }

    #[test]
    fn silence_rewinds_to_the_last_acknowledgement() {
        let (mut outbox, queue) = (outbox(100), queue(10, 1));
        assert_eq!(sent(&mut outbox, &queue, 10, 0), [(1, 10)]);
        outbox.acknowledge(TO, 4, 0);
        outbox.resend_if_silent(500_000);
        assert_eq!(sent(&mut outbox, &queue, 10, 500_000), []);
        outbox.resend_if_silent(500_001);
        assert_eq!(sent(&mut outbox, &queue, 10, 500_001), [(5, 10)]);
    }

    #[test]
    fn an_acknowledgement_is_folded_once_and_waits_for_another_entry_at_most_so_long() {
        let mut outbox = outbox(100);
        outbox.acknowledge(TO, 4, 1_000);
        outbox.acknowledge(TO, 3, 2_000);
        assert!(!outbox.acks_due(1_000 + ACK_DELAY - 1) && outbox.acks_due(1_000 + ACK_DELAY));
        assert_eq!(outbox.take_acks(), [(TO, 4)]);
        assert!(!outbox.acks_due(Mono::MAX));
        assert_eq!(outbox.take_acks(), []);
    }
}
