use std::time::Duration;

use troupe_runtime::supervised::Restart;

use super::rules::{Child, Phase};
use super::{Ending, Plan, Verdict};
use crate::strategy::backoff::{ceiling, mix};
use crate::strategy::{Options, Strategy};

const PERMANENT: Restart = Restart::Permanent;
const TRANSIENT: Restart = Restart::Transient;
const TEMPORARY: Restart = Restart::Temporary;

fn options(strategy: Strategy) -> Options {
    Options { strategy, restarts_max: 3, period: Duration::from_secs(10), ..Options::default() }
}

/// A plan with all children running.
fn running(strategy: Strategy, children: &[Restart]) -> Plan {
    let mut plan = Plan::new(options(strategy), children.iter().copied(), 1);
    assert_eq!(start_all(&mut plan, Plan::FIRST, Duration::ZERO), (0..children.len()).collect::<Vec<_>>());
    plan
}

fn start_all(plan: &mut Plan, round: u64, now: Duration) -> Vec<usize> {
    let due = |plan: &mut Plan| plan.due(round).inspect(|child| plan.started(*child, now));
    std::iter::from_fn(|| due(plan)).collect()
}

/// The children that are stopped, and the children that are started after the pause.
fn stopped_and_started(plan: &mut Plan, verdict: Verdict) -> (Vec<usize>, Vec<usize>) {
    let Verdict::Restart { stop, round, .. } = verdict else { panic!("{verdict:?}") };
    (stop, start_all(plan, round, Duration::ZERO))
}

#[test]
fn the_kind_of_restart_decides_whether_an_ended_child_restarts() {
    for (restart, ending, back) in [
        (PERMANENT, Ending::Normal, true),
        (PERMANENT, Ending::Failed, true),
        (PERMANENT, Ending::NotStarted, true),
        (TRANSIENT, Ending::Normal, false),
        (TRANSIENT, Ending::Failed, true),
        (TRANSIENT, Ending::NotStarted, true),
        (TEMPORARY, Ending::Normal, false),
        (TEMPORARY, Ending::Failed, false),
        (TEMPORARY, Ending::NotStarted, false),
    ] {
        let verdict = running(Strategy::OneForOne, &[restart]).ended(0, ending, Duration::ZERO);
        assert_eq!(verdict != Verdict::Leave, back, "{restart:?} {ending:?}");
    }
}

#[test]
fn the_strategy_decides_which_children_are_stopped_and_started_in_which_order() {
    for (strategy, child, stop, start) in [
        (Strategy::OneForOne, 1, vec![], vec![1]),
        (Strategy::OneForAll, 1, vec![3, 2, 0], vec![0, 1, 2, 3]),
        (Strategy::RestForOne, 1, vec![3, 2], vec![1, 2, 3]),
        (Strategy::RestForOne, 3, vec![], vec![3]),
    ] {
        let mut plan = running(strategy, &[PERMANENT; 4]);
        let verdict = plan.ended(child, Ending::Failed, Duration::ZERO);
        assert_eq!(stopped_and_started(&mut plan, verdict), (stop, start), "{strategy:?} {child}");
    }
}

#[test]
fn a_temporary_sibling_is_stopped_with_the_group_and_does_not_restart() {
    let mut plan = running(Strategy::OneForAll, &[PERMANENT, TEMPORARY, PERMANENT]);
    for expected in [(vec![2, 1], vec![0, 2]), (vec![2], vec![0, 2])] {
        let verdict = plan.ended(0, Ending::Failed, Duration::ZERO);
        assert_eq!(stopped_and_started(&mut plan, verdict), expected);
    }
}

#[test]
fn a_finished_transient_sibling_restarts_with_its_group() {
    let mut plan = running(Strategy::RestForOne, &[PERMANENT, TRANSIENT, PERMANENT]);
    assert_eq!(plan.ended(1, Ending::Normal, Duration::ZERO), Verdict::Leave);
    let verdict = plan.ended(0, Ending::Failed, Duration::ZERO);
    assert_eq!(stopped_and_started(&mut plan, verdict), (vec![2], vec![0, 1, 2]));
}

