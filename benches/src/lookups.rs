//! Latency of feature lookups at the leader.

use std::collections::HashMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::ensure;
use troupe_actors::feature_store::catalog::{Catalog, Declare, GroupSpec};
use troupe_actors::feature_store::values::{Features, Lookup};
use troupe_actors::profiles::members::{Member, Record};
use troupe_runtime::cluster::RuntimeConfig;
use troupe_runtime::{Address, AskOptions, Timestamp};

use crate::Alone;

/// Events in the member's history.
const EVENTS: u64 = 100;
const WITHIN: Duration = Duration::from_secs(5);

/// Nanoseconds per lookup.
pub struct Lookups {
    /// Through the router and the mailbox of the leader.
    pub asked_ns: Vec<u64>,
    /// The same names in a plain map, as a lower bound.
    pub map_ns: Vec<u64>,
}

/// Looks up every feature of a group, `count` times, one lookup in flight.
///
/// # Errors
/// A node that does not start, or a call that fails.
pub async fn lookups(group: GroupSpec, count: usize) -> anyhow::Result<Lookups> {
    let alone = Alone::start(RuntimeConfig { shards: 1, ..RuntimeConfig::default() }).await?;
    let router = alone.router();
    let options = AskOptions::within(WITHIN);
    let names: Vec<String> = group.features.iter().map(|feature| feature.name.clone()).collect();
    let key = Features::member_key("1", &group.name);
    router.ask(&Address::of::<Catalog>(Catalog::KEY), &Declare { group }, options).await?;
    for at in 0..EVENTS {
        #[allow(clippy::cast_precision_loss, reason = "a value below one hundred")]
        let record = Record {
            content: at.to_string(),
            kind: "rating".into(),
            value: Some(at as f32),
            at: Timestamp(1_000_000_000_000 + at * 3_600_000),
            event_id: None,
            context: Vec::new(),
        };
        router.ask(&Address::of::<Member>("1"), &record, options).await?;
    }
    let lookup = Lookup { features: names.clone(), at: None };
    let to = Address::of::<Features>(key);
    let mut asked_ns = Vec::with_capacity(count);
    let mut map: HashMap<String, Option<f64>> = HashMap::new();
    for _ in 0..count {
        let start = Instant::now();
        let reply = router.query(&to, &lookup, WITHIN).await?;
        asked_ns.push(nanos(start.elapsed()));
        ensure!(reply.values.len() == names.len(), "{} values of {}", reply.values.len(), names.len());
        if map.is_empty() {
            map = names.iter().cloned().zip(reply.values.iter().map(|value| value.value)).collect();
        }
    }
    let mut map_ns = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        let values: Vec<Option<f64>> = names.iter().map(|name| map.get(name).copied().flatten()).collect();
        black_box(&values);
        map_ns.push(nanos(start.elapsed()));
    }
    Ok(Lookups { asked_ns, map_ns })
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
