//! Two arms that do not differ, looked at after every member: who keeps its word.

#![cfg(test)]

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use troupe_judges::analysis::{
    CountProcess, Joint, Metric, Msprt, Shape, Side, effect, sequential, srm_p, t_test,
};

const RUNS: u64 = 2_000;
const MEMBERS: u64 = 1_000;
const ALPHA: f64 = 0.05;
/// Members before the first look: the sequence holds in the limit of many.
const FIRST_LOOK: u64 = 50;

/// A skewed number with mean 1, as counts of plays have it.
fn drawn(random: &mut SmallRng) -> f64 {
    -(1.0 - random.random::<f64>()).ln()
}

#[derive(Default)]
struct Rejected {
    fixed: u64,
    sequential: u64,
    msprt: u64,
    imbalance: u64,
    imbalance_fixed: u64,
}

fn run(seed: u64, lift: f64) -> Rejected {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut arms = [Joint::default(), Joint::default()];
    let mut msprt = Msprt::new(0.01).unwrap();
    let mut shares = CountProcess::new(&[0.5, 0.5], 100.0).unwrap();
    let metric = Metric { shape: Shape::Mean, cuped: false, relative: false };
    let mut rejected = Rejected::default();
    for member in 0..MEMBERS {
        let at = usize::from(random.random::<bool>());
        let value = drawn(&mut random) + if at == 1 { lift } else { 0.0 };
        arms[at].fold([value, 0.0, 0.0, 0.0]);
        let sizes = [arms[0].n, arms[1].n];
        rejected.imbalance |= u64::from(shares.look(&sizes) <= ALPHA);
        rejected.imbalance_fixed |= u64::from(srm_p(&sizes, &[1.0, 1.0]).unwrap() <= ALPHA);
        if member < FIRST_LOOK {
            continue;
        }
        let seen = effect(&arms[0], &arms[1], metric).unwrap();
        rejected.fixed |= u64::from(t_test(&seen, Side::Both, ALPHA).unwrap().p <= ALPHA);
        // Tuned for the size of these runs, where it has the most to say and so the most to lose.
        let test = sequential(&seen, Side::Both, ALPHA, MEMBERS as f64).unwrap();
        rejected.sequential |= u64::from(test.p <= ALPHA);
        let pairs = (member + 1) as f64 / 2.0;
        rejected.msprt |= u64::from(msprt.look(pairs, seen.difference, seen.variance * pairs) <= ALPHA);
    }
    rejected
}

fn shares(lift: f64, runs: u64) -> [f64; 5] {
    let mut sums = [0; 5];
    for seed in 0..runs {
        let Rejected { fixed, sequential, msprt, imbalance, imbalance_fixed } = run(seed, lift);
        let found = [fixed, sequential, msprt, imbalance, imbalance_fixed];
        sums.iter_mut().zip(found).for_each(|(sum, found)| *sum += found);
    }
    sums.map(|sum| sum as f64 / runs as f64)
}

#[test]
fn looking_after_every_member_deceives_a_fixed_test_and_no_sequential_one() {
    let [fixed, sequential, msprt, imbalance, imbalance_fixed] = shares(0.0, RUNS);
    println!(
        "fixed {fixed}, sequential {sequential}, msprt {msprt}, srm {imbalance}, fixed srm {imbalance_fixed}"
    );
    assert!(sequential <= ALPHA, "{sequential}");
    assert!(msprt <= ALPHA, "{msprt}");
    assert!(imbalance <= ALPHA, "{imbalance}");
    assert!(fixed > 4.0 * ALPHA && imbalance_fixed > 4.0 * ALPHA, "{fixed} {imbalance_fixed}");
}

#[test]
fn a_sequential_test_sees_what_is_there() {
    let [_, sequential, msprt, ..] = shares(0.5, 200);
    assert!(sequential > 0.95 && msprt > 0.95, "{sequential} {msprt}");
}