#[test]
fn a_child_that_does_not_start_holds_back_those_that_depend_on_it() {
    for (strategy, at_once, later) in [
        (Strategy::OneForOne, vec![2, 3], vec![1]),
        (Strategy::OneForAll, vec![], vec![0, 1, 2, 3]),
        (Strategy::RestForOne, vec![], vec![1, 2, 3]),
    ] {
        let mut plan = Plan::new(options(strategy), [PERMANENT, PERMANENT, TEMPORARY, PERMANENT], 1);
        plan.started(0, Duration::ZERO);
        let Verdict::Restart { round, .. } = plan.ended(1, Ending::NotStarted, Duration::ZERO) else {
            panic!("{strategy:?}")
        };
        assert_eq!(start_all(&mut plan, Plan::FIRST, Duration::ZERO), at_once, "{strategy:?}");
        assert_eq!(start_all(&mut plan, round, Duration::ZERO), later, "{strategy:?}");
    }
}

#[test]
fn a_pause_replaced_by_a_later_failure_has_no_child_due() {
    let mut plan = running(Strategy::RestForOne, &[PERMANENT; 3]);
    let Verdict::Restart { round: first, .. } = plan.ended(2, Ending::Failed, Duration::ZERO) else {
        panic!()
    };
    let verdict = plan.ended(0, Ending::Failed, Duration::ZERO);
    assert_eq!(plan.due(first), None);
    assert_eq!(stopped_and_started(&mut plan, verdict), (vec![1], vec![0, 1, 2]));
}

#[test]
fn too_many_restarts_of_any_children_within_the_period_escalate_and_old_ones_do_not_count() {
    let mut plan = running(Strategy::OneForOne, &[PERMANENT; 4]);
    for child in 0..3 {
        let verdict = plan.ended(child, Ending::Failed, Duration::from_secs(1));
        assert!(matches!(verdict, Verdict::Restart { .. }), "{child}");
    }
    assert_eq!(plan.left(), 0);
    assert_eq!(plan.clone().ended(3, Ending::NotStarted, Duration::from_secs(11)), Verdict::Escalate);
    assert_ne!(plan.ended(3, Ending::NotStarted, Duration::from_secs(12)), Verdict::Escalate);
}

#[test]
fn pauses_grow_while_a_child_keeps_failing_and_start_over_after_a_healthy_run() {
    let mut plan = Plan::new(Options { restarts_max: 9, ..Options::default() }, [PERMANENT], 1);
    let mut at = Duration::ZERO;
    for (ran_s, ceiling_ms) in [(0, 20), (9, 40), (29, 80), (30, 20)] {
        plan.started(0, at);
        at += Duration::from_secs(ran_s);
        let Verdict::Restart { after, .. } = plan.ended(0, Ending::Failed, at) else { panic!("{ran_s}") };
        let ceiling = Duration::from_millis(ceiling_ms);
        assert!((ceiling / 2..=ceiling).contains(&after), "{ran_s}: {after:?}");
    }
}

