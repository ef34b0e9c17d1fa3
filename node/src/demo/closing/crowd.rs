//! Members who come for as long as the loop is watched, and whose taste can shift.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use troupe_sdk::{Client, Event};
use troupe_training::data::Interaction;

/// Members who come. Each has another member's past before it: real sequences, of which there are enough.
const MEMBERS: usize = 300;
/// Contents recommended.
const K: u32 = 10;
/// How far down in popularity the shifted taste lies, as a share of all contents.
const SHIFT: f64 = 0.4;

/// How a version has done.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) asked: u64,
    pub(super) hits: u64,
}

impl Tally {
    #[allow(clippy::cast_precision_loss, reason = "counts of events")]
    pub(super) fn hit_rate(&self) -> f64 {
        self.hits as f64 / self.asked.max(1) as f64
    }
}

/// What members would do, and whether their taste has shifted.
pub(super) struct Crowd {
    client: Client,
    members: Vec<String>,
    pasts: Vec<Vec<String>>,
    /// Contents from the most popular to the least.
    popular: Vec<String>,
    ranks: HashMap<String, usize>,
    shifted: AtomicBool,
    /// The newest event's time; every event has its own.
    at: AtomicU64,
    stop: AtomicBool,
    tallies: Mutex<BTreeMap<u64, Tally>>,
    pub(super) events: AtomicU64,
    pub(super) failed: AtomicU64,
}

impl Crowd {
    pub(super) fn new(client: Client, past: &[Interaction]) -> Arc<Self> {
        let mut pasts: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for one in past {
            pasts.entry(&one.member).or_default().push(one.content.clone());
            *counts.entry(&one.content).or_default() += 1;
        }
        let mut popular: Vec<(&str, usize)> = counts.into_iter().collect();
        popular.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        let popular: Vec<String> = popular.into_iter().map(|(content, _)| content.to_owned()).collect();
        let ranks = popular.iter().enumerate().map(|(rank, content)| (content.clone(), rank)).collect();
        let last = past.iter().map(|one| one.at_ms).max().unwrap_or(0);
        Arc::new(Self {
            client,
            members: pasts.keys().take(MEMBERS).map(|member| (*member).to_owned()).collect(),
            pasts: pasts.into_values().collect(),
            popular,
            ranks,
            shifted: AtomicBool::new(false),
            at: AtomicU64::new(last + 1),
            stop: AtomicBool::new(false),
            tallies: Mutex::default(),
            events: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        })
    }

    /// Lets so many workers play, until it is stopped.
    pub(super) fn play(self: &Arc<Self>, workers: usize) -> Vec<JoinHandle<()>> {
        let worker = |first: usize| {
            let crowd = self.clone();
            tokio::spawn(async move {
                for round in 0.. {
                    for at in (first..crowd.members.len()).step_by(workers) {
                        if crowd.stop.load(Ordering::Relaxed) {
                            return;
                        }
                        crowd.come(at, round).await;
                    }
                }
            })
        };
        (0..workers).map(worker).collect()
    }

    /// From now on members want what nobody wanted before.
    pub(super) fn shift(&self) {
        self.shifted.store(true, Ordering::Relaxed);
    }

    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// How each version has done since this was asked last.
    pub(super) fn tallies(&self) -> BTreeMap<u64, Tally> {
        std::mem::take(&mut *self.tallies.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What member `at` does in its `round`-th visit: what another one did, in that one's order.
    fn content(&self, at: usize, round: usize) -> &str {
        let mut twin = (at * 31 + 7) % self.pasts.len();
        let mut step = round;
        while step >= self.pasts[twin].len() {
            step -= self.pasts[twin].len();
            twin = (twin + 1) % self.pasts.len();
        }
        let content = &self.pasts[twin][step];
        if !self.shifted.load(Ordering::Relaxed) {
            return content;
        }
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of some thousand contents"
        )]
        let by = (self.popular.len() as f64 * SHIFT) as usize;
        let rank = self.ranks.get(content).copied().unwrap_or(0);
        &self.popular[(rank + by) % self.popular.len()]
    }

    async fn come(&self, at: usize, round: usize) {
        let (member, content) = (&self.members[at], self.content(at, round));
        let hit = match self.client.recommendations(member, K).await {
            Ok(answer) => {
                let hit = answer.items.iter().any(|item| item.content == content);
                let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
                let tally = tallies.entry(answer.version).or_default();
                tally.asked += 1;
                tally.hits += u64::from(hit);
                hit
            }
            Err(error) => {
                tracing::debug!(%error, "a recommendation failed");
                self.failed.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(20)).await;
                false
            }
        };
        let now = self.at.fetch_add(1, Ordering::Relaxed);
        let mut events = vec![Event::new(member, content, "rating", now).value(4.0)];
        if hit {
            events.push(Event::new(member, content, "click", now).value(1.0));
        }
        let told = self.client.record_events(&events).await;
        if !told.is_ok_and(|receipt| receipt.acknowledged() == events.len()) {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
        self.events.fetch_add(1, Ordering::Relaxed);
    }
}
