//! The findings of a history by kind: lost, duplicate, stale, denied, forked. A verdict alone does not name the broken
//! property.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;

use super::search::{Verdict, linearizable};
use super::{List, Register};
use crate::history::{Answer, Call, End, Operation};

/// Calls shown of a key with a violation.
const SHOWN_MAX: usize = 400;

/// The findings over all keys.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Findings {
    /// Keys judged.
    pub keys: u64,
    /// Calls judged: `answered` + `failed` + `unknown`.
    pub calls: u64,
    /// Calls with an answer.
    pub answered: u64,
    /// Calls with a reply that says that they did not happen.
    pub failed: u64,
    /// Calls in doubt.
    pub unknown: u64,
    /// Acknowledged writes that are missing at the end.
    pub lost: u64,
    /// Writes that happened twice.
    pub duplicates: u64,
    /// Answers older than a write that was acknowledged before the call was sent.
    pub stale: u64,
    /// Writes that happened although their replies say that they did not.
    pub denied: u64,
    /// Pairs of writes acknowledged with the same version or the same position in the list.
    pub forked: u64,
    /// Keys without a linearization.
    pub not_linearizable: u64,
    /// Keys for which the search spent its step budget.
    pub undecided: u64,
    /// The keys with a violation, each with its calls.
    pub violations: Vec<Violation>,
}

/// A key with a violation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// The key.
    pub key: String,
    /// The violations in words.
    pub why: Vec<String>,
    /// Its calls by the time they were sent.
    pub calls: Vec<Operation>,
}

/// Judges every key. The last answered query of each key counts as its final state.
#[must_use]
pub fn examine(by_key: &BTreeMap<String, Vec<Operation>>) -> Findings {
    let mut findings = Findings::default();
    for (key, operations) in by_key {
        let mut operations = operations.clone();
        operations.sort_by_key(|operation| operation.sent);
        findings.keys += 1;
        for operation in &operations {
            findings.calls += 1;
            match operation.end {
                End::Ok { .. } => findings.answered += 1,
                End::Fail => findings.failed += 1,
                End::Unknown => findings.unknown += 1,
            }
        }
        let why = judge(&operations, &mut findings);
        if !why.is_empty() {
            operations.truncate(SHOWN_MAX);
            findings.violations.push(Violation { key: key.clone(), why, calls: operations });
        }
    }
    findings
}

fn judge(operations: &[Operation], findings: &mut Findings) -> Vec<String> {
    let mut why = Vec::new();
    let is_list = operations.iter().any(|operation| operation.call.of_list());
    let verdict =
        if is_list { linearizable::<List>(operations) } else { linearizable::<Register>(operations) };
    match verdict {
        Verdict::Linearizable => {}
        Verdict::Undecided => {
            findings.undecided += 1;
            why.push("the search for an order gave up".to_owned());
        }
        Verdict::Contradicted(at) => {
            findings.not_linearizable += 1;
            why.push(format!("no order gets past call {at}: {:?}", operations[at]));
        }
    }
    let mut note = |count: &mut u64, found: Vec<String>| {
        *count += found.len() as u64;
        why.extend(found);
    };
    if is_list {
        note(&mut findings.lost, lost_values(operations));
        note(&mut findings.duplicates, doubled(operations));
        note(&mut findings.stale, stale_lists(operations));
        note(&mut findings.denied, denied(operations));
    } else {
        note(&mut findings.lost, lost_versions(operations));
        note(&mut findings.stale, stale_registers(operations));
    }
    note(&mut findings.forked, forked(operations));
    why
}

fn lists(operations: &[Operation]) -> impl Iterator<Item = (u64, u64, &Vec<u64>)> {
    operations.iter().filter_map(|operation| match operation.answered() {
        Some((at, Answer::List(values))) => Some((operation.sent, at, values)),
        _ => None,
    })
}

fn registers(operations: &[Operation]) -> impl Iterator<Item = (&Operation, u64, u64)> {
    operations.iter().filter_map(|operation| match operation.answered() {
        Some((at, Answer::Register { version, .. })) => Some((operation, at, *version)),
        _ => None,
    })
}

/// The final list: the answer of the query that was sent last.
fn last_list(operations: &[Operation]) -> Option<(u64, &Vec<u64>)> {
    lists(operations).max_by_key(|(sent, ..)| *sent).map(|(sent, _, values)| (sent, values))
}

