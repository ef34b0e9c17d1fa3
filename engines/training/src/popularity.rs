//! The popularity baseline: the contents with the most interactions.

use crate::data::Dataset;
use crate::recommender::Recommender;

/// Interactions of each content.
#[derive(Debug, Clone, PartialEq)]
pub struct Popularity {
    pub(crate) counts: Vec<f32>,
}

impl Popularity {
    /// Counts.
    #[must_use]
    pub fn train(data: &Dataset) -> Self {
        let mut counts = vec![0.0; data.contents.len()];
        for (content, _) in data.rows.iter().flatten() {
            counts[*content as usize] += 1.0;
        }
        Self { counts }
    }
}

impl Recommender for Popularity {
    fn items(&self) -> usize {
        self.counts.len()
    }

    fn scores(&self, _history: &[u32]) -> Vec<f32> {
        self.counts.clone()
    }
}
