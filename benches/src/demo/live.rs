//! Live traffic: for every event first a recommendation for its member, then the event itself.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use troupe_runtime::locks::lock;
use troupe_runtime::time::micros;
use troupe_sdk::Client;
use troupe_training::data::Interaction;

use troupe_learning::train::event_of;
use troupe_local_cluster::audit::Ledger;

/// Contents in a recommendation.
const K: usize = 10;
/// Events between two measurements of freshness.
const FRESHNESS_EVERY: usize = 40;
/// The feature in which freshness is read.
const FRESH_FEATURE: &str = "member_taste:events";

/// Hits of one ranking.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Score {
    asked: u64,
    hits: u64,
    gain: f64,
}

impl Score {
    fn add(&mut self, rank: Option<usize>) {
        self.asked += 1;
        if let Some(rank) = rank {
            self.hits += 1;
            #[allow(clippy::cast_precision_loss, reason = "a rank up to ten")]
            {
                self.gain += 1.0 / (rank as f64 + 2.0).log2();
            }
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "counts of events")]
    pub(crate) fn hit_rate(&self) -> f64 {
        self.hits as f64 / self.asked.max(1) as f64
    }

    #[allow(clippy::cast_precision_loss, reason = "counts of events")]
    pub(crate) fn ndcg(&self) -> f64 {
        self.gain / self.asked.max(1) as f64
    }
}

/// What the demo itself knows of the stream so far: for the two baselines.
struct Known {
    counts: HashMap<String, u64>,
    seen: HashMap<String, HashSet<String>>,
    rng: StdRng,
}

/// Everything measured on the way.
#[derive(Default)]
pub(crate) struct Measured {
    pub(crate) scores: BTreeMap<String, Score>,
    pub(crate) recommend_us: Vec<u64>,
    pub(crate) event_us: Vec<u64>,
    pub(crate) feature_us: Vec<u64>,
    pub(crate) freshness_us: Vec<u64>,
    pub(crate) failed: u64,
}

/// The stream being played.
pub(crate) struct Live {
    client: Client,
    ledger: Arc<Mutex<Ledger>>,
    known: Mutex<Known>,
    measured: Mutex<Measured>,
    pub(crate) done: AtomicUsize,
}

impl Live {
    pub(crate) fn new(
        client: Client,
        ledger: Arc<Mutex<Ledger>>,
        past: &[Interaction],
        seed: u64,
    ) -> Arc<Self> {
        let mut known =
            Known { counts: HashMap::new(), seen: HashMap::new(), rng: StdRng::seed_from_u64(seed) };
        past.iter().for_each(|one| known.take(one));
        Arc::new(Self {
            client,
            ledger,
            known: Mutex::new(known),
            measured: Mutex::default(),
            done: AtomicUsize::new(0),
        })
    }

    /// Plays the stream by so many workers; a member's events stay in order because one worker has them all.
    pub(crate) fn play(
        self: &Arc<Self>,
        stream: &[Interaction],
        workers: usize,
    ) -> Vec<tokio::task::JoinHandle<()>> {
        let mut shares: Vec<Vec<Interaction>> = vec![Vec::new(); workers];
        let mut turn: HashMap<&str, usize> = HashMap::new();
        for one in stream {
            let next = turn.len() % workers;
            let worker = *turn.entry(&one.member).or_insert(next);
            shares[worker].push(one.clone());
        }
        let start = |share: Vec<Interaction>| {
            let live = self.clone();
            tokio::spawn(async move {
                for one in share {
                    live.one(&one).await;
                    live.done.fetch_add(1, Ordering::Relaxed);
                }
            })
        };
        shares.into_iter().map(start).collect()
    }

    pub(crate) fn measured(&self) -> Measured {
        std::mem::take(&mut *lock(&self.measured))
    }

