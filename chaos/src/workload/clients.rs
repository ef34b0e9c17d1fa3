//! All clients of a run, and the state that they share.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt as _};
use serde::Serialize;
use tokio::task::JoinSet;
use troupe_runtime::locks::lock;
use troupe_runtime::time::micros;

use super::attempt::{Gateway, Outcome, Request};
use super::client::Client;
use super::draw::Draw;
use super::tally::Tally;
use crate::cluster::Endpoints;
use crate::history::{Answer, Call, End, Log, Operation};

/// Roaming and staying clients per node.
const ROAMERS: usize = 3;
const RESIDENTS: usize = 2;
/// Time between the starts of two calls of one client.
const PACE: Duration = Duration::from_millis(50);
/// Time limit of the final read of each key.
const LAST_LOOK: Duration = Duration::from_secs(30);
/// Concurrent final reads.
const LOOKS: usize = 8;

/// Excuses for the silence of nodes that are or were killed, frozen or stopped.
pub struct Excuses(Vec<AtomicU64>);

/// A counter per node: even while the node is healthy, odd during a fault; it only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Watch(u64);

impl Excuses {
    fn new(nodes: usize) -> Self {
        Self((0..nodes).map(|_| AtomicU64::new(0)).collect())
    }

    /// Excuses the silence of a node from now on.
    pub fn begin(&self, node: usize) {
        let _ = self.0[node]
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| (now % 2 == 0).then_some(now + 1));
    }

    /// Ends the excuse of a node.
    pub fn end(&self, node: usize) {
        let _ = self.0[node]
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| (now % 2 == 1).then_some(now + 1));
    }

    pub(super) fn watch(&self, node: usize) -> Watch {
        Watch(self.0[node].load(Ordering::SeqCst))
    }

    pub(super) fn excused(&self, node: usize, since: Watch) -> bool {
        let now = self.0[node].load(Ordering::SeqCst);
        now % 2 == 1 || now != since.0
    }
}

/// An append that was forwarded to another key.
#[derive(Debug, Clone)]
pub(super) struct Effect {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) value: u64,
    pub(super) end: End,
}

/// The state that the clients of a run share.
pub(super) struct RunState {
    start: Instant,
    pub(super) log: Log,
    pub(super) tally: Tally,
    pub(super) excuses: Arc<Excuses>,
    effects: Mutex<Vec<Effect>>,
}

impl RunState {
    pub(super) fn since(&self) -> Duration {
        self.start.elapsed()
    }

    pub(super) fn now(&self) -> u64 {
        micros(self.since())
    }

    pub(super) fn effect(&self, effect: Effect) {
        lock(&self.effects).push(effect);
    }
}

/// The outcome of the forwarded appends.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Effects {
    /// Acknowledged appends.
    pub acknowledged: u64,
    /// Effects that are missing, of acknowledged appends and of appends in doubt that happened.
    pub lost: u64,
    /// Keys with effects in another order than in the sending key.
    pub disordered: u64,
    /// Effects that arrived more than once.
    pub duplicates: u64,
    /// Effects of appends with replies that say that they did not happen.
    pub denied: u64,
    /// The missing values by key.
    pub lost_from: BTreeMap<String, Vec<u64>>,
}

/// The results of a run's clients.
#[derive(Debug, Clone, Default)]
pub struct Collected {
    /// The history by key.
    pub history: BTreeMap<String, Vec<Operation>>,
    /// The outcome of the forwarded appends.
    pub effects: Effects,
    /// Keys that no gateway answered for in the final read.
    pub unanswered: Vec<String>,
}

/// The clients of a run. Dropping it aborts them.
pub struct Clients {
    run: Arc<RunState>,
    gateways: Vec<Gateway>,
    tasks: JoinSet<()>,
    stopped: Arc<AtomicBool>,
}

