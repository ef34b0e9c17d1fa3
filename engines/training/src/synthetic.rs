//! Synthetic interactions from a seed, for use without real data: Zipf popularity, and members with a preference for a few
//! genres.

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};

use crate::data::Interaction;

/// The size of a synthetic dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyntheticSpec {
    /// Members.
    pub members: u32,
    /// Contents.
    pub contents: u32,
    /// Genres; content `c` has the genre `c % genres`.
    pub genres: u32,
    /// Interactions.
    pub events: u32,
}

impl Default for SyntheticSpec {
    fn default() -> Self {
        Self { members: 600, contents: 800, genres: 12, events: 40_000 }
    }
}

/// Generates interactions in order of time, one per minute.
#[must_use]
pub fn synthetic(seed: u64, spec: SyntheticSpec) -> Vec<Interaction> {
    let mut rng = SmallRng::seed_from_u64(seed);
    let weights: Vec<f64> = (0..spec.contents).map(|rank| 1.0 / f64::from(rank + 5)).collect();
    let mut cumulative: Vec<f64> = Vec::with_capacity(weights.len());
    let mut total = 0.0;
    for weight in weights {
        total += weight;
        cumulative.push(total);
    }
    let tastes: Vec<[u32; 2]> = (0..spec.members)
        .map(|_| [rng.random_range(0..spec.genres), rng.random_range(0..spec.genres)])
        .collect();
    let mut seen = std::collections::HashSet::new();
    let mut out = Vec::with_capacity(spec.events as usize);
    let tries_max = u64::from(spec.events) * 200;
    let mut tries = 0;
    while out.len() < spec.events as usize && tries < tries_max {
        tries += 1;
        let member = rng.random_range(0..spec.members);
        let drawn = rng.random::<f64>() * total;
        let content =
            u32::try_from(cumulative.partition_point(|sum| *sum < drawn)).unwrap_or(0).min(spec.contents - 1);
        let liked = tastes[member as usize].contains(&(content % spec.genres));
        // Contents outside the member's genres are mostly skipped.
        if (!liked && rng.random::<f32>() > 0.12) || !seen.insert((member, content)) {
            continue;
        }
        out.push(Interaction {
            member: (member + 1).to_string(),
            content: (content + 1).to_string(),
            value: if liked { 4.0 } else { 3.0 },
            at_ms: 881_250_949_000 + out.len() as u64 * 60_000,
        });
    }
    out
}
