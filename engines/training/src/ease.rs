//! EASE (Steck 2019, "Embarrassingly Shallow Autoencoders"): with `P = (X'X + lambda I)^-1`, `B = I - P / diag(P)`.

use faer::linalg::solvers::DenseSolveCore as _;
use faer::{Mat, Side};

use crate::data::Dataset;
use crate::recommender::Recommender;
use crate::train::TrainError;

/// Item-to-item weights, row by row: scores are `history * weights`.
#[derive(Debug, Clone, PartialEq)]
pub struct Ease {
    pub(crate) items: usize,
    pub(crate) weights: Vec<f32>,
}

impl Ease {
    /// Solves for the weights; `O(items^3)` once.
    ///
    /// # Errors
    /// A `lambda` that is not positive, or data that makes the system singular.
    pub fn train(data: &Dataset, lambda: f64) -> Result<Self, TrainError> {
        if !(lambda > 0.0 && lambda.is_finite()) {
            return Err(TrainError::Parameter("lambda", "must be positive"));
        }
        let items = data.contents.len();
        let mut gram = Mat::<f64>::zeros(items, items);
        for row in &data.rows {
            for (a, _) in row {
                for (b, _) in row {
                    gram[(*a as usize, *b as usize)] += 1.0;
                }
            }
        }
        for at in 0..items {
            gram[(at, at)] += lambda;
        }
        let factor = gram.llt(Side::Lower).map_err(|error| TrainError::Singular(format!("{error:?}")))?;
        let inverse = factor.inverse();
        let mut weights = vec![0.0; items * items];
        for b in 0..items {
            let scale = -1.0 / inverse[(b, b)];
            for a in (0..items).filter(|a| *a != b) {
                #[allow(clippy::cast_possible_truncation, reason = "serving is in single precision")]
                {
                    weights[a * items + b] = (inverse[(a, b)] * scale) as f32;
                }
            }
        }
        Ok(Self { items, weights })
    }
}

impl Recommender for Ease {
    fn items(&self) -> usize {
        self.items
    }

    fn scores(&self, history: &[u32]) -> Vec<f32> {
        let mut scores = vec![0.0; self.items];
        for content in history {
            let row = &self.weights[*content as usize * self.items..][..self.items];
            scores.iter_mut().zip(row).for_each(|(score, weight)| *score += weight);
        }
        scores
    }
}
