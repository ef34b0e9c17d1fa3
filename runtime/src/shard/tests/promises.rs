//! Promises of a replica: which answers may leave, and which state it holds.

use super::super::leadership::Phase;
use super::*;

fn transfer(replica: &mut Replica, to: ReplicaId) {
    let Replica { lead, machine, sink, .. } = replica;
    lead.transfer(to, &mut machine.group, sink.turned);
}

#[test]
fn replicas_of_a_group_pass_through_the_phases_of_the_table() {
    let (mut group, leader) = Group::new(3);
    let successor = group.others(&[leader])[0];
    let phases =
        |group: &mut Group| [leader, successor].map(|node| group.replica(node).lead.leadership.phase());
    assert_eq!(phases(&mut group), [Phase::Decides, Phase::Follows]);
    let to = group.replica(successor).id_and_term().0;
    transfer(group.replica(leader), to);
    assert_eq!(phases(&mut group), [Phase::HandsOver, Phase::Follows]);
    group.turn(leader);
    group.deliver(|_, _, kind| kind != MessageType::MsgAppendResponse);
    assert_eq!(
        phases(&mut group),
        [Phase::Follows, Phase::Elected],
        "the first entry of the term is not committed"
    );
    assert_eq!(group.elect(&[1, 2, 3]), successor);
    assert_eq!(phases(&mut group), [Phase::Follows, Phase::Decides]);
}

#[test]
fn a_follower_that_rebuilds_an_entity_leaves_out_entries_that_are_not_committed() {
    use MessageType::{MsgAppend, MsgAppendResponse};
    let (mut group, leader) = Group::new(5);
    let follower = group.others(&[leader])[0];
    let majority = group.others(&[leader, follower]);
    group.ask(leader, command(&Add(1)));
    group.deliver(|_, _, _| true);
    group.tick(&[1, 2, 3, 4, 5]);
    group.deliver(|_, _, _| true);
    // This entry reaches one follower and is never committed.
    group.ask(leader, command(&Add(2)));
    group.deliver(|_, to, kind| to == follower && kind == MsgAppend);
    let stumbled = group.near(follower, query(&Stumble {}), 60_000_000);
    group.deliver(|_, _, kind| kind != MsgAppend && kind != MsgAppendResponse);
    let answer = stumbled.blocking_recv().unwrap().unwrap();
    assert!(matches!(answer.outcome, Err(AskError::Fault(_))), "{answer:?}");
    let next = group.elect(&majority);
    let token = group.ask(next, command(&Add(4)));
    for _ in 0..8 {
        group.deliver(|from, to, _| from != leader && to != leader);
        group.tick(&group.others(&[leader]));
    }
    assert_eq!(group.answer::<u64>(next, token), Some(5));
    let held = group.replica(next).held().unwrap();
    assert!(
        group.replica(follower).held().unwrap() == held,
        "the follower holds an entry that was never committed"
    );
}

#[test]
fn a_leader_whose_successor_may_still_stand_trusts_no_lease() {
    let (mut group, leader) = Group::new(3);
    let (successor, voter) = (group.others(&[leader])[0], group.others(&[leader])[1]);
    group.ask(leader, command(&Add(1)));
    group.deliver(|_, _, _| true);
    let to = group.replica(successor).id_and_term().0;
    transfer(group.replica(leader), to);
    group.turn(leader);
    // The successor is paused, and its request to stand for election waits.
    let late = group.deliver(|_, to, _| to != successor);
    let late: Vec<Mail> =
        late.into_iter().filter(|mail| mail.message.get_msg_type() == MessageType::MsgTimeoutNow).collect();
    assert_eq!(late.len(), 1);
    let apart = |one: u16, other: u16| {
        move |from: u16, to: u16, _| (from, to) == (one, other) || (from, to) == (other, one)
    };
    for _ in 0..30 {
        group.tick(&[leader, voter]);
        group.deliver(apart(leader, voter));
    }
    assert!(group.replica(leader).decides(), "the transfer has timed out");
    let token = group.ask(leader, query(&Get {}));
    for _ in 0..4 {
        group.deliver(apart(leader, voter));
        group.tick(&[leader, voter]);
    }
    assert_eq!(group.answer::<u64>(leader, token), Some(1), "it still answers");
    group.deliver(apart(leader, voter));
    group.arrive(&late[0]);
    group.deliver(apart(successor, voter));
    assert!(group.replica(successor).decides(), "elected without regard to promises");
    let token = group.ask(successor, command(&Add(10)));
    group.deliver(apart(successor, voter));
    assert_eq!(group.answer::<u64>(successor, token), Some(11));
    // The earlier leader does not know of the election.
    let (kinds, now) = (registry(), group.now);
    let kind = kinds.get(Sum::KIND).unwrap();
    let verb = kind.verbs.get(Get::VERB).unwrap();
    let here =
        group.replica(leader).answer_here(&sum(), (kind, verb), &wire::encode(&Get {}), now, Timestamp(1));
    assert_eq!(here, None, "a stale answer");
    let token = group.ask(leader, query(&Get {}));
    assert_eq!(group.answer::<u64>(leader, token), None, "a stale answer");
}

