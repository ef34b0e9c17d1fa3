//! What every model can do.

/// Scores contents for a history.
pub trait Recommender: Sync {
    /// Contents that it knows.
    fn items(&self) -> usize;

    /// A score for each content; higher is better. `history` holds places of contents.
    fn scores(&self, history: &[u32]) -> Vec<f32>;
}
