//! The comparison protocol of the models: random 8:1:1 splits by member, mean of three splits.

use crate::data::{Dataset, Interaction};
use crate::ease::Ease;
use crate::evaluate::{Metrics, evaluate_beside};
use crate::ials::{Ials, IalsParameters};
use crate::popularity::Popularity;
use crate::recommender::Recommender;
use crate::split::random_split;
use crate::train::TrainError;

/// NDCG at ten of each model, mean of the splits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// The baseline.
    pub popularity: f64,
    /// EASE, lambda 300.
    pub ease: f64,
    /// iALS, default parameters.
    pub ials: f64,
}

/// Measures the three on three splits.
///
/// # Errors
/// See [`TrainError`].
pub fn quality(interactions: &[Interaction], seed: u64) -> Result<Quality, TrainError> {
    let data = Dataset::new(interactions);
    let mut sums = [0.0; 3];
    for round in 0..3 {
        let split = random_split(&data, seed + round);
        let seen = split.train.histories();
        let of =
            |model: &dyn Recommender| -> Metrics { evaluate_beside(model, &seen, &split.aside, &split.test) };
        sums[0] += of(&Popularity::train(&split.train)).ndcg;
        sums[1] += of(&Ease::train(&split.train, 300.0)?).ndcg;
        sums[2] += of(&Ials::train(&split.train, IalsParameters::default(), seed + round)?).ndcg;
    }
    Ok(Quality { popularity: sums[0] / 3.0, ease: sums[1] / 3.0, ials: sums[2] / 3.0 })
}
