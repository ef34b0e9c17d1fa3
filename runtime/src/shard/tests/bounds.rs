//! Bounds of an entry, an envelope and the queues.

use super::*;

#[test]
fn a_decision_above_the_entry_bound_is_refused_and_leaves_nothing() {
    let (mut group, leader) = Group::new(1);
    group.ask(leader, command(&Add(1)));
    let token = group.ask(leader, command(&Fill(9 << 20)));
    let refused = group.answers[&(leader, token)][0].clone().unwrap_err();
    assert_eq!(refused.code(), "TOO_LARGE");
    let held = group.replica(leader).held().unwrap();
    assert!(held.entities.values().map(Vec::len).sum::<usize>() < 100, "the refused decision left its bytes");
    let token = group.ask(leader, command(&Add(2)));
    assert_eq!(group.answer::<u64>(leader, token), Some(3));
}

fn effects(first: u64, effects: impl Iterator<Item = Effect>) -> EffectBatch {
    let from = Address { kind: "k".into(), key: "elsewhere".into() };
    let effects = effects.map(|effect| (from.clone(), effect)).collect();
    EffectBatch { from: ShardId(2), to: SHARD, first, effects }
}

#[test]
fn decisions_of_many_effects_are_split_into_entries() {
    let (mut group, leader) = Group::new(1);
    let fill = |n: u64| {
        let body = wire::encode(&Fill(30_000));
        Effect { to: Address::of::<Sum>(n.to_string()), verb: Fill::VERB.to_owned(), body }
    };
    group.replica(leader).effects(effects(1, (1..=300).map(fill)));
    group.turn(leader);
    let entries = group.replica(leader).applied_after(0);
    let largest = entries.iter().map(|entry| entry.data.len()).max();
    assert!(largest.is_some_and(|bytes| bytes < 512 << 10), "{largest:?}");
    let held = group.replica(leader).held().unwrap();
    assert_eq!((held.entities.len(), held.meta.taken[&ShardId(2)]), (300, 300));
}

#[test]
fn effects_and_reads_that_wait_for_a_majority_are_bounded() {
    let (mut group, leader) = Group::new(3);
    // Without a majority nothing is committed, and commands fill the pipeline.
    for _ in 0..8 {
        group.ask(leader, command(&Add(1)));
    }
    let add = || Effect { to: sum(), verb: Add::VERB.to_owned(), body: wire::encode(&Add(1)) };
    for first in 1..3_000 {
        group.replica(leader).effects(effects(first, std::iter::once(add())));
    }
    assert!(group.replica(leader).lead.inbox.len() <= 1_024);
    // The mailbox also bounds answers that wait for proof of leadership.
    let (mut group, leader) = Group::new(3);
    group.now += 2_000_000;
    for _ in 0..50 {
        group.ask(leader, query(&Get {}));
    }
    assert_eq!(group.replica(leader).backlog(), 50);
    assert!(group.replica(leader).backlog_bytes() >= 50);
}
