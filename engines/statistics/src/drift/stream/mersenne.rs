//! The generator of Python's `random.Random`, as far as `sample` needs it.
//!
//! KSWIN draws from its window at random. River draws with `random.Random(seed)`, so the same draws need the same
//! generator: MT19937 (Matsumoto and Nishimura, 1998) seeded by `init_by_array` with the 32-bit words of the seed,
//! and CPython's `getrandbits`, `_randbelow` and `sample` on top.

use serde::{Deserialize, Serialize};

const WORDS: usize = 624;
const MIDDLE: usize = 397;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Mersenne {
    state: Vec<u32>,
    next: usize,
}

impl Mersenne {
    /// As `random.Random(seed)` begins.
    pub(super) fn new(seed: u64) -> Self {
        let words = [seed as u32, (seed >> 32) as u32];
        let key = if words[1] == 0 { &words[..1] } else { &words[..] };
        let mut state = vec![0u32; WORDS];
        state[0] = 19_650_218;
        for i in 1..WORDS {
            state[i] = mixed(1_812_433_253, &state, i).wrapping_add(i as u32);
        }
        let (mut i, mut j) = (1, 0);
        for _ in 0..WORDS {
            state[i] = (state[i] ^ mixed(1_664_525, &state, i)).wrapping_add(key[j]).wrapping_add(j as u32);
            i = forward(i, &mut state);
            j = (j + 1) % key.len();
        }
        for _ in 1..WORDS {
            state[i] = (state[i] ^ mixed(1_566_083_941, &state, i)).wrapping_sub(i as u32);
            i = forward(i, &mut state);
        }
        state[0] = 0x8000_0000;
        Self { state, next: WORDS }
    }

    fn word(&mut self) -> u32 {
        if self.next >= WORDS {
            let state = &mut self.state[..WORDS];
            let next = |high: u32, low: u32, middle: u32| {
                let y = (high & 0x8000_0000) | (low & 0x7fff_ffff);
                middle ^ (y >> 1) ^ (0x9908_b0df * (y & 1))
            };
            for i in 0..WORDS - MIDDLE {
                state[i] = next(state[i], state[i + 1], state[i + MIDDLE]);
            }
            for i in WORDS - MIDDLE..WORDS - 1 {
                state[i] = next(state[i], state[i + 1], state[i + MIDDLE - WORDS]);
            }
            state[WORDS - 1] = next(state[WORDS - 1], state[0], state[MIDDLE - 1]);
            self.next = 0;
        }
        let mut y = self.state[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    /// A number below `n`, which is at least 1: bits are drawn until they are below.
    fn below(&mut self, n: u32) -> u32 {
        let bits = n.ilog2() + 1;
        loop {
            let drawn = self.word() >> (32 - bits);
            if drawn < n {
                return drawn;
            }
        }
    }

    /// Draws `k` of the numbers below `n` without repetition, in the order of `random.sample(range(n), k)`; `k` is at
    /// most `n`.
    pub(super) fn sample(&mut self, n: u32, k: u32, mut draw: impl FnMut(u32)) {
        if n <= set_size(k) {
            let mut pool: Vec<u32> = (0..n).collect();
            for i in 0..k {
                let j = self.below(n - i) as usize;
                draw(pool[j]);
                pool[j] = pool[(n - i - 1) as usize];
            }
        } else {
            let mut seen = std::collections::BTreeSet::new();
            while seen.len() < k as usize {
                let j = self.below(n);
                if seen.insert(j) {
                    draw(j);
                }
            }
        }
    }
}

/// The size above which CPython remembers what it has drawn instead of keeping a pool of the rest.
fn set_size(k: u32) -> u32 {
    if k <= 5 {
        return 21;
    }
    let exponent = (f64::from(k * 3).ln() / 4f64.ln()).ceil() as i32;
    f64::powi(4.0, exponent).min(f64::from(u32::MAX - 21)) as u32 + 21
}

fn mixed(factor: u32, state: &[u32], i: usize) -> u32 {
    (state[i - 1] ^ (state[i - 1] >> 30)).wrapping_mul(factor)
}

/// The next index of the seeding rounds, which carry the last word over to the first.
fn forward(i: usize, state: &mut [u32]) -> usize {
    if i + 1 < WORDS {
        return i + 1;
    }
    state[0] = state[WORDS - 1];
    1
}

#[cfg(test)]
mod tests {
    use super::Mersenne;

    fn sample(random: &mut Mersenne, n: u32, k: u32) -> Vec<u32> {
        let mut drawn = Vec::new();
        random.sample(n, k, |j| drawn.push(j));
        drawn
    }

    #[test]
    fn words_and_samples_are_those_of_cpython() {
        let mut of_42 = Mersenne::new(42);
        assert_eq!([of_42.word(), of_42.word()], [2_746_317_213, 478_163_327]);
        assert_eq!(sample(&mut Mersenne::new(42), 70, 5), [14, 3, 35, 31, 28]);
        let mut of_two_words = Mersenne::new((1 << 40) + 7);
        assert_eq!(of_two_words.word(), 2_635_837_658);
        assert_eq!(sample(&mut of_two_words, 1000, 7), [765, 834, 960, 967, 654, 584, 722]);
    }
}
