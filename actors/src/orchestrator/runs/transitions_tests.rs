//! The table of step states in the module's story against the code.

use std::collections::{BTreeMap, BTreeSet};

use troupe_runtime::Timestamp;
use troupe_workflows::status::StepStatus;

use super::step_run::StepRun;

const STORY: &str = include_str!("mod.rs");

/// The rows of the story's table: a status and those that may follow.
fn documented() -> BTreeMap<StepStatus, BTreeSet<StepStatus>> {
    let named = |word: &str| StepStatus::named(word).unwrap_or_else(|| panic!("{word:?} is a status"));
    let rows = STORY.lines().filter_map(|line| line.strip_prefix("//! | `"));
    let row = |row: &str| {
        let (status, rest) = row.split_once('`').unwrap();
        let next = rest.split('|').nth(1).unwrap();
        let next = next.split('`').skip(1).step_by(2).map(named).collect();
        (named(status), next)
    };
    rows.map(row).collect()
}

#[test]
fn each_transition_of_the_table_is_accepted_and_each_other_one_is_refused() {
    let table = documented();
    assert_eq!(table.len(), 17, "each status that a step can have stands in the table");
    for from in StepStatus::ALL.iter().copied() {
        for to in StepStatus::ALL.iter().copied() {
            let expected = table.get(&from).is_some_and(|next| next.contains(&to));
            let mut step = StepRun::with_status(from);
            assert_eq!(step.enter(to), expected, "{from} -> {to}");
            assert_eq!(step.status(), if expected { to } else { from });
        }
    }
}

#[test]
fn a_refused_transition_changes_nothing_of_the_step() {
    let now = Timestamp(5);
    let methods: [fn(&mut StepRun, Timestamp) -> bool; 10] = [
        StepRun::start,
        |step, _| step.pause(),
        |step, _| step.await_signals(Vec::new()),
        |step, _| step.run(),
        StepRun::succeed,
        |step, now| step.fail(StepStatus::UserFailed, "why".into(), (None, now)),
        |step, now| step.halt(false, "why".into(), now),
        |step, now| step.halt(true, "why".into(), now),
        |step, now| step.skip("t", now),
        |step, _| step.mark_unsatisfied(2),
    ];
    for from in StepStatus::ALL.iter().copied() {
        for method in methods {
            let (before, mut step) = (StepRun::with_status(from), StepRun::with_status(from));
            if !method(&mut step, now) {
                assert_eq!(step, before);
            }
        }
    }
}

#[test]
fn a_resumed_step_keeps_its_attempt_number_and_a_retry_gets_the_next() {
    let mut step = StepRun::default();
    assert!(step.start(Timestamp(1)) && step.pause() && step.resume() && step.start(Timestamp(2)));
    assert_eq!((step.attempt, step.history.len(), step.resumed), (1, 0, true));
    assert!(!step.resume(), "it is not paused");
    assert!(step.run() && step.fail(StepStatus::UserFailed, "no".into(), (None, Timestamp(3))));
    assert!(step.start(Timestamp(4)));
    assert_eq!((step.attempt, step.history[0].status.as_str()), (2, "USER_FAILED"));
}
