//! Batch allocation: a fixed set of members, each given a variation at once, every stratum in balance.
//!
//! Hashing leaves the balance of small strata to chance, while a known set can be allocated in exact proportions. The
//! assignments go into [`super::ForcedCells`] or into an entity.

use std::collections::BTreeMap;

use super::Refused;
use super::ranges::fitting_weights;

/// The most members of a batch.
pub const MEMBERS_MAX: usize = 10_000_000;

/// A member and its stratum, such as country and device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The member's id, unique in a batch.
    pub id: String,
    /// The values of the stratifying attributes, in the same order for all members.
    pub strata: Vec<String>,
}

/// The variation of each member, in the members' order.
///
/// In every stratum each variation gets its share of the members, rounded up or down. The remainder goes to the variations
/// furthest behind over all strata, so the whole set is balanced too. The allocation depends on the seed and the members'
/// ids, and not on their order.
///
/// `weights` are the variations' shares and must sum to one. Refuses other weights and duplicate members.
pub fn allocate(members: &[Member], weights: &[f64], seed: &str) -> Result<Vec<usize>, Refused> {
    if members.len() > MEMBERS_MAX {
        let found = format!("{} members", members.len());
        return Err(Refused::new("members", found, format!("give at most {MEMBERS_MAX}")));
    }
    if weights.is_empty() || !fitting_weights(weights.len(), weights) {
        return Err(Refused::new("weights", format!("{weights:?}"), "give shares that sum to 1"));
    }
    let total: f64 = weights.iter().sum();
    let shares: Vec<f64> = weights.iter().map(|weight| weight / total).collect();
    let mut strata: BTreeMap<&[String], Vec<(u64, usize)>> = BTreeMap::new();
    for (i, member) in members.iter().enumerate() {
        strata.entry(&member.strata).or_default().push((order(seed, &[&member.id]), i));
    }
    refuse_twice(members)?;
    let mut out = vec![0; members.len()];
    let mut behind = vec![0.0; shares.len()];
    for (stratum, mut dealt) in strata {
        dealt.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| members[a.1].id.cmp(&members[b.1].id)));
        let ties: Vec<u64> = (0..shares.len()).map(|arm| tie(seed, stratum, arm)).collect();
        let mut rest = dealt.as_slice();
        for (arm, count) in counts(dealt.len(), &shares, &mut behind, &ties).into_iter().enumerate() {
            let (own, others) = rest.split_at(count.min(rest.len()));
            own.iter().for_each(|(_, member)| out[*member] = arm);
            rest = others;
        }
    }
    Ok(out)
}

/// The number of `n` members for each variation. `behind` is each variation's deficit over the strata so far.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of at most ten million"
)]
fn counts(n: usize, shares: &[f64], behind: &mut [f64], ties: &[u64]) -> Vec<usize> {
    let exact: Vec<f64> = shares.iter().map(|share| share * n as f64).collect();
    // A share within one bit of a whole number counts as that number.
    let mut counts: Vec<usize> = exact.iter().map(|exact| (exact + 1e-9).floor() as usize).collect();
    behind.iter_mut().zip(&exact).for_each(|(behind, exact)| *behind += exact);
    behind.iter_mut().zip(&counts).for_each(|(behind, count)| *behind -= *count as f64);
    let mut left = n.saturating_sub(counts.iter().sum());
    let fraction = |arm: usize| exact[arm] - (exact[arm] + 1e-9).floor();
    let mut arms: Vec<usize> = (0..shares.len()).filter(|arm| fraction(*arm) > 1e-9).collect();
    arms.sort_by(|a, b| behind[*b].total_cmp(&behind[*a]).then(ties[*a].cmp(&ties[*b])));
    for arm in arms {
        if left == 0 {
            break;
        }
        counts[arm] += 1;
        behind[arm] -= 1.0;
        left -= 1;
    }
    counts
}

fn refuse_twice(members: &[Member]) -> Result<(), Refused> {
    let mut ids: Vec<&str> = members.iter().map(|member| member.id.as_str()).collect();
    ids.sort_unstable();
    match ids.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Refused::new("members", format!("{:?} twice", pair[0]), "give each member once")),
        None => Ok(()),
    }
}

fn tie(seed: &str, stratum: &[String], arm: usize) -> u64 {
    let arm = arm.to_string();
    let mut parts: Vec<&str> = stratum.iter().map(String::as_str).collect();
    parts.push(&arm);
    order(seed, &parts)
}

/// 64-bit FNV-1a over the length-prefixed parts, mixed by the finalizer of SplitMix64. Without the mixing, ids that differ
/// in their last letter stay neighbours.
fn order(seed: &str, parts: &[&str]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for part in std::iter::once(&seed).chain(parts) {
        let length = (part.len() as u64).to_le_bytes();
        for byte in length.iter().chain(part.as_bytes()) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}
