//! What leaves a leader when it may: effects, and answers that needed proof of leadership.

use super::ledger::Outgoing;
use super::replica::Replica;
use crate::address::ShardId;
use crate::planted::Bug;
use crate::replication::Mono;
use crate::transport::EffectBatch;

/// Effects in one delivery, and bytes after which it takes no more of them: one that fits no envelope would be refused each
/// time that it is sent again, and hold back all that come after it.
const BATCH_MAX: usize = 512;
const BATCH_BYTES_MAX: usize = 1 << 20;
/// How long acknowledgements wait for an entry that would be made anyway.
const ACK_DELAY: Mono = 200_000;

/// How far effects for one shard have come. Kept by the leader alone: a new one starts from what is committed.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Delivery {
    sent: u64,
    acked: u64,
    /// The acknowledgement is in an entry.
    folded: u64,
    moved: Mono,
    ack_since: Option<Mono>,
}

impl Replica {
    /// Sends committed effects that have not been sent.
    pub(super) fn deliver(&mut self, now: Mono) {
        if !self.decides() {
            return;
        }
        let committed = self.applied;
        let window = u64::from(self.config.outbox_unacked_max);
        let from = self.group.shard();
        for (to, outgoing) in &self.ledger.outbox {
            let delivery = self.delivery.entry(*to).or_default();
            if outgoing.last <= delivery.sent || outgoing.waiting.is_empty() {
                continue;
            }
            let until = delivery.acked.max(first_waiting(outgoing) - 1) + window;
            let mut next = delivery.sent.max(first_waiting(outgoing) - 1) + 1;
            while next <= until {
                let batch = slice(outgoing, next, until, committed);
                if batch.is_empty() {
                    break;
                }
                let count = batch.len() as u64;
                self.out.effects.push(EffectBatch { from, to: *to, first: next, effects: batch });
                next += count;
                delivery.sent = next - 1;
                delivery.moved = now;
                if self.config.planted.has(Bug::OutboxForgotten) {
                    delivery.acked = delivery.sent;
                    delivery.ack_since.get_or_insert(now);
                }
            }
        }
    }

    /// The receiver has everything up to `seq` in its committed state.
    pub fn taken(&mut self, by: ShardId, seq: u64, now: Mono) {
        if self.leading.is_none() {
            return;
        }
        let delivery = self.delivery.entry(by).or_default();
        if seq > delivery.acked {
            delivery.acked = seq;
            delivery.sent = delivery.sent.max(seq);
            delivery.moved = now;
            delivery.ack_since.get_or_insert(now);
        }
    }

    /// Sends again what was not acknowledged for a while: the receiver's leader may have changed.
    pub(super) fn resend_if_silent(&mut self, now: Mono) {
        let after = u64::try_from(self.config.effect_resend_after.as_micros()).unwrap_or(u64::MAX);
        for delivery in self.delivery.values_mut() {
            if delivery.sent > delivery.acked && now.saturating_sub(delivery.moved) > after {
                delivery.sent = delivery.acked;
                delivery.moved = now;
            }
        }
    }

    /// Whether acknowledgements have waited long enough for an entry to carry them.
    pub(super) fn acks_due(&self, now: Mono) -> bool {
        self.decides()
            && self.delivery.values().any(|delivery| {
                delivery.ack_since.is_some_and(|since| now.saturating_sub(since) >= ACK_DELAY)
            })
    }

    /// Acknowledgements for the next entry.
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

fn slice(
    outgoing: &Outgoing,
    next: u64,
    until: u64,
    committed: u64,
) -> Vec<(crate::address::Address, crate::entity::Effect)> {
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
    use super::super::ledger::Waiting;
    use super::*;
    use crate::address::Address;
    use crate::entity::Effect;
    use crate::transport::{ENVELOPE_BYTES_MAX, Envelope};
    use crate::wire;

    #[test]
    fn what_waits_leaves_in_envelopes_that_are_taken() {
        let address = |key: u64| Address { kind: "k".into(), key: key.to_string() };
        let waiting = |seq| Waiting {
            seq,
            index: 1,
            from: address(1),
            effect: Effect { to: address(seq), verb: "v".into(), body: vec![0; 20 << 10] },
        };
        let outgoing = Outgoing { last: 600, waiting: (1..=600).map(waiting).collect() };
        let mut next = 1;
        while next <= 600 {
            let effects = slice(&outgoing, next, 600, 1);
            let keys: Vec<String> = effects.iter().map(|(_, effect)| effect.to.key.clone()).collect();
            let expected: Vec<String> = (next..).take(keys.len()).map(|seq| seq.to_string()).collect();
            assert!(!keys.is_empty());
            assert_eq!(keys, expected);
            let (first, count) = (next, keys.len() as u64);
            let batch = EffectBatch { from: ShardId(1), to: ShardId(2), first, effects };
            assert!(wire::encode(&Envelope::Effects(batch)).len() <= ENVELOPE_BYTES_MAX);
            next += count;
        }
    }
}