impl Clients {
    /// Starts five clients per node.
    ///
    /// # Errors
    /// The HTTP client could not be built.
    pub fn start(endpoints: &[Endpoints], seed: u64) -> anyhow::Result<Self> {
        let run = Arc::new(RunState {
            start: Instant::now(),
            log: Log::default(),
            tally: Tally::default(),
            excuses: Arc::new(Excuses::new(endpoints.len())),
            effects: Mutex::default(),
        });
        let gateways =
            || endpoints.iter().map(|endpoint| Gateway::new(endpoint.gateway)).collect::<Result<Vec<_>, _>>();
        let stopped = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for number in 0..endpoints.len() * (ROAMERS + RESIDENTS) {
            let client = Client {
                number: u32::try_from(number)?,
                home: number % endpoints.len(),
                roams: number < endpoints.len() * ROAMERS,
                pace: PACE,
                draw: Draw::new(u32::try_from(number)?, seed),
                gateways: gateways()?,
                run: run.clone(),
            };
            tasks.spawn(client.run(stopped.clone()));
        }
        Ok(Self { gateways: gateways()?, run, tasks, stopped })
    }

    /// Microseconds since the clients began, the clock of every time in the history.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.run.now()
    }

    /// The counters of the run.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.run.tally
    }

    /// The excused nodes.
    #[must_use]
    pub fn excuses(&self) -> &Excuses {
        &self.run.excuses
    }

    /// The time until a node answers queries on keys of all shards; `None` if longer than `within`.
    pub async fn until_answers(&self, node: usize, within: Duration) -> Option<Duration> {
        let start = Instant::now();
        for key in 0..8 {
            let key = format!("answers-{key}");
            loop {
                let left = within.checked_sub(start.elapsed())?;
                let request = Request {
                    key: &key,
                    call: &Call::Get,
                    forward: None,
                    once: "look",
                    within: left.min(Duration::from_millis(500)).max(Duration::from_millis(1)),
                };
                if matches!(self.gateways[node].ask(&request).await, Outcome::Ok(_)) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Some(start.elapsed())
    }

    /// Stops the clients and reads every key a last time, so that lost writes show.
    pub async fn finish(&mut self) -> Collected {
        self.stopped.store(true, Ordering::Relaxed);
        while self.tasks.join_next().await.is_some() {}
        let mut effects: HashMap<(String, String), Vec<Effect>> = HashMap::new();
        for effect in lock(&self.run.effects).drain(..) {
            effects.entry((effect.from.clone(), effect.to.clone())).or_default().push(effect);
        }
        let mut unanswered = Vec::new();
        let keys: Vec<(String, Call)> = self
            .run
            .log
            .by_key()
            .into_iter()
            .map(|(key, calls)| (key, if calls[0].call.of_list() { Call::Read } else { Call::Get }))
            .collect();
        let looks = stream::iter(keys).map(async |(key, call)| {
            let seen = self.last(&key, &call, |_| true).await;
            (key, seen.is_some())
        });
        let looked: Vec<(String, bool)> = looks.buffer_unordered(LOOKS).collect().await;
        unanswered.extend(looked.into_iter().filter(|(_, seen)| !seen).map(|(key, _)| key));
        let mut judged = Effects::default();
        for ((from, to), effects) in effects {
            let Some(sent) = self.last(&from, &Call::Read, |_| true).await else {
                unanswered.push(from);
                continue;
            };
            // A value that is present has sent its effect, even if its reply reported a failure.
            let mut expected: BTreeSet<u64> = acknowledged(&effects);
            expected.extend(&sent);
            // Effects may arrive later than the answers of the appends that caused them.
            let whole = |values: &[u64]| expected.iter().all(|value| values.contains(value));
            match self.last(&to, &Call::Read, whole).await {
                Some(values) => judge(&effects, &expected, (&sent, &values), &mut judged),
                None => unanswered.push(to),
            }
        }
        Collected { history: self.run.log.by_key(), effects: judged, unanswered }
    }

    /// Reads a key at one gateway after the other until `enough` holds. After `LAST_LOOK` any answer counts.
    async fn last(&self, key: &str, call: &Call, enough: impl Fn(&[u64]) -> bool) -> Option<Vec<u64>> {
        let until = self.run.since() + LAST_LOOK;
        let mut node = 0;
        loop {
            let sent = self.run.now();
            let request = Request { key, call, forward: None, once: "look", within: Duration::from_secs(2) };
            node = (node + 1) % self.gateways.len();
            let over = self.run.since() > until;
            if let Outcome::Ok(answer) = self.gateways[node].ask(&request).await {
                let values = if let Answer::List(values) = &answer { values.clone() } else { Vec::new() };
                let done = over || enough(&values);
                let end = End::Ok { at: self.run.now(), answer };
                let (key, call) = (key.to_owned(), call.clone());
                self.run.log.push(Operation { client: u32::MAX, key, call, sent, end });
                if done {
                    return Some(values);
                }
            } else if over {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn acknowledged(effects: &[Effect]) -> BTreeSet<u64> {
    let ok = effects.iter().filter(|effect| matches!(effect.end, End::Ok { .. }));
    ok.map(|effect| effect.value).collect()
}

/// Judges the effects that one key sent to another, from the final lists of both.
fn judge(
    effects: &[Effect],
    expected: &BTreeSet<u64>,
    (sent, values): (&[u64], &[u64]),
    judged: &mut Effects,
) {
    let mut there: HashMap<u64, u64> = HashMap::new();
    for value in values {
        *there.entry(*value).or_default() += 1;
    }
    judged.acknowledged += acknowledged(effects).len() as u64;
    let lost: Vec<u64> = expected.iter().copied().filter(|value| !there.contains_key(value)).collect();
    judged.lost += lost.len() as u64;
    if let Some(effect) = effects.first().filter(|_| !lost.is_empty()) {
        judged.lost_from.insert(effect.to.clone(), lost);
    }
    judged.duplicates += there.values().filter(|count| **count > 1).count() as u64;
    let arrived: Vec<u64> = sent.iter().copied().filter(|value| there.contains_key(value)).collect();
    let mut once = BTreeSet::new();
    let order: Vec<u64> =
        values.iter().copied().filter(|value| sent.contains(value) && once.insert(*value)).collect();
    judged.disordered += u64::from(arrived != order);
    let denied = effects.iter().filter(|effect| effect.end == End::Fail && there.contains_key(&effect.value));
    judged.denied += denied.count() as u64;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effects_are_each_there_once_and_in_order_or_counted() {
        let effect = |value, end| Effect { from: "from".to_owned(), to: "to".to_owned(), value, end };
        let ok = || End::Ok { at: 1, answer: Answer::Length(1) };
        let effects = [
            effect(1, ok()),
            effect(2, ok()),
            effect(3, End::Unknown),
            effect(4, End::Fail),
            effect(5, End::Fail),
        ];
        for (sent, values, lost, duplicates, denied, disordered) in [
            (&[1, 2][..], &[1, 2][..], 0, 0, 0, 0),
            (&[1, 2], &[2, 1], 0, 0, 0, 1),
            (&[1, 3, 2], &[1, 3, 2], 0, 0, 0, 0),
            (&[1, 3, 2], &[1, 2], 1, 0, 0, 0),
            (&[1, 2], &[1, 3], 1, 0, 0, 0),
            (&[1, 2], &[1, 2, 2], 0, 1, 0, 0),
            (&[1, 2], &[1, 2, 4], 0, 0, 1, 0),
        ] {
            let mut judged = Effects::default();
            let mut expected = acknowledged(&effects);
            expected.extend(sent);
            judge(&effects, &expected, (sent, values), &mut judged);
            assert_eq!(judged.lost_from.contains_key("to"), lost > 0, "{values:?}");
            judged.lost_from.clear();
            let expected =
                Effects { acknowledged: 2, lost, duplicates, denied, disordered, ..Effects::default() };
            assert_eq!(judged, expected, "{values:?}");
        }
    }

    #[test]
    fn a_node_is_excused_for_what_was_asked_before_during_or_across_its_fault() {
        let excuses = Excuses::new(1);
        let before = excuses.watch(0);
        assert!(!excuses.excused(0, before));
        excuses.begin(0);
        excuses.begin(0);
        let during = excuses.watch(0);
        assert!(excuses.excused(0, before) && excuses.excused(0, during));
        excuses.end(0);
        assert!(excuses.excused(0, before) && excuses.excused(0, during));
        assert!(!excuses.excused(0, excuses.watch(0)));
    }
}