fn lost_values(operations: &[Operation]) -> Vec<String> {
    let Some((sent, last)) = last_list(operations) else { return Vec::new() };
    let last: HashSet<u64> = last.iter().copied().collect();
    operations
        .iter()
        .filter_map(|operation| match (&operation.call, operation.answered()) {
            (Call::Append(value), Some((at, _))) if at < sent && !last.contains(value) => {
                Some(format!("{value} was acknowledged and is not there at the end"))
            }
            _ => None,
        })
        .collect()
}

fn lost_versions(operations: &[Operation]) -> Vec<String> {
    let gets = registers(operations).filter(|(operation, ..)| operation.call == Call::Get);
    let Some((last, _, at_the_end)) = gets.max_by_key(|(operation, ..)| operation.sent) else {
        return Vec::new();
    };
    registers(operations)
        .filter(|(operation, at, version)| {
            operation.call != Call::Get && *at < last.sent && *version > at_the_end
        })
        .map(|(_, _, version)| {
            format!("version {version} was acknowledged; version {at_the_end} is there at the end")
        })
        .collect()
}

fn doubled(operations: &[Operation]) -> Vec<String> {
    let mut twice: HashSet<u64> = HashSet::new();
    for (_, _, values) in lists(operations) {
        let mut once = HashSet::new();
        twice.extend(values.iter().filter(|value| !once.insert(**value)));
    }
    twice.into_iter().map(|value| format!("{value} is there twice")).collect()
}

fn stale_lists(operations: &[Operation]) -> Vec<String> {
    // A lost value is missing from every read and already counts as lost.
    let Some((_, last)) = last_list(operations) else { return Vec::new() };
    let there: HashSet<u64> = last.iter().copied().collect();
    let acknowledged: Vec<(u64, u64)> = operations
        .iter()
        .filter_map(|operation| match (&operation.call, operation.answered()) {
            (Call::Append(value), Some((at, _))) if there.contains(value) => Some((at, *value)),
            _ => None,
        })
        .collect();
    lists(operations)
        .filter_map(|(sent, _, values)| {
            let values: HashSet<u64> = values.iter().copied().collect();
            let (at, value) =
                acknowledged.iter().find(|(at, value)| *at < sent && !values.contains(value))?;
            Some(format!("the read sent at {sent} lacks {value}, acknowledged at {at}"))
        })
        .collect()
}

fn stale_registers(operations: &[Operation]) -> Vec<String> {
    let mut newest: Vec<(u64, u64)> = registers(operations).map(|(_, at, version)| (at, version)).collect();
    newest.sort_unstable();
    let mut highest = 0;
    for (_, version) in &mut newest {
        highest = highest.max(*version);
        *version = highest;
    }
    registers(operations)
        .filter_map(|(operation, _, version)| {
            let before = newest.partition_point(|(at, _)| *at < operation.sent).checked_sub(1)?;
            let (at, known) = newest[before];
            let sent = operation.sent;
            (version < known)
                .then(|| format!("the answer to the call sent at {sent} is of version {version}, older than {known} of {at}"))
        })
        .collect()
}

fn denied(operations: &[Operation]) -> Vec<String> {
    let seen: HashSet<u64> = lists(operations).flat_map(|(_, _, values)| values).copied().collect();
    operations
        .iter()
        .filter(|operation| operation.end == End::Fail)
        .filter_map(|operation| operation.call.written())
        .filter(|value| seen.contains(value))
        .map(|value| format!("{value} is there, though its reply said that it did not happen"))
        .collect()
}

/// The version that a register's write made, or the length that an append did.
fn place(operation: &Operation) -> Option<u64> {
    match (&operation.call, operation.answered()?.1) {
        (Call::Append(_), Answer::Length(length)) => Some(*length),
        (Call::Put(_) | Call::Cas { .. }, Answer::Register { version, swapped: true, .. }) => Some(*version),
        _ => None,
    }
}

fn forked(operations: &[Operation]) -> Vec<String> {
    let mut owners: HashMap<u64, u64> = HashMap::new();
    let places = operations.iter().filter_map(|operation| place(operation).zip(operation.call.written()));
    places
        .filter_map(|(place, value)| {
            let first = owners.insert(place, value)?;
            Some(format!("{first} and {value} were both acknowledged as number {place}"))
        })
        .collect()
}
