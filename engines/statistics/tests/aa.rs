//! A/A tests with a look after every member: the false alarm rate of each test.

#![cfg(test)]

#[path = "random/gauss.rs"]
mod gauss;

use gauss::gauss;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use troupe_statistics::analysis::{
    Contrast, CountProcess, Joint, Metric, Msprt, SAMPLES_TUNED_FOR, Shape, Side, effect, sequential, srm_p,
    t_test,
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

/// A member's visits and outcomes.
type Visits = fn(&mut SmallRng) -> [f64; 2];

/// Few visits of most members and hundreds of some; each has a rate of its own.
fn of_own_rate(random: &mut SmallRng) -> [f64; 2] {
    let visits = (1.5 * gauss(random)).exp().ceil();
    [visits * gauss(random).exp(), visits]
}

/// Members with more visits have more outcomes per visit.
fn of_the_busy(random: &mut SmallRng) -> [f64; 2] {
    let visits = (1.5 * gauss(random)).exp().ceil();
    [visits.powf(1.5), visits]
}

/// One visit in fifty leads to a click.
fn of_rare_clicks(random: &mut SmallRng) -> [f64; 2] {
    let visits = drawn(random).mul_add(4.0, 1.0).floor();
    [(0..visits as u32).filter(|_| random.random::<f64>() < 0.02).count() as f64, visits]
}

/// Most members have no visit at all.
fn of_few(random: &mut SmallRng) -> [f64; 2] {
    if random.random::<f64>() < 0.8 { [0.0, 0.0] } else { of_own_rate(random) }
}

/// How often looks after every member from the 50th of each arm on call a difference of ratios: with the sequence, and
/// with a test for one look.
fn ratios_called(draw: Visits, share: f64, members: u64, runs: u64) -> [f64; 2] {
    let mut called = [0_u64; 2];
    for seed in 0..runs {
        let mut random = SmallRng::seed_from_u64(seed);
        let mut arms = [Joint::default(), Joint::default()];
        let mut found = [false; 2];
        for _ in 0..members {
            let at = usize::from(random.random::<f64>() >= share);
            let [plays, visits] = draw(&mut random);
            arms[at].fold([plays, visits, 0.0, 0.0]);
            if arms[0].n.min(arms[1].n) < FIRST_LOOK {
                continue;
            }
            let Ok(contrast) = Contrast::of(&arms[0], &arms[1], Shape::Ratio, false, true) else { continue };
            let seen = contrast.beyond(0.0);
            found[0] |= sequential(&seen, Side::Both, ALPHA, SAMPLES_TUNED_FOR).unwrap().p <= ALPHA;
            // It is slow, and shown for arms of one size.
            found[1] |= share == 0.5 && t_test(&seen, Side::Both, ALPHA).unwrap().p <= ALPHA;
        }
        called.iter_mut().zip(found).for_each(|(called, found)| *called += u64::from(found));
    }
    called.map(|called| called as f64 / runs as f64)
}

#[test]
fn looks_at_ratios_after_every_member_keep_their_word_for_arms_of_any_size() {
    let draws: [(&str, Visits); 4] =
        [("own rate", of_own_rate), ("busy", of_the_busy), ("rare", of_rare_clicks), ("few", of_few)];
    for (name, draw) in draws {
        for (share, members) in [(0.5, 1_000), (0.05, 2_500), (0.95, 2_500)] {
            let [sequential, fixed] = ratios_called(draw, share, members, 400);
            println!("ratio, {name}, {share}: sequential {sequential}, fixed {fixed}");
            assert!(sequential <= ALPHA, "{name} {share}: {sequential}");
            assert!(share != 0.5 || fixed > 2.0 * ALPHA, "{name}: {fixed}");
        }
    }
}
