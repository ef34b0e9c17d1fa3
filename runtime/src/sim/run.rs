//! One run of a plan under a seed, and the search for a shorter plan that fails too.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::options::Options;
use super::plan::Timed;
use super::world::World;

/// The result of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The violated property, if any.
    pub failure: Option<String>,
    /// Hash of everything that was sent and answered and of every fault: the same for the same seed.
    pub hash: u64,
    /// Simulated microseconds.
    pub simulated: u64,
    /// Events handled.
    pub events: u64,
    /// Calls that were answered.
    pub answered: u64,
    /// Calls with an unknown outcome.
    pub unknown: u64,
    /// Terms with a leader, in all shards.
    pub elections: u64,
    /// Entries committed.
    pub entries: u64,
    /// Replicas that were replaced and have left their groups.
    pub moved: u64,
}

/// Runs a plan of faults under a seed.
#[must_use]
pub fn run(seed: u64, options: &Options, plan: &[Timed]) -> Outcome {
    let mut world = World::new(seed, options.clone(), plan.to_vec());
    // raft-rs panics on an inconsistent log; in a node this would end the replica's actor.
    let ran = catch_unwind(AssertUnwindSafe(|| world.run()));
    let failure = ran.unwrap_or_else(|why| Err(format!("a panic: {}", panic_text(&*why)))).err();
    Outcome {
        failure,
        hash: world.s.hash(),
        simulated: world.s.now,
        events: world.s.events,
        answered: world.clients.answered,
        unknown: world.clients.unknown,
        elections: world.s.watch.elections,
        entries: world.s.watch.entries,
        moved: world.s.watch.moved,
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
}

/// Removes faults from a plan while it still fails, in at most `runs` runs.
#[must_use]
pub fn shrink(seed: u64, options: &Options, plan: &[Timed], runs: u32) -> Vec<Timed> {
    let mut plan = plan.to_vec();
    let mut left = runs;
    let mut size = plan.len().div_ceil(2);
    while size > 0 {
        let mut at = 0;
        while at < plan.len() {
            if left == 0 {
                return plan;
            }
            left -= 1;
            let mut without = plan.clone();
            without.drain(at..(at + size).min(without.len()));
            if run(seed, options, &without).failure.is_some() {
                plan = without;
            } else {
                at += size;
            }
        }
        size /= 2;
    }
    plan
}
