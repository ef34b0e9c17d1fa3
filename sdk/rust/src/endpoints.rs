//! The choice of the endpoint.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The endpoints, and the one that worked last.
#[derive(Debug)]
pub(crate) struct Endpoints {
    bases: Vec<String>,
    current: AtomicUsize,
}

impl Endpoints {
    pub(crate) fn new(bases: Vec<String>) -> Self {
        Self { bases, current: AtomicUsize::new(0) }
    }

    pub(crate) fn len(&self) -> usize {
        self.bases.len()
    }

    /// The endpoint to use, and its number for [`Endpoints::leave`].
    pub(crate) fn current(&self) -> (usize, &str) {
        let number = self.current.load(Ordering::Relaxed) % self.bases.len();
        (number, &self.bases[number])
    }

    /// Moves on from an endpoint that failed, unless another call already has.
    pub(crate) fn leave(&self, number: usize) {
        let next = (number + 1) % self.bases.len();
        // If this exchange fails, another call has moved on already, and its choice is as good.
        let _ = self.current.compare_exchange(number, next, Ordering::Relaxed, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_that_fail_together_move_on_by_one() {
        let endpoints = Endpoints::new(vec!["a".into(), "b".into(), "c".into()]);
        endpoints.leave(0);
        endpoints.leave(0);
        assert_eq!(endpoints.current(), (1, "b"));
        endpoints.leave(1);
        endpoints.leave(2);
        assert_eq!(endpoints.current(), (0, "a"));
    }
}
