//! What the edge needs of the room that runs models, so that a test can stand in for it.

use futures::future::BoxFuture;
use troupe_inference::{Ask, Recommended, Recommender, ServeError};

/// Ranks contents.
pub trait Recommend: Send + Sync + 'static {
    /// Answers with the best contents for a history.
    fn recommend<'a>(&'a self, ask: Ask<'a>) -> BoxFuture<'a, Result<Recommended, ServeError>>;
}

impl Recommend for Recommender {
    fn recommend<'a>(&'a self, ask: Ask<'a>) -> BoxFuture<'a, Result<Recommended, ServeError>> {
        Box::pin(Self::recommend(self, ask))
    }
}
