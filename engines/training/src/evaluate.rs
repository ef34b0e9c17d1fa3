//! Full ranking over all contents that a member has not interacted with; ties go to the earlier content.

use std::collections::HashSet;

use rayon::prelude::*;

use crate::recommender::Recommender;

/// Means over the members that have something held out.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize)]
pub struct Metrics {
    /// Share of held-out contents among the first ten.
    pub recall: f64,
    /// Discounted gain of the first ten, normalised by the best possible.
    pub ndcg: f64,
    /// Share of members with a hit among the first ten.
    pub hit_rate: f64,
    /// Reciprocal rank of the first hit among the first ten.
    pub mrr: f64,
    /// Members evaluated.
    pub members: usize,
}

const K: usize = 10;

/// Evaluates a model. `seen` is its input, which it must not recommend; `held_out` is the expected recommendation.
#[must_use]
pub fn evaluate(model: &dyn Recommender, seen: &[Vec<u32>], held_out: &[Vec<u32>]) -> Metrics {
    evaluate_beside(model, seen, &vec![Vec::new(); seen.len()], held_out)
}

/// As [`evaluate`]. `aside` is neither input nor ranked: a protocol sets it aside for validation.
#[must_use]
pub fn evaluate_beside(
    model: &dyn Recommender,
    seen: &[Vec<u32>],
    aside: &[Vec<u32>],
    held_out: &[Vec<u32>],
) -> Metrics {
    let each: Vec<[f64; 4]> = seen
        .par_iter()
        .zip(aside)
        .zip(held_out)
        .filter(|(_, held)| !held.is_empty())
        .map(|((seen, aside), held)| of_member(&top(model, seen, aside), held))
        .collect();
    #[allow(clippy::cast_precision_loss, reason = "a count of members")]
    let mean = |at: usize| each.iter().map(|member| member[at]).sum::<f64>() / each.len().max(1) as f64;
    Metrics { recall: mean(0), ndcg: mean(1), hit_rate: mean(2), mrr: mean(3), members: each.len() }
}

fn top(model: &dyn Recommender, seen: &[u32], aside: &[u32]) -> Vec<u32> {
    let scores = model.scores(seen);
    let hidden: HashSet<u32> = seen.iter().chain(aside).copied().collect();
    let mut order: Vec<u32> =
        (0..u32::try_from(scores.len()).unwrap_or(u32::MAX)).filter(|at| !hidden.contains(at)).collect();
    let better = |a: &u32, b: &u32| scores[*b as usize].total_cmp(&scores[*a as usize]).then(a.cmp(b));
    if order.len() > K {
        order.select_nth_unstable_by(K - 1, better);
        order.truncate(K);
    }
    order.sort_unstable_by(better);
    order
}

#[allow(clippy::cast_precision_loss, reason = "ranks up to ten")]
fn of_member(top: &[u32], held: &[u32]) -> [f64; 4] {
    let gain = |rank: usize| 1.0 / (rank as f64 + 2.0).log2();
    let hits: Vec<usize> = (0..top.len()).filter(|rank| held.contains(&top[*rank])).collect();
    let best: f64 = (0..held.len().min(K)).map(gain).sum();
    let gained: f64 = hits.iter().map(|rank| gain(*rank)).sum();
    [
        hits.len() as f64 / held.len() as f64,
        gained / best,
        f64::from(u8::from(!hits.is_empty())),
        hits.first().map_or(0.0, |rank| 1.0 / (*rank as f64 + 1.0)),
    ]
}