#[test]
fn a_follower_answers_in_place_from_a_state_that_is_young_enough() {
    let (mut group, leader) = Group::new(3);
    let follower = group.others(&[leader])[0];
    let everywhere = |_: u16, _: u16, _: MessageType| true;
    group.ask(leader, command(&Add(1)));
    group.deliver(everywhere);
    let kinds = registry();
    let kind = kinds.get(Sum::KIND).unwrap();
    let in_place = |group: &mut Group, node, verb: &str, body: &[u8], age_max| {
        let times = (group.now, Timestamp(1));
        group.replica(node).answer_near((&sum(), (kind, kind.verbs.get(verb).unwrap()), body), age_max, times)
    };
    let get = wire::encode(&Get {});
    assert_eq!(in_place(&mut group, follower, Get::VERB, &get, Mono::MAX), None, "no age is known yet");
    let mut first = group.near(follower, query(&Get {}), 0);
    group.deliver(everywhere);
    assert!(first.try_recv().unwrap().is_ok());
    let near = in_place(&mut group, follower, Get::VERB, &get, 1_000).unwrap();
    assert_eq!(wire::decode::<u64>(&near.outcome.unwrap()).unwrap(), 1);
    // The state grows old while nothing is asked of the leader.
    group.now += 1_000;
    let age = near.age + 1_000;
    assert_eq!(in_place(&mut group, follower, Get::VERB, &get, age - 1), None);
    assert_eq!(in_place(&mut group, follower, Get::VERB, &get, age).unwrap().age, age);
    // A panic, a command and a leader are left to the turn.
    let stumble = wire::encode(&Stumble {});
    assert_eq!(in_place(&mut group, follower, Stumble::VERB, &stumble, Mono::MAX), None);
    let add = wire::encode(&Add(1));
    assert_eq!(in_place(&mut group, follower, Add::VERB, &add, Mono::MAX), None);
    assert_eq!(in_place(&mut group, leader, Get::VERB, &get, Mono::MAX), None);
}

#[test]
fn a_quiescent_leader_is_woken_while_a_round_of_a_follower_waits_for_answers() {
    let (mut group, leader) = Group::new(3);
    let follower = group.others(&[leader])[0];
    group.ask(leader, command(&Add(1)));
    group.deliver(|_, _, _| true);
    let mailbox = crate::shard::Mailbox::new(ShardId(1), &ShardConfig::default());
    let quiescence = |group: &mut Group| {
        mailbox.follow(group.replica(leader));
        mailbox.quiescence()
    };
    assert_eq!(quiescence(&mut group), Quiescence::Leads);
    let mut near = group.near(follower, query(&Get {}), 0);
    group.deliver(|_, _, kind| kind != MessageType::MsgHeartbeatResponse);
    assert_eq!(quiescence(&mut group), Quiescence::None, "the answers would wait for the next beat");
    assert!(near.try_recv().is_err());
    for _ in 0..8 {
        group.tick(&[1, 2, 3]);
        group.deliver(|_, _, _| true);
    }
    assert!(near.try_recv().unwrap().is_ok());
    assert_eq!(quiescence(&mut group), Quiescence::Leads);
}

