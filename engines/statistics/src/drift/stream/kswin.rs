//! KSWIN: a two-sample Kolmogorov-Smirnov test between the youngest of a window and a draw from the rest.
//!
//! Source: Raab, Heusinger and Schleif, "Reactive soft prototype computing for concept drift streams" (2020), as
//! river's `KSWIN` runs it: with scipy's exact p-value, a statistic above 0.1, and draws by Python's generator. The
//! seed is a fixed option, because two copies of a detector on the same stream must give the same signals.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::mersenne::Mersenne;
use super::{Detector, Signal};
use crate::drift::batch::ks_equal_sizes;
use crate::drift::error::{DriftError, ensure};

/// How a [`Kswin`] decides.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KswinOptions {
    /// The p-value up to which it is a drift, in `0..1`.
    pub alpha: f64,
    /// Observations in the window.
    pub window_size: u32,
    /// Observations in each sample; at most half of the window.
    pub stat_size: u32,
    /// What the draws are made from.
    pub seed: u64,
}

impl Default for KswinOptions {
    fn default() -> Self {
        Self { alpha: 0.005, window_size: 100, stat_size: 30, seed: 0 }
    }
}

/// A window, and the generator of its draws.
///
/// The window is kept sorted between observations, so no sample is sorted: one walk visits both samples in order. No p-value
/// is computed per observation: it falls with the distance, so a threshold on the distance is equivalent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Kswin {
    options: KswinOptions,
    /// By their places in turn; the oldest is at `oldest`.
    window: Vec<f64>,
    oldest: usize,
    /// The places by the size of their values.
    sorted: Vec<u32>,
    random: Mersenne,
    drifted: bool,
    /// The least distance that is a drift, in steps of one observation.
    least: u32,
}

/// What is kept of it: the window oldest first.
#[derive(Clone, Serialize, Deserialize)]
struct Stored {
    options: KswinOptions,
    window: VecDeque<f64>,
    random: Mersenne,
    drifted: bool,
}

impl TryFrom<Stored> for Kswin {
    type Error = DriftError;

    fn try_from(stored: Stored) -> Result<Self, DriftError> {
        let mut kswin = Self::new(stored.options)?;
        let most = kswin.size();
        stored.window.into_iter().take(most).for_each(|x| kswin.fold(x));
        (kswin.random, kswin.drifted) = (stored.random, stored.drifted);
        Ok(kswin)
    }
}

impl From<Kswin> for Stored {
    fn from(kswin: Kswin) -> Self {
        let (young, old) = kswin.window.split_at(kswin.oldest);
        let window = old.iter().chain(young).copied().collect();
        Self { options: kswin.options, window, random: kswin.random, drifted: kswin.drifted }
    }
}

impl Kswin {
    /// An empty window.
    ///
    /// # Errors
    ///
    /// [`DriftError::Value`] if `alpha` is outside `0..1`, or the window is too small for two samples.
    pub fn new(options: KswinOptions) -> Result<Self, DriftError> {
        let KswinOptions { alpha, window_size, stat_size, seed } = options;
        ensure(alpha > 0.0 && alpha < 1.0, "alpha", alpha, "give a probability between 0 and 1")?;
        ensure((1..=5000).contains(&stat_size), "stat_size", f64::from(stat_size), "give 1 to 5000")?;
        let fits = window_size >= 2 * stat_size && window_size <= 1 << 20;
        ensure(fits, "window_size", f64::from(window_size), "give twice stat_size to 2^20")?;
        let drift = |steps: u32| {
            let test = ks_equal_sizes(stat_size, steps);
            test.p_value <= alpha && test.statistic > 0.1
        };
        let (mut least, mut beyond) = (0, stat_size + 1);
        while least < beyond {
            let middle = u32::midpoint(least, beyond);
            if drift(middle) { beyond = middle } else { least = middle + 1 }
        }
        Ok(Self {
            options,
            window: Vec::new(),
            oldest: 0,
            sorted: Vec::new(),
            random: Mersenne::new(seed),
            drifted: false,
            least,
        })
    }

    fn size(&self) -> usize {
        self.options.window_size as usize
    }

