//! The fuzzers' properties on a stable toolchain: their corpus, and seeded changes of it.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::{Path, PathBuf};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use troupe_runtime::fuzzing::{TARGETS, Target};

/// Inputs tried of each target.
const INPUTS: u64 = 200_000;

fn corpus(target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target.name)
}

fn stored(target: &Target) -> Vec<Vec<u8>> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(corpus(target)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// Turns bits over, cuts, repeats, splices two, and writes lengths where none belong.
fn change(input: &mut Vec<u8>, other: &[u8], dice: &mut StdRng) {
    for _ in 0..dice.random_range(1..4) {
        let at = dice.random_range(0..=input.len());
        match dice.random_range(0..6) {
            0 if at < input.len() => input[at] ^= 1 << dice.random_range(0..8),
            1 => input.truncate(at),
            2 => input.splice(at..at, other.iter().copied().take(dice.random_range(0..32))).for_each(drop),
            3 if at < input.len() => input[at] = *[0, 1, 250, 251, 252, 253, 254, 255].choose(dice).unwrap(),
            4 => input.splice(at..at, [253, 255, 255, 255, 255, 255, 255, 255, 127]).for_each(drop),
            _ => input.extend_from_slice(&other[other.len().min(at)..]),
        }
    }
}

#[test]
fn what_must_hold_for_any_bytes_holds_for_the_corpus_and_for_many_like_it() {
    for target in &TARGETS {
        let seeds = [stored(target), (target.seeds)()].concat();
        seeds.iter().for_each(|seed| (target.check)(seed));
        for seed in 0..INPUTS {
            let mut dice = StdRng::seed_from_u64(seed);
            let mut input = seeds.choose(&mut dice).unwrap().clone();
            let other = seeds.choose(&mut dice).unwrap();
            change(&mut input, other, &mut dice);
            let held = std::panic::catch_unwind(|| (target.check)(&input));
            assert!(held.is_ok(), "{}, seed {seed}: {input:?}", target.name);
        }
    }
}

#[test]
#[ignore = "writes the corpus that cargo fuzz begins with: run it when seeds change"]
fn the_corpus_is_written() {
    for target in &TARGETS {
        std::fs::create_dir_all(corpus(target)).unwrap();
        for (at, seed) in (target.seeds)().iter().enumerate() {
            std::fs::write(corpus(target).join(format!("seed-{at}")), seed).unwrap();
        }
    }
}
