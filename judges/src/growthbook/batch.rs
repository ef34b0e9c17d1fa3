//! Allocation of a fixed set of members, stratum by stratum.

use std::collections::BTreeMap;

use super::hash::hash;

/// The variation of each member, in their order. Within each stratum members are put in the order of their hash and dealt
/// out in turn, so that no stratum leans to one side by more than a member for each variation; the same members under
/// the same seed are always dealt the same way. Weights are shares that sum to 1.
#[must_use]
pub fn allocate(members: &[(&str, &str)], weights: &[f64], seed: &str) -> Vec<usize> {
    let mut strata: BTreeMap<&str, Vec<(u64, usize)>> = BTreeMap::new();
    for (at, (member, stratum)) in members.iter().enumerate() {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to ten thousand")]
        let place = (hash(seed, member, 2).unwrap_or(0.0) * 1e4).round() as u64;
        strata.entry(stratum).or_default().push((place, at));
    }
    let mut variations = vec![0; members.len()];
    for (stratum, mut members_of) in strata {
        members_of.sort_by(|a, b| (a.0, members[a.1].0).cmp(&(b.0, members[b.1].0)));
        // Where a stratum begins is drawn for each, so that what is left over does not always fall to the first.
        let begin = hash(seed, stratum, 2).unwrap_or(0.0);
        let mut dealt = vec![0.0; weights.len()];
        for (turn, (_, at)) in members_of.iter().enumerate() {
            let owed = |variation: usize| {
                let tie = (variation as f64 / weights.len() as f64 - begin).rem_euclid(1.0) * 1e-6;
                weights[variation] * (turn as f64 + 1.0) - dealt[variation] - tie
            };
            let most = (0..weights.len()).max_by(|a, b| owed(*a).total_cmp(&owed(*b))).unwrap_or(0);
            if let Some(count) = dealt.get_mut(most) {
                *count += 1.0;
            }
            variations[*at] = most;
        }
    }
    variations
}

/// The coverage of a ramp at a time: steps of times and shares, in order; none before the first.
#[must_use]
pub fn ramp(steps: &[(u64, f64)], now: u64) -> f64 {
    steps
        .iter()
        .take_while(|(from, _)| *from <= now)
        .last()
        .map_or(0.0, |(_, coverage)| coverage.clamp(0.0, 1.0))
}
