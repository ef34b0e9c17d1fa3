//! What is played: MovieLens-100K where set-up has fetched it, else interactions made up by a seed.

use std::path::Path;

use troupe_training::data::{Interaction, Item, read_interactions, read_items};
use troupe_training::{SyntheticSpec, synthetic};

/// Interactions in order of time, and titles.
pub struct Dataset {
    pub name: &'static str,
    pub interactions: Vec<Interaction>,
    pub items: Vec<Item>,
}

/// Reads the data set, or says why not and makes one up: `made_up` is its size, where one is asked for.
pub fn load(dir: &Path, made_up: Option<u32>, seed: u64) -> anyhow::Result<Dataset> {
    if made_up.is_none() && dir.join("ml-100k.inter").exists() {
        let (interactions, items) = (read_interactions(dir)?, read_items(dir)?);
        return Ok(Dataset { name: "MovieLens-100K", interactions, items });
    }
    if made_up.is_none() {
        println!(
            "No data set in {}: playing events made up by seed {seed}. `make setup` fetches it.",
            dir.display()
        );
    }
    let events = made_up.unwrap_or(SyntheticSpec::default().events);
    let interactions = synthetic(seed, SyntheticSpec { events, ..SyntheticSpec::default() });
    Ok(Dataset { name: "synthetic", interactions, items: Vec::new() })
}
