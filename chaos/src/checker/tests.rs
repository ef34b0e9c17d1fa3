use super::{Findings, List, Model, Register, Verdict, examine, linearizable};
use crate::history::{Answer, Call, End, Operation};

fn operation(client: u32, call: Call, sent: u64, end: End) -> Operation {
    Operation { client, key: "k".to_owned(), call, sent, end }
}

fn register(value: u64, version: u64, swapped: bool) -> Answer {
    Answer::Register { value, version, swapped }
}

fn ok(at: u64, answer: Answer) -> End {
    End::Ok { at, answer }
}

fn get(sent: u64, at: u64, value: u64, version: u64) -> Operation {
    operation(0, Call::Get, sent, ok(at, register(value, version, false)))
}

fn put(sent: u64, at: u64, value: u64, version: u64) -> Operation {
    operation(1, Call::Put(value), sent, ok(at, register(value, version, true)))
}

fn lost_put(sent: u64, value: u64) -> Operation {
    operation(2, Call::Put(value), sent, End::Unknown)
}

fn cas(sent: u64, at: u64, old: u64, new: u64, seen: (u64, u64, bool)) -> Operation {
    operation(3, Call::Cas { old, new }, sent, ok(at, register(seen.0, seen.1, seen.2)))
}

fn append(sent: u64, at: u64, value: u64, length: u64) -> Operation {
    operation(1, Call::Append(value), sent, ok(at, Answer::Length(length)))
}

fn lost_append(sent: u64, value: u64) -> Operation {
    operation(2, Call::Append(value), sent, End::Unknown)
}

fn read(sent: u64, at: u64, values: &[u64]) -> Operation {
    operation(0, Call::Read, sent, ok(at, Answer::List(values.to_vec())))
}

fn holds<M: Model>(name: &str, operations: &[Operation], expected: bool) {
    let verdict = linearizable::<M>(operations);
    assert_eq!(verdict == Verdict::Linearizable, expected, "{name}: {verdict:?}");
    assert_ne!(verdict, Verdict::Undecided, "{name}");
}

#[test]
fn registers_that_one_machine_could_have_answered_pass_and_others_do_not() {
    for (name, operations, good) in [
        ("nothing", vec![], true),
        ("a register begins at zero", vec![get(0, 1, 0, 0)], true),
        ("one after the other", vec![put(0, 1, 7, 1), get(2, 3, 7, 1)], true),
        ("a read of before", vec![put(0, 1, 7, 1), get(2, 3, 0, 0)], false),
        ("a read while it is written, old", vec![put(0, 10, 7, 1), get(2, 3, 0, 0)], true),
        ("a read while it is written, new", vec![put(0, 10, 7, 1), get(2, 3, 7, 1)], true),
        (
            "new, then old, while it is written",
            vec![put(0, 10, 7, 1), get(1, 2, 7, 1), get(3, 4, 0, 0)],
            false,
        ),
        ("a value from nowhere", vec![get(0, 1, 9, 1)], false),
        ("two writes, each says it was the first", vec![put(0, 5, 7, 1), put(1, 5, 8, 1)], false),
        ("a write in doubt that happened", vec![lost_put(0, 7), get(5, 6, 7, 1)], true),
        ("a write in doubt that did not", vec![lost_put(0, 7), get(5, 6, 0, 0)], true),
        ("a write in doubt happens late", vec![lost_put(0, 7), get(5, 6, 0, 0), get(7, 8, 7, 1)], true),
        ("a write in doubt cannot be undone", vec![lost_put(0, 7), get(5, 6, 7, 1), get(7, 8, 0, 0)], false),
        ("a write in doubt before it was sent", vec![get(0, 1, 7, 1), lost_put(2, 7)], false),
        ("a version that one in doubt took", vec![lost_put(0, 7), put(1, 2, 8, 2)], true),
        ("a version that no write took", vec![put(1, 2, 8, 2)], false),
        (
            "two in doubt cannot take one version",
            vec![lost_put(3, 7), lost_put(4, 6), put(0, 2, 8, 2)],
            false,
        ),
        (
            "the later of two in doubt",
            vec![lost_put(0, 7), lost_put(0, 6), put(1, 2, 8, 2), get(3, 4, 6, 3)],
            true,
        ),
        ("a swap", vec![put(0, 1, 7, 1), cas(2, 3, 7, 8, (8, 2, true)), get(4, 5, 8, 2)], true),
        ("a swap that found another value", vec![put(0, 1, 7, 1), cas(2, 3, 6, 8, (7, 1, false))], true),
        ("a swap that should have been", vec![put(0, 1, 7, 1), cas(2, 3, 7, 8, (7, 1, false))], false),
        ("two swaps of one value", vec![cas(0, 5, 0, 1, (1, 1, true)), cas(0, 5, 0, 2, (2, 1, true))], false),
    ] {
        holds::<Register>(name, &operations, good);
    }
}

#[test]
fn a_failed_write_did_not_happen() {
    let denied = operation(1, Call::Put(7), 0, End::Fail);
    holds::<Register>("unseen", &[denied.clone(), get(2, 3, 0, 0)], true);
    holds::<Register>("seen", &[denied, get(2, 3, 7, 1)], false);
}