    async fn one(&self, one: &Interaction) {
        let start = Instant::now();
        let answer = self.client.recommendations(&one.member, 10).await;
        let took = micros(start.elapsed());
        self.baselines(one);
        {
            let mut measured = lock(&self.measured);
            match answer {
                Ok(answer) => {
                    measured.recommend_us.push(took);
                    let rank = answer.items.iter().position(|item| item.content == one.content);
                    let variation = answer.variation.unwrap_or_else(|| "champion".to_owned());
                    measured.scores.entry(variation).or_default().add(rank);
                }
                Err(_) => measured.failed += 1,
            }
        }
        self.send(one).await;
    }

    async fn send(&self, one: &Interaction) {
        let event = event_of(one);
        let start = Instant::now();
        let receipt = self.client.record_events(std::slice::from_ref(&event)).await;
        let took = micros(start.elapsed());
        let acknowledged = receipt.is_ok_and(|receipt| receipt.acknowledged() == 1);
        lock(&self.ledger).sent(&event, acknowledged);
        let expected = {
            let mut known = lock(&self.known);
            if acknowledged {
                known.take(one);
            }
            known.seen.get(&one.member).map_or(0, HashSet::len)
        };
        {
            let mut measured = lock(&self.measured);
            measured.event_us.push(took);
            measured.failed += u64::from(!acknowledged);
        }
        if acknowledged && self.done.load(Ordering::Relaxed).is_multiple_of(FRESHNESS_EVERY) {
            self.freshness(&one.member, expected, start).await;
        }
    }

    /// Reads the member's feature until the event shows in it.
    async fn freshness(&self, member: &str, expected: usize, sent: Instant) {
        let entity = BTreeMap::from([("member".to_owned(), member.to_owned())]);
        while sent.elapsed() < Duration::from_secs(10) {
            let start = Instant::now();
            let looked = self.client.lookup(&[FRESH_FEATURE], std::slice::from_ref(&entity)).await;
            let took = micros(start.elapsed());
            let Ok(features) = looked else { continue };
            let column = features.column(FRESH_FEATURE);
            let value = column.and_then(|column| column.values.first()?.as_f64()).unwrap_or(0.0);
            let mut measured = lock(&self.measured);
            measured.feature_us.push(took);
            #[allow(clippy::cast_precision_loss, reason = "a count of events")]
            if value >= expected as f64 {
                measured.freshness_us.push(micros(sent.elapsed()));
                return;
            }
        }
    }

    /// The same question to popularity and to chance.
    fn baselines(&self, one: &Interaction) {
        let (popular, random) = {
            let mut known = lock(&self.known);
            (known.popular(&one.member), known.random(&one.member))
        };
        let mut measured = lock(&self.measured);
        for (name, list) in [("popularity", popular), ("random", random)] {
            let rank = list.iter().position(|content| *content == one.content);
            measured.scores.entry(name.to_owned()).or_default().add(rank);
        }
    }
}

impl Known {
    fn take(&mut self, one: &Interaction) {
        *self.counts.entry(one.content.clone()).or_default() += 1;
        self.seen.entry(one.member.clone()).or_default().insert(one.content.clone());
    }

    fn popular(&self, member: &str) -> Vec<String> {
        let seen = self.seen.get(member);
        let unseen = |content: &str| seen.is_none_or(|seen| !seen.contains(content));
        let mut all: Vec<(&String, &u64)> =
            self.counts.iter().filter(|(content, _)| unseen(content)).collect();
        all.sort_unstable_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        all.into_iter().take(K).map(|(content, _)| content.clone()).collect()
    }

    fn random(&mut self, member: &str) -> Vec<String> {
        let seen = self.seen.get(member);
        let mut all: Vec<&String> =
            self.counts.keys().filter(|content| seen.is_none_or(|seen| !seen.contains(*content))).collect();
        all.sort_unstable();
        let (drawn, _) = all.partial_shuffle(&mut self.rng, K);
        drawn.iter().map(|content| (*content).clone()).collect()
    }
}
