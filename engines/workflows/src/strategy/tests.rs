use super::{Known, Plan, StopReason, plan};
use crate::definition::{Rule, RunStrategy};
use crate::status::InstanceStatus;

fn known(running: &[u64], queued: &[u64]) -> Vec<Known> {
    running.iter().map(|id| Known::running(*id)).chain(queued.iter().map(|id| Known::queued(*id))).collect()
}

#[test]
fn each_strategy_starts_stops_and_queues_its_own_way() {
    let newer = |id| StopReason::NewerCame { id };
    let runs = |id| StopReason::AnotherRuns { id };
    for (rule, running, queued, start, stop) in [
        (Rule::Sequential, vec![], vec![3, 2], vec![2], vec![]),
        (Rule::Sequential, vec![1], vec![2, 3], vec![], vec![]),
        (Rule::StrictSequential, vec![], vec![2, 3], vec![2], vec![]),
        (Rule::FirstOnly, vec![1], vec![2], vec![], vec![(2, runs(1))]),
        (Rule::FirstOnly, vec![], vec![2, 3], vec![2], vec![(3, runs(2))]),
        (Rule::LastOnly, vec![1], vec![2], vec![], vec![(1, newer(2))]),
        (Rule::LastOnly, vec![1], vec![2, 3], vec![], vec![(1, newer(3)), (2, newer(3))]),
        (Rule::LastOnly, vec![], vec![2], vec![2], vec![]),
        (Rule::SerialLatestOnly, vec![1], vec![2, 3], vec![], vec![(2, newer(3))]),
        (Rule::SerialLatestOnly, vec![], vec![2, 3], vec![3], vec![(2, newer(3))]),
        (Rule::Parallel, (1..20).collect(), vec![20, 21], vec![20], vec![]),
        (Rule::Parallel, vec![], vec![], vec![], vec![]),
    ] {
        let planned = plan(RunStrategy::of(rule), &known(&running, &queued));
        assert_eq!(planned, Plan { start, stop }, "{rule} with {running:?} running and {queued:?} queued");
    }
}

#[test]
fn a_failed_instance_holds_up_the_strict_queue_until_it_is_gone() {
    let strict = RunStrategy::of(Rule::StrictSequential);
    let failed = Known { id: 1, status: InstanceStatus::Failed, stopping: false };
    assert_eq!(plan(strict, &[failed, Known::queued(2)]), Plan::default());
    assert_eq!(plan(strict, &[Known::queued(2)]).start, [2]);
    assert_eq!(plan(RunStrategy::of(Rule::Sequential), &[failed, Known::queued(2)]).start, [2]);
}

#[test]
fn an_instance_that_is_stopping_is_waited_for_and_not_stopped_again() {
    let stopping = Known { stopping: true, ..Known::running(1) };
    let last = RunStrategy::of(Rule::LastOnly);
    assert_eq!(plan(last, &[stopping, Known::queued(2)]), Plan::default());
}

#[test]
fn zero_concurrency_pauses_the_workflow() {
    for rule in Rule::ALL {
        let paused = RunStrategy { rule: *rule, workflow_concurrency: 0 };
        assert_eq!(plan(paused, &known(&[], &[1, 2])), Plan::default(), "{rule}");
    }
}