    /// Takes a value into the window; in a full one the oldest makes room.
    fn fold(&mut self, x: f64) {
        let (window, sorted) = (&mut self.window, &mut self.sorted);
        let place = if window.len() < self.options.window_size as usize {
            window.push(x);
            window.len() - 1
        } else {
            let place = self.oldest;
            let gone = window[place];
            let from = sorted.partition_point(|at| window[*at as usize].total_cmp(&gone).is_lt());
            let at = sorted[from..].iter().position(|at| *at as usize == place);
            at.map(|at| sorted.remove(from + at));
            window[place] = x;
            self.oldest = (place + 1) % window.len();
            place
        };
        let at = sorted.partition_point(|at| window[*at as usize].total_cmp(&x).is_le());
        sorted.insert(at, place as u32);
    }

    fn differs(&mut self) -> bool {
        let size = self.size();
        let rest = self.options.window_size - self.options.stat_size;
        let place = |age: u32| {
            let place = self.oldest + age as usize;
            if place < size { place } else { place - size }
        };
        // How a value of the window moves the distance between both samples.
        let mut steps = vec![0_i32; size];
        self.random.sample(rest, self.options.stat_size, |age| steps[place(age)] = 1);
        (rest..self.options.window_size).for_each(|age| steps[place(age)] = -1);
        let (mut apart, mut most) = (0_i32, 0_u32);
        let mut walk =
            self.sorted.iter().map(|at| (self.window[*at as usize], steps[*at as usize])).peekable();
        while let Some((value, step)) = walk.next() {
            apart += step;
            // Equal values are passed together.
            if walk.peek().is_none_or(|(next, _)| *next != value) {
                most = most.max(apart.unsigned_abs());
            }
        }
        most >= self.least
    }
}

impl Detector for Kswin {
    fn observe(&mut self, x: f64) -> Signal {
        if !x.is_finite() {
            return Signal::Steady;
        }
        if self.drifted {
            self.window.clear();
            self.sorted.clear();
            self.oldest = 0;
            self.random = Mersenne::new(self.options.seed);
            self.drifted = false;
        }
        self.fold(x);
        if self.window.len() < self.size() {
            return Signal::Steady;
        }
        self.drifted = self.differs();
        if self.drifted { Signal::Drift } else { Signal::Steady }
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::SmallRng;
    use rand::{Rng, SeedableRng};

    use super::*;
    use crate::drift::batch::{KsMethod, ks_two_sample};

    /// As river's own code reads: a draw from the rest, two sorted samples, a p-value each time.
    fn plainly(kswin: &mut Kswin, window: &VecDeque<f64>) -> bool {
        let KswinOptions { alpha, window_size, stat_size, .. } = kswin.options;
        let rest = (window_size - stat_size) as usize;
        let mut past = Vec::new();
        kswin.random.sample(rest as u32, stat_size, |at| past.push(window[at as usize]));
        let recent: Vec<f64> = window.iter().skip(rest).copied().collect();
        let test = ks_two_sample(&past, &recent, KsMethod::Auto).unwrap();
        test.p_value <= alpha && test.statistic > 0.1
    }

    #[test]
    fn the_walk_over_the_sorted_window_says_what_two_sorted_samples_say() {
        for seed in 0..40_u64 {
            let mut random = SmallRng::seed_from_u64(seed);
            let stat_size = random.random_range(1..40);
            let window_size = 2 * stat_size + random.random_range(0..60);
            let alpha = [0.005, 0.05, 0.3, 0.999][seed as usize % 4];
            let options = KswinOptions { alpha, window_size, stat_size, seed };
            let (mut quick, mut plain) = (Kswin::new(options).unwrap(), Kswin::new(options).unwrap());
            let mut window = VecDeque::new();
            let steps = [2.0, 10.0, 1e12][seed as usize % 3];
            for at in 0..600 {
                let shift = if at % 200 > 100 { 0.3 } else { 0.0 };
                let x = ((random.random::<f64>() + shift) * steps).round() / steps;
                if window.len() == window_size as usize {
                    window.pop_front();
                }
                window.push_back(x);
                let expected = window.len() == window_size as usize && plainly(&mut plain, &window);
                assert_eq!(quick.observe(x) == Signal::Drift, expected, "seed {seed} at {at}");
                if expected {
                    window.clear();
                    plain.random = Mersenne::new(seed);
                }
                if at % 50 == 7 {
                    let text = serde_json::to_string(&quick).unwrap();
                    assert!(text.contains("\"window\":[") && !text.contains("sorted"), "{text}");
                    let read: Kswin = serde_json::from_str(&text).unwrap();
                    assert_eq!(Stored::from(read.clone()).window, Stored::from(quick).window);
                    quick = read;
                }
            }
        }
    }
}
