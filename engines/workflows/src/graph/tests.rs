use super::{Graph, Next, RestartFrom, StepState, next, restart, settle};
use crate::definition::{FailureMode, Step, StepKind, StepType};
use crate::status::{InstanceStatus, StepStatus};

/// Steps `a`, `b` ... with their edges, as `a>bc b>d`.
fn graph(edges: &str, modes: &[(&str, FailureMode)]) -> Graph {
    let steps: Vec<Step> = edges
        .split_whitespace()
        .map(|step| {
            let (id, to) = step.split_once('>').unwrap_or((step, ""));
            let mut step = Step::new(id, StepKind::Typed { step_type: StepType::NoOp, sub_type: None });
            step.transition.successors = to.chars().map(|id| (id.to_string(), "true".to_owned())).collect();
            step.failure_mode = modes.iter().find(|(known, _)| *known == id).map(|(_, mode)| *mode);
            step
        })
        .collect();
    Graph::of(&steps).unwrap()
}

/// States in the order of the steps: a letter for the status, then a digit for each edge.
fn states(all: &str) -> Vec<StepState> {
    let state = |text: &str| {
        let status = match &text[..1] {
            "-" => S::NotCreated,
            "R" => S::Running,
            "S" => S::Succeeded,
            "K" => S::Skipped,
            "E" => S::CompletedWithError,
            "U" => S::UserFailed,
            "F" => S::FatallyFailed,
            "I" => S::InternallyFailed,
            "T" => S::TimedOut,
            "N" => S::Unsatisfied,
            _ => S::Stopped,
        };
        StepState { status, edges_taken: text[1..].chars().map(|way| way == '1').collect() }
    };
    all.split_whitespace().map(state).collect()
}

use InstanceStatus as I;
use StepStatus as S;

#[test]
fn what_follows_from_the_states() {
    let (none, all) = (None, Some(I::Succeeded));
    for (name, edges, before, ready, unsatisfied, outcome) in [
        ("roots start", "a>c b>c c", "- - -", vec![0, 1], vec![], none),
        ("a step waits for all before it", "a>c b>c c", "S1 R -", vec![], vec![], none),
        ("one way that is taken is enough", "a>c b>c c", "S1 S0 -", vec![2], vec![], none),
        ("no edge taken: unsatisfied, as are its successors", "a>b b>c c", "S0 - -", vec![], vec![1, 2], all),
        ("an unsatisfied step holds nothing up", "a>bd b>c c>d d", "S01 - - -", vec![3], vec![1, 2], none),
        ("a skipped step leads everywhere", "a>b b", "K -", vec![1], vec![], none),
        ("what waits for its retry is not over", "a>b b", "U -", vec![], vec![], none),
        ("a failed step's successors never start", "a>b b c>d d", "F - S1 -", vec![3], vec![], none),
        ("failed when all else is over", "a>b b c>d d", "F - S1 S", vec![], vec![], Some(I::Failed)),
        ("failed is the worst", "a b c", "X T I", vec![], vec![], Some(I::Failed)),
        ("timed out is worse than stopped", "a b", "X T", vec![], vec![], Some(I::TimedOut)),
        ("an ignored failure goes on", "a>b b", "E1 -", vec![1], vec![], none),
        ("all over", "a>b b", "S1 S", vec![], vec![], all),
    ] {
        let next = next(&graph(edges, &[]), &states(before));
        assert_eq!(next, Next { ready, unsatisfied, stop: vec![], outcome }, "{name}");
    }
}

#[test]
fn an_immediate_failure_stops_running_steps_and_starts_no_other() {
    let graph = graph("a b c>d d", &[("a", FailureMode::FailImmediately)]);
    let followed = next(&graph, &states("F R S1 -"));
    assert_eq!((followed.ready, followed.stop, followed.outcome), (vec![], vec![1], None));
    assert_eq!(next(&graph, &states("F X S1 -")).outcome, Some(I::Failed));
}

#[test]
fn attempts_settle_by_kind_and_mode() {
    use FailureMode::{FailAfterRunning as F, IgnoreFailure as G};
    for (status, again, mode, expected) in [
        (S::UserFailed, true, F, S::UserFailed),
        (S::UserFailed, false, F, S::FatallyFailed),
        (S::PlatformFailed, false, G, S::CompletedWithError),
        (S::TimeoutFailed, false, F, S::TimedOut),
        (S::TimeoutFailed, false, G, S::CompletedWithError),
        (S::InternallyFailed, false, G, S::InternallyFailed),
        (S::Stopped, false, G, S::Stopped),
        (S::Succeeded, false, F, S::Succeeded),
    ] {
        assert_eq!(settle(status, again, mode), expected, "{status}");
    }
}

#[test]
fn a_restart_keeps_what_is_complete() {
    let graph = graph("a>b b>c c d>e e", &[]);
    let ended = states("S1 F - S0 N");
    let statuses = |from| restart(&graph, &ended, from).iter().map(|state| state.status).collect::<Vec<_>>();
    let new = S::NotCreated;
    assert_eq!(statuses(RestartFrom::Beginning), [new; 5]);
    assert_eq!(statuses(RestartFrom::Incomplete), [S::Succeeded, new, new, S::Succeeded, S::Unsatisfied]);
    assert_eq!(statuses(RestartFrom::Specific(3)), [S::Succeeded, new, new, new, new]);
}

/// Random graphs and outcomes: the run always ends, and each step ends once.
#[test]
fn following_the_answers_always_ends() {
    use rand::{Rng, SeedableRng};
    for seed in 0..400 {
        let mut rng = rand::rngs::SmallRng::seed_from_u64(seed);
        let count = rng.random_range(1..12_usize);
        let steps: Vec<Step> = (0..count)
            .map(|index| {
                let kind = StepKind::Typed { step_type: StepType::NoOp, sub_type: None };
                let mut step = Step::new(format!("s{index}"), kind);
                let later = (index + 1..count).filter(|_| rng.random_bool(0.3)).collect::<Vec<_>>();
                step.transition.successors =
                    later.into_iter().map(|to| (format!("s{to}"), "true".to_owned())).collect();
                let modes = FailureMode::ALL;
                step.failure_mode = Some(modes[rng.random_range(0..modes.len())]);
                step
            })
            .collect();
        let graph = Graph::of(&steps).unwrap();
        let mut states = vec![StepState::new(); count];
        let mut outcome = None;
        for _ in 0..count + 2 {
            let next = next(&graph, &states);
            outcome = next.outcome;
            next.unsatisfied.iter().for_each(|index| states[*index].status = S::Unsatisfied);
            next.stop.iter().for_each(|index| states[*index].status = S::Stopped);
            if outcome.is_some() {
                break;
            }
            for index in next.ready {
                assert_eq!(states[index].status, S::NotCreated);
                let ended = [S::Succeeded, S::UserFailed, S::Skipped, S::Stopped][rng.random_range(0..4)];
                states[index].status = settle(ended, false, graph.mode(index));
                states[index].edges_taken =
                    graph.successors(index).iter().map(|_| rng.random_bool(0.6)).collect();
            }
        }
        assert!(outcome.is_some_and(InstanceStatus::is_terminal), "seed {seed}: {states:?}");
    }
}
