//! iALS: alternating least squares on implicit feedback. Every interaction has the target one, every pair the weight
//! `alpha` towards zero; the regulariser grows with how often a row or column occurs (Rendle et al. 2021, "Revisiting the
//! Performance of iALS", with exponent one).

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use rayon::prelude::*;

use crate::data::Dataset;
use crate::recommender::Recommender;
use crate::train::TrainError;

/// The hyperparameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IalsParameters {
    /// Length of an embedding.
    pub dimensions: usize,
    /// Weight of the pairs without an interaction.
    pub alpha: f32,
    /// Regulariser.
    pub regularisation: f32,
    /// Passes over members and contents.
    pub iterations: usize,
}

impl Default for IalsParameters {
    fn default() -> Self {
        Self { dimensions: 128, alpha: 0.3, regularisation: 0.01, iterations: 10 }
    }
}

/// Embeddings of contents, row by row. A member's embedding is computed on demand.
#[derive(Debug, Clone, PartialEq)]
pub struct Ials {
    pub(crate) parameters: IalsParameters,
    pub(crate) items: usize,
    pub(crate) embeddings: Vec<f32>,
    pub(crate) gram: Vec<f32>,
}

impl Ials {
    /// Trains by alternating least squares.
    ///
    /// # Errors
    /// Parameters out of range.
    pub fn train(data: &Dataset, parameters: IalsParameters, seed: u64) -> Result<Self, TrainError> {
        let d = parameters.dimensions;
        if d == 0 || d > 1_024 {
            return Err(TrainError::Parameter("dimensions", "must be 1 to 1024"));
        }
        if !(parameters.alpha > 0.0 && parameters.regularisation > 0.0) {
            return Err(TrainError::Parameter("alpha", "and the regularisation must be positive"));
        }
        let by_member = data.histories();
        let mut by_content = vec![Vec::new(); data.contents.len()];
        for (member, history) in by_member.iter().enumerate() {
            for content in history {
                by_content[*content as usize].push(u32::try_from(member).unwrap_or(u32::MAX));
            }
        }
        let mut rng = SmallRng::seed_from_u64(seed);
        #[allow(clippy::cast_precision_loss, reason = "a few hundred dimensions")]
        let scale = 0.1 / (d as f32).sqrt();
        let mut contents: Vec<f32> =
            (0..by_content.len() * d).map(|_| (rng.random::<f32>() - 0.5) * 2.0 * 1.732 * scale).collect();
        for _ in 0..parameters.iterations {
            let gram = gram_of(&contents, d);
            let members = solve_all(&by_member, &contents, &gram, &parameters);
            let gram = gram_of(&members, d);
            contents = solve_all(&by_content, &members, &gram, &parameters);
        }
        let gram = gram_of(&contents, d);
        Ok(Self { parameters, items: by_content.len(), embeddings: contents, gram })
    }

    /// The embedding of a member with this history, exact to the objective.
    #[must_use]
    pub fn fold_in(&self, history: &[u32]) -> Vec<f32> {
        solve(history, &self.embeddings, &self.gram, &self.parameters)
    }
}

impl Recommender for Ials {
    fn items(&self) -> usize {
        self.items
    }

    fn scores(&self, history: &[u32]) -> Vec<f32> {
        let member = self.fold_in(history);
        self.embeddings
            .chunks_exact(self.parameters.dimensions)
            .map(|content| dot(content, &member))
            .collect()
    }
}

fn solve_all(rows: &[Vec<u32>], others: &[f32], gram: &[f32], parameters: &IalsParameters) -> Vec<f32> {
    rows.par_iter().flat_map_iter(|row| solve(row, others, gram, parameters)).collect()
}

/// Minimises over one row: `(sum y y' + alpha Y'Y + reg (n + alpha N) I) x = sum y`.
fn solve(row: &[u32], others: &[f32], gram: &[f32], parameters: &IalsParameters) -> Vec<f32> {
    let d = parameters.dimensions;
    let mut system: Vec<f32> = gram.iter().map(|value| value * parameters.alpha).collect();
    let mut right = vec![0.0_f32; d];
    for other in row {
        let y = &others[*other as usize * d..][..d];
        for (a, ya) in y.iter().enumerate() {
            right[a] += ya;
            // The lower triangle is enough for the factorisation.
            system[a * d..=a * d + a].iter_mut().zip(y).for_each(|(cell, yb)| *cell += ya * yb);
        }
    }
    #[allow(clippy::cast_precision_loss, reason = "counts of rows and columns")]
    let weight = row.len() as f32 + parameters.alpha * (others.len() / d) as f32;
    for at in 0..d {
        system[at * d + at] += parameters.regularisation * weight;
    }
    cholesky_solve(&mut system, &mut right, d);
    right
}

/// Solves in place; the system is positive definite by its regulariser.
fn cholesky_solve(system: &mut [f32], right: &mut [f32], d: usize) {
    for a in 0..d {
        for b in 0..=a {
            let sum = dot(&system[a * d..a * d + b], &system[b * d..b * d + b]);
            let value = system[a * d + b] - sum;
            system[a * d + b] =
                if a == b { value.max(f32::MIN_POSITIVE).sqrt() } else { value / system[b * d + b] };
        }
    }
    for a in 0..d {
        let sum = dot(&system[a * d..a * d + a], &right[..a]);
        right[a] = (right[a] - sum) / system[a * d + a];
    }
    for a in (0..d).rev() {
        let sum: f32 = (a + 1..d).map(|b| system[b * d + a] * right[b]).sum();
        right[a] = (right[a] - sum) / system[a * d + a];
    }
}

fn gram_of(rows: &[f32], d: usize) -> Vec<f32> {
    let mut gram = vec![0.0; d * d];
    for row in rows.chunks_exact(d) {
        for (a, value) in row.iter().enumerate() {
            gram[a * d..(a + 1) * d].iter_mut().zip(row).for_each(|(cell, other)| *cell += value * other);
        }
    }
    gram
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    // Eight parallel sums, which the compiler vectorises.
    let mut sums = [0.0_f32; 8];
    let (a8, b8) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a8.remainder().iter().zip(b8.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a8.zip(b8) {
        for at in 0..8 {
            sums[at] += x[at] * y[at];
        }
    }
    sums.iter().sum::<f32>() + rest
}