#[test]
fn a_late_answer_to_a_round_before_a_restart_proves_no_age() {
    use MessageType::{MsgAppend, MsgReadIndex, MsgReadIndexResp};
    let (mut group, leader) = Group::new(3);
    let (follower, voter) = (group.others(&[leader])[0], group.others(&[leader])[1]);
    group.ask(leader, command(&Add(1)));
    group.deliver(|_, _, _| true);
    drop(group.near(follower, query(&Get {}), 0));
    let mut late = group.deliver(|_, _, kind| kind != MsgReadIndexResp);
    late.retain(|mail| mail.message.get_msg_type() == MsgReadIndexResp);
    assert_eq!(late.len(), 1);
    let Place { store, log, .. } = group.places.remove(&follower).unwrap();
    group.open(follower, 3, store, log);
    for _ in 0..8 {
        group.tick(&[1, 2, 3]);
        group.deliver(|_, _, _| true);
    }
    let token = group.ask(leader, command(&Add(2)));
    group.deliver(|from, to, _| from != follower && to != follower);
    assert_eq!(group.answer::<u64>(leader, token), Some(3));
    let _ = voter;
    let mut near = group.near(follower, query(&Get {}), 0);
    group.deliver(|_, to, kind| kind != MsgReadIndex && !(to == follower && kind == MsgAppend));
    group.arrive(&late[0]);
    assert!(near.try_recv().is_err(), "it trusts an answer to a round before its restart");
}

#[test]
fn a_log_that_reaches_beyond_a_snapshot_with_other_entries_is_replaced() {
    let (mut group, leader) = Group::new(3);
    let (follower, donor) = (group.others(&[leader])[0], group.others(&[leader])[1]);
    let all = [1, 2, 3];
    // A later term than that of the log which the snapshot overtakes.
    let next = group.elect(&[follower, donor]);
    for n in 0..4 {
        group.ask(next, command(&Add(n)));
        group.deliver(|_, _, _| true);
    }
    group.replica(next).machine.checkpoints.want();
    group.tick(&all);
    group.deliver(|_, _, _| true);
    let mark = group.replica(next).mark().clone();
    assert!(mark.index > 4 && mark.term > 2, "{mark:?}");
    // The node died with the whole snapshot in its store and nothing of it in its log.
    let store = group.places[&next].store.clone();
    let copy = Arc::new(MemoryStore::default());
    let mut pairs = Vec::new();
    store
        .scan(SHARD, &[], &mut |key, value| {
            pairs.push((key.to_vec(), value.to_vec()));
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    copy.write(SHARD, crate::storage::StoreBatch { puts: pairs, deletes: Vec::new() }).unwrap();
    let Place { log, .. } = group.places.remove(&leader).unwrap();
    let entry = |index| LogEntry { index, term: 2, kind: 0, data: Vec::new() };
    let entries = (2..mark.index + 4).map(entry).collect();
    let log = GroupLog { replica: log.replica, vote: log.vote, cut: (1, 1), entries };
    group.open(leader, 3, copy, log);
    assert_eq!(
        group.replica(leader).first_records(false),
        [Record::Reset { index: mark.index, term: mark.term }]
    );
    group.ask(next, command(&Add(100)));
    for _ in 0..8 {
        group.tick(&all);
        group.deliver(|_, _, _| true);
    }
    let held = group.replica(next).held().unwrap();
    assert!(group.replica(leader).held().unwrap() == held);
    assert_eq!(group.replica(leader).applied(), group.replica(next).applied());
}

/// An entity of the control group.
#[derive(Debug, Default, Encode, Decode, Serialize)]
struct Flag(u64);

impl Entity for Flag {
    const KIND: &'static str = "flags";
    const PLACEMENT: crate::entity::Placement = crate::entity::Placement::Control;
    type Event = u64;

    fn create(_key: &str) -> Self {
        Self::default()
    }

    fn apply(&mut self, event: &u64) {
        self.0 = *event;
    }
}

#[test]
fn a_reader_of_the_globals_finds_the_states_before_a_snapshot_or_those_after_it() {
    let globals = crate::entity::Globals::default();
    let state = |value| -> Arc<dyn std::any::Any + Send + Sync> { Arc::new(Flag(value)) };
    globals.publish(vec![(Flag::KIND, "a".into(), state(1)), (Flag::KIND, "b".into(), state(1))]);
    let versions = globals.version();
    globals.replace(vec![(Flag::KIND, "a".into(), state(2))]);
    assert_eq!(globals.version(), versions + 1, "in one step");
    assert_eq!(globals.get::<Flag>("a").map(|flag| flag.0), Some(2));
    assert!(globals.get::<Flag>("b").is_none());
}
