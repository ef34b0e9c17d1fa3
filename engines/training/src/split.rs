//! Train and test splits of interactions.

use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom as _;

use crate::data::Dataset;

/// Training and held-out interactions by member, over the vocabulary of the whole dataset.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    /// To train on.
    pub train: Dataset,
    /// Set aside for validation: neither trained on nor held out.
    pub aside: Vec<Vec<u32>>,
    /// Held out.
    pub test: Vec<Vec<u32>>,
}

/// Eight tenths of each member's interactions to train, one left aside, one to test, drawn by `seed`.
#[must_use]
pub fn random_split(data: &Dataset, seed: u64) -> Split {
    let mut rng = SmallRng::seed_from_u64(seed);
    by_member(data, |row| {
        let mut order: Vec<(u32, u64)> = row.to_vec();
        order.shuffle(&mut rng);
        let tenth = order.len() / 10;
        let test = order.split_off(order.len() - tenth);
        let aside = order.split_off(order.len() - tenth);
        (order, aside, test)
    })
}

/// Each member's last interaction to test, the others to train.
#[must_use]
pub fn leave_one_out(data: &Dataset) -> Split {
    by_member(data, |row| {
        let mut train = row.to_vec();
        let test = train.pop().into_iter().collect();
        (train, Row::new(), test)
    })
}

/// Interactions before a moment to train, the others to test; the moment leaves `share` of all before it.
#[must_use]
pub fn time_split(data: &Dataset, share: f64) -> Split {
    let mut times: Vec<u64> = data.rows.iter().flatten().map(|(_, at)| *at).collect();
    times.sort_unstable();
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place among the times"
    )]
    let place = (times.len() as f64 * share.clamp(0.0, 1.0)) as usize;
    let moment = times.get(place).copied().unwrap_or(u64::MAX);
    by_member(data, |row| {
        let (train, test) = row.iter().copied().partition(|(_, at)| *at < moment);
        (train, Row::new(), test)
    })
}

type Row = Vec<(u32, u64)>;

fn by_member(data: &Dataset, mut split: impl FnMut(&[(u32, u64)]) -> (Row, Row, Row)) -> Split {
    let mut train = Dataset { rows: Vec::with_capacity(data.rows.len()), ..data.clone() };
    train.rows.clear();
    let (mut aside, mut test) = (Vec::new(), Vec::new());
    let contents = |row: Row| row.into_iter().map(|(content, _)| content).collect();
    for row in &data.rows {
        let (kept, set_aside, held) = split(row);
        train.rows.push(kept);
        aside.push(contents(set_aside));
        test.push(contents(held));
    }
    Split { train, aside, test }
}