#[test]
fn lists_that_one_machine_could_have_answered_pass_and_others_do_not() {
    for (name, operations, good) in [
        ("empty", vec![read(0, 1, &[])], true),
        ("one", vec![append(0, 1, 5, 1), read(2, 3, &[5])], true),
        ("lost", vec![append(0, 1, 5, 1), read(2, 3, &[])], false),
        ("twice", vec![append(0, 1, 5, 1), read(2, 3, &[5, 5])], false),
        ("two at once, one way", vec![append(0, 9, 5, 1), append(0, 9, 6, 2), read(10, 11, &[5, 6])], true),
        (
            "two at once, against their lengths",
            vec![append(0, 9, 5, 1), append(0, 9, 6, 2), read(10, 11, &[6, 5])],
            false,
        ),
        (
            "two orders",
            vec![lost_append(0, 5), lost_append(0, 6), read(1, 2, &[5, 6]), read(1, 2, &[6, 5])],
            false,
        ),
        ("reads that go back", vec![append(0, 9, 5, 1), read(1, 2, &[5]), read(3, 4, &[])], false),
        ("in doubt, there", vec![lost_append(0, 5), read(1, 2, &[5])], true),
        ("in doubt, not there", vec![lost_append(0, 5), read(1, 2, &[])], true),
        ("in doubt, counted but never read", vec![lost_append(0, 5), append(1, 2, 6, 2)], true),
        (
            "in doubt, lost after it was seen",
            vec![lost_append(0, 5), read(1, 2, &[5]), append(3, 4, 6, 1)],
            false,
        ),
    ] {
        holds::<List>(name, &operations, good);
    }
}

/// Hundreds of writes in doubt: without the cache and the twins the search does not end in useful time.
#[test]
fn many_writes_in_doubt_do_not_drown_the_search() {
    let mut operations: Vec<Operation> = (0..200).map(|at| lost_put(at, 1_000 + at)).collect();
    for at in 0..200 {
        operations.push(put(1_000 + 4 * at, 1_002 + 4 * at, at + 1, 101 + at));
        operations.push(get(1_001 + 4 * at, 1_003 + 4 * at, at + 1, 101 + at));
    }
    assert_eq!(linearizable::<Register>(&operations), Verdict::Linearizable);
    operations.push(get(9_000, 9_001, 1, 101));
    assert_ne!(linearizable::<Register>(&operations), Verdict::Linearizable);
}

/// All appends stay open until the end: only the reads give their order.
#[test]
fn the_order_of_many_appends_in_doubt_is_taken_from_what_was_read() {
    let mut operations: Vec<Operation> = (0..100).map(|at| lost_append(at, at)).collect();
    let backwards: Vec<u64> = (0..100).rev().collect();
    operations.push(read(200, 201, &backwards));
    assert_eq!(linearizable::<List>(&operations), Verdict::Linearizable);
    operations.push(read(202, 203, &backwards[..99]));
    assert!(matches!(linearizable::<List>(&operations), Verdict::Contradicted(_)));
}

fn found(operations: Vec<Operation>) -> Findings {
    examine(&[("k".to_owned(), operations)].into())
}

#[test]
fn what_is_wrong_is_named() {
    type Count = fn(&Findings) -> u64;
    let lost: Count = |findings| findings.lost;
    let duplicates: Count = |findings| findings.duplicates;
    let stale: Count = |findings| findings.stale;
    let denied: Count = |findings| findings.denied;
    let forked: Count = |findings| findings.forked;
    let no = operation(1, Call::Append(5), 0, End::Fail);
    for (name, operations, count) in [
        ("lost from a list", vec![append(0, 1, 5, 1), read(2, 3, &[])], lost),
        ("lost from a register", vec![put(0, 1, 5, 1), get(2, 3, 0, 0)], lost),
        ("appended twice", vec![append(0, 1, 5, 1), read(2, 3, &[5, 5])], duplicates),
        ("a stale list", vec![append(0, 1, 5, 1), read(2, 3, &[]), read(4, 5, &[5])], stale),
        ("a stale register", vec![put(0, 1, 5, 1), get(2, 3, 0, 0), get(4, 5, 5, 1)], stale),
        ("a denial", vec![no, read(2, 3, &[5])], denied),
        ("two of one version", vec![put(0, 9, 5, 1), put(0, 9, 6, 1)], forked),
        ("two of one length", vec![append(0, 9, 5, 1), append(0, 9, 6, 1)], forked),
    ] {
        let findings = found(operations);
        assert_eq!(count(&findings), 1, "{name}: {findings:?}");
        assert_eq!((findings.violations.len(), findings.not_linearizable), (1, 1), "{name}: {findings:?}");
    }
}

#[test]
fn a_history_without_fault_has_no_findings() {
    let list = vec![append(0, 3, 5, 1), lost_append(1, 6), read(2, 4, &[5]), read(5, 6, &[5, 6])];
    let findings = found(list);
    assert_eq!((findings.calls, findings.answered, findings.unknown, findings.failed), (4, 3, 1, 0));
    assert!(findings.violations.is_empty(), "{findings:?}");
    assert_eq!(findings.keys, 1);
}