/// A simulated supervisor without actors: executes the plan and checks its invariants independently.
struct World {
    plan: Plan,
    options: Options,
    restarts: Vec<Restart>,
    runs: Vec<bool>,
    starts: Vec<u32>,
    /// Rounds of the pauses that are not over.
    pauses: Vec<u64>,
    /// Times of the restarts.
    history: Vec<Duration>,
    now: Duration,
    dice: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let strategy = [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne][(seed % 3) as usize];
        let options = Options { restarts_max: 12, ..options(strategy) };
        let count = 1 + (seed / 3 % 6) as usize;
        let restarts: Vec<Restart> = (0..count as u64)
            .map(|i| [PERMANENT, TRANSIENT, TEMPORARY][(mix(seed ^ i) % 3) as usize])
            .collect();
        Self {
            plan: Plan::new(options, restarts.iter().copied(), seed),
            options,
            runs: vec![false; count],
            starts: vec![0; count],
            restarts,
            pauses: vec![Plan::FIRST],
            history: Vec::new(),
            now: Duration::ZERO,
            dice: seed,
        }
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.dice = mix(self.dice);
        self.dice % sides
    }

    /// Simulates one event; false if the supervisor gives up or no event is possible.
    fn step(&mut self) -> bool {
        self.now += Duration::from_millis(self.dice % 3_000);
        let running: Vec<usize> = (0..self.runs.len()).filter(|child| self.runs[*child]).collect();
        if !self.pauses.is_empty() && (running.is_empty() || self.roll(2) == 0) {
            let pick = self.roll(self.pauses.len() as u64) as usize;
            let round = self.pauses.swap_remove(pick);
            return self.fire(round);
        }
        if running.is_empty() {
            return false;
        }
        let child = running[self.roll(running.len() as u64) as usize];
        self.runs[child] = false;
        let ending = if self.roll(2) == 0 { Ending::Normal } else { Ending::Failed };
        self.end(child, ending)
    }

    fn fire(&mut self, round: u64) -> bool {
        let mut last = None;
        while let Some(child) = self.plan.due(round) {
            assert!(last.is_none_or(|last| last < child), "started out of order");
            last = Some(child);
            assert!(!self.runs[child], "{child} runs already");
            if self.roll(4) == 0 {
                if !self.end(child, Ending::NotStarted) {
                    return false;
                }
            } else {
                self.plan.started(child, self.now);
                self.runs[child] = true;
                self.starts[child] += 1;
            }
        }
        true
    }

    fn end(&mut self, child: usize, ending: Ending) -> bool {
        let verdict = self.plan.ended(child, ending, self.now);
        let kind = self.restarts[child];
        let again = kind == PERMANENT || (kind == TRANSIENT && ending != Ending::Normal);
        let within = |at: &&Duration| self.now - **at <= self.options.period;
        let recent = self.history.iter().filter(within).count();
        match verdict {
            Verdict::Leave => assert!(!again, "{child} ({kind:?}, {ending:?}) is forgotten"),
            Verdict::Escalate => {
                assert!(again && recent >= self.options.restarts_max as usize, "gives up after {recent}");
                return false;
            }
            Verdict::Restart { stop, round, after } => {
                assert!(again && recent < self.options.restarts_max as usize, "goes on after {recent}");
                assert!(after >= ceiling(&self.options, 1) / 2 && after <= self.options.backoff_max);
                assert!(stop.is_sorted_by(|a, b| a > b), "{stop:?} is not the reverse of the start");
                for other in stop {
                    assert!(std::mem::take(&mut self.runs[other]), "{other} is stopped but does not run");
                }
                self.history.push(self.now);
                self.pauses.push(round);
            }
        }
        true
    }

    fn check(&self) {
        let waits = |child: &Child| match child.phase {
            Phase::Waits { round } => Some(round),
            _ => None,
        };
        for (place, child) in self.plan.children.iter().enumerate() {
            assert_eq!(matches!(child.phase, Phase::Runs { .. }), self.runs[place], "{place}");
            assert!(child.restart != TEMPORARY || self.starts[place] <= 1, "{place} came back");
            if child.restart == PERMANENT {
                assert!(self.runs[place] || waits(child).is_some(), "{place} is lost");
            }
            let Some(round) = waits(child) else { continue };
            assert!(self.pauses.contains(&round), "{place} waits for a pause that is over");
            let dependents = match self.options.strategy {
                Strategy::OneForOne => continue,
                Strategy::OneForAll => &self.runs[..],
                Strategy::RestForOne => &self.runs[place..],
            };
            assert!(!dependents.contains(&true), "{place} waits, and others run without it");
        }
    }
}

#[test]
fn no_history_breaks_the_invariants_of_a_strategy() {
    let (mut gave_up, mut restarts) = (0, 0);
    for seed in 0..3_000 {
        let mut world = World::new(seed);
        let lived = (0..120).all(|_| {
            let goes_on = world.step();
            if goes_on {
                world.check();
            }
            goes_on
        });
        gave_up += u32::from(!lived);
        restarts += world.history.len();
    }
    assert!(
        gave_up > 100 && restarts > 10_000,
        "{gave_up} gave up, {restarts} restarts: the random choices are biased"
    );
}

#[test]
fn the_same_seed_and_history_give_the_same_verdicts() {
    let run = || {
        let mut plan = running(Strategy::RestForOne, &[PERMANENT; 3]);
        (0..3).map(|child| plan.ended(child, Ending::Failed, Duration::ZERO)).collect::<Vec<_>>()
    };
    assert_eq!(run(), run());
}
