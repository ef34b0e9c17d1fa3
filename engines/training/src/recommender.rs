//! The interface of all models.

/// Scores contents for a history.
pub trait Recommender: Sync {
    /// Number of contents.
    fn items(&self) -> usize;

    /// A score for each content; higher is better. `history` holds indices of contents.
    fn scores(&self, history: &[u32]) -> Vec<f32>;
}
