//! Top-k selection of scores.

use std::cmp::Ordering;

/// The `k` highest scores with their positions, best first; equal scores in order of position. Scores that are not
/// finite and positions in `excluded` are left out. `excluded` must be sorted.
///
/// A partial selection: linear in the number of scores, plus the sorting of `k`.
#[must_use]
pub(super) fn top_k(scores: &[f32], excluded: &[u32], k: usize) -> Vec<(u32, f32)> {
    let mut skip = excluded.iter().copied().peekable();
    let mut candidates: Vec<(u32, f32)> = Vec::with_capacity(scores.len());
    for (position, &score) in (0_u32..).zip(scores) {
        if skip.next_if_eq(&position).is_some() || !score.is_finite() {
            continue;
        }
        candidates.push((position, score));
    }
    if k == 0 {
        return Vec::new();
    }
    if candidates.len() > k {
        candidates.select_nth_unstable_by(k - 1, best_first);
        candidates.truncate(k);
    }
    candidates.sort_unstable_by(best_first);
    // The caller keeps these `k`, so the capacity for all candidates is released.
    candidates.shrink_to_fit();
    candidates
}

fn best_first(a: &(u32, f32), b: &(u32, f32)) -> Ordering {
    b.1.partial_cmp(&a.1).unwrap_or(Ordering::Equal).then(a.0.cmp(&b.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_come_first_and_equal_scores_keep_the_order_of_the_vocabulary() {
        let scores = [0.5, 2.0, 0.5, f32::NAN, 2.0, f32::INFINITY, -1.0];
        for (name, excluded, k, expected) in [
            ("all", &[][..], 9, &[1_u32, 4, 0, 2, 6][..]),
            ("cut within a tie", &[], 1, &[1]),
            ("cut within the next tie", &[], 3, &[1, 4, 0]),
            ("excluded", &[1, 2], 3, &[4, 0, 6]),
            ("none asked", &[], 0, &[]),
            ("all excluded", &[0, 1, 2, 3, 4, 5, 6], 3, &[]),
        ] {
            let found: Vec<u32> = top_k(&scores, excluded, k).iter().map(|(position, _)| *position).collect();
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn a_partial_selection_equals_a_full_sort() {
        let mut seed = 1_u64;
        let scores: Vec<f32> = (0..997)
            .map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                f32::from(u8::try_from(seed >> 56).unwrap_or(0))
            })
            .collect();
        let mut sorted: Vec<(u32, f32)> = (0_u32..).zip(scores.iter().copied()).collect();
        sorted.sort_by(best_first);
        for k in [1, 2, 10, 100, 996, 997, 2000] {
            assert_eq!(top_k(&scores, &[], k), sorted[..k.min(997)], "{k}");
        }
    }
}
