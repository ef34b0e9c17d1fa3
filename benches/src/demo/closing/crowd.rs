//! Members who come for as long as the loop is watched, and whose taste can shift.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use tokio::task::JoinHandle;
use troupe_runtime::Timestamp;
use troupe_runtime::locks::lock;
use troupe_sdk::{Client, Event};
use troupe_training::data::Interaction;

/// Contents recommended.
const K: u32 = 10;
/// Members most like one whose contents that one wants.
const LIKE: usize = 5;
/// Where a taste that has shifted begins, as a share of all contents in order of popularity.
const SHIFT: f64 = 0.4;
/// Contents of before that have become one: what is new is talked about, and there is less of it.
const NARROWED: usize = 3;
/// Share of the members who are away from the shift on. What a member has met is not recommended to it again, so those
/// that showed the new taste soon have seen all that they want, and tell no model from another; those who return do.
const AWAY: f64 = 0.5;
/// Between two visits of one worker: the loop's own work needs the machine, too.
const PAUSE: Duration = Duration::from_millis(4);

/// How the lists that members were shown have done.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    asked: u64,
    hits: u64,
}

impl Tally {
    #[allow(clippy::cast_precision_loss, reason = "counts of events")]
    pub(super) fn hit_rate(self) -> f64 {
        self.hits as f64 / self.asked.max(1) as f64
    }
}

/// A member, and what it wants in this order, before the shift and after it.
struct Visitor {
    member: String,
    wants: [Wants; 2],
    /// It is away from the shift on, until the away members are asked for.
    away: bool,
}

/// Which members come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Who {
    Everybody,
    /// Those whose visits make up the new taste, as the cluster learns of it.
    Those,
    /// Those who were away: they have met nothing yet of what they want by now.
    Returned,
}

struct Wants {
    places: Vec<usize>,
    visits: AtomicUsize,
}

impl Wants {
    fn of(places: Vec<usize>) -> Self {
        Self { places, visits: AtomicUsize::new(0) }
    }

    fn next(&self) -> usize {
        self.places[self.visits.fetch_add(1, Ordering::Relaxed) % self.places.len()]
    }
}

/// What members would do, and whether their taste has shifted.
pub(super) struct Crowd {
    client: Client,
    visitors: Vec<Visitor>,
    /// Contents from the most popular to the least: a want is a place in here.
    popular: Vec<String>,
    shifted: AtomicBool,
    who: AtomicU8,
    /// The newest event's time in milliseconds; every event has its own.
    at: AtomicU64,
    stop: AtomicBool,
    tally: Mutex<Tally>,
    events: AtomicU64,
    failed: AtomicU64,
}

impl Crowd {
    pub(super) fn new(client: Client, past: &[Interaction], seed: u64) -> Arc<Self> {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        past.iter().for_each(|one| *counts.entry(&one.content).or_default() += 1);
        let mut popular: Vec<(&str, usize)> = counts.into_iter().collect();
        popular.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        let places: HashMap<&str, usize> =
            popular.iter().enumerate().map(|(place, (content, _))| (*content, place)).collect();
        let mut pasts: BTreeMap<&str, Vec<bool>> = BTreeMap::new();
        for one in past {
            pasts.entry(&one.member).or_insert_with(|| vec![false; places.len()])
                [places[one.content.as_str()]] = true;
        }
        let mut random = StdRng::seed_from_u64(seed);
        let did: Vec<&Vec<bool>> = pasts.values().collect();
        let visitors = pasts.iter().filter_map(|(member, own)| {
            let before = wants(own, &did, &mut random);
            let after = shifted(&before, own);
            let member = (*member).to_owned();
            let away = random.random_bool(AWAY);
            (!after.is_empty()).then(|| Visitor {
                member,
                wants: [Wants::of(before), Wants::of(after)],
                away,
            })
        });
        Arc::new(Self {
            client,
            visitors: visitors.collect(),
            popular: popular.iter().map(|(content, _)| (*content).to_owned()).collect(),
            shifted: AtomicBool::new(false),
            who: AtomicU8::new(Who::Everybody as u8),
            at: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            tally: Mutex::default(),
            events: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        })
    }

    /// Lets so many workers play, until they are stopped. A member's visits are in order because one worker has them all.
    pub(super) fn play(self: &Arc<Self>, workers: usize) -> Vec<JoinHandle<()>> {
        let worker = |first: usize| {
            let crowd = self.clone();
            tokio::spawn(async move {
                let own = (first..crowd.visitors.len()).step_by(workers);
                for at in own.cycle() {
                    if crowd.stop.load(Ordering::Relaxed) {
                        return;
                    }
                    if !crowd.comes(&crowd.visitors[at]) {
                        tokio::task::yield_now().await;
                        continue;
                    }
                    crowd.come(&crowd.visitors[at]).await;
                    tokio::time::sleep(PAUSE).await;
                }
            })
        };
        (0..workers).map(worker).collect()
    }

    /// From now on members want what hardly anybody wanted before, and some do not come.
    pub(super) fn shift(&self) {
        self.who.store(Who::Those as u8, Ordering::Relaxed);
        self.shifted.store(true, Ordering::Relaxed);
    }

    /// Sets which members come from now on.
    pub(super) fn only(&self, who: Who) {
        self.who.store(who as u8, Ordering::Relaxed);
    }

    fn comes(&self, visitor: &Visitor) -> bool {
        let who = self.who.load(Ordering::Relaxed);
        who == Who::Everybody as u8 || visitor.away == (who == Who::Returned as u8)
    }

    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Visits so far.
    pub(super) fn visits(&self) -> u64 {
        self.events.load(Ordering::Relaxed)
    }

    /// Contents that there are.
    pub(super) fn contents(&self) -> u64 {
        self.popular.len() as u64
    }

    /// Calls that failed for good.
    pub(super) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// How lists have done since this was asked last.
    pub(super) fn take_tally(&self) -> Tally {
        std::mem::take(&mut *lock(&self.tally))
    }

    /// The time, later than any event's before.
    fn now(&self) -> u64 {
        let wall = Timestamp::wall().0;
        let newest = self.at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |at| Some(wall.max(at + 1)));
        newest.map_or(wall, |before| wall.max(before + 1))
    }

    /// What a member wants in its next visit.
    fn next_of(&self, visitor: &Visitor) -> &str {
        let taste = usize::from(self.shifted.load(Ordering::Relaxed));
        &self.popular[visitor.wants[taste].next()]
    }

    async fn come(&self, visitor: &Visitor) {
        let content = self.next_of(visitor);
        let hit = match self.client.recommendations(&visitor.member, K).await {
            Ok(answer) => {
                let hit = answer.items.iter().any(|item| item.content == content);
                let mut tally = lock(&self.tally);
                tally.asked += 1;
                tally.hits += u64::from(hit);
                hit
            }
            Err(error) => {
                tracing::debug!(%error, "a recommendation failed");
                self.failed.fetch_add(1, Ordering::Relaxed);
                false
            }
        };
        let now = self.now();
        let whether = if hit { "click" } else { "miss" };
        let events = [
            Event::new(&visitor.member, content, "rating", now).value(4.0),
            Event::new(&visitor.member, content, whether, now).value(1.0),
        ];
        let told = self.client.record_events(&events).await;
        if !told.is_ok_and(|receipt| receipt.acknowledged() == events.len()) {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
        self.events.fetch_add(1, Ordering::Relaxed);
    }
}

/// What those most like a member have done and it has not, in an order drawn; by Jaccard's index of what they did.
fn wants(own: &[bool], all: &[&Vec<bool>], random: &mut StdRng) -> Vec<usize> {
    let likeness = |other: &[bool]| {
        let pairs = own.iter().zip(other);
        let (both, either) = pairs.fold((0_usize, 0_usize), |(both, either), (a, b)| {
            (both + usize::from(*a && *b), either + usize::from(*a || *b))
        });
        #[allow(clippy::cast_precision_loss, reason = "counts of contents")]
        let index = both as f64 / either.max(1) as f64;
        index
    };
    let mut like: Vec<(f64, &[bool])> = all
        .iter()
        .map(|other| (likeness(other), other.as_slice()))
        .filter(|(index, _)| *index < 1.0)
        .collect();
    like.sort_by(|a, b| b.0.total_cmp(&a.0));
    let liked = |place: &usize| like.iter().take(LIKE).any(|(_, other)| other[*place]) && !own[*place];
    let mut wants: Vec<usize> = (0..own.len()).filter(liked).collect();
    wants.shuffle(random);
    wants
}

/// The same wants in another world: further down in popularity, and closer together.
fn shifted(wants: &[usize], own: &[bool]) -> Vec<usize> {
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of some thousand contents"
    )]
    let by = (own.len() as f64 * SHIFT) as usize;
    let mut known = own.to_vec();
    let place = |want: &usize| (want / NARROWED + by) % own.len();
    wants.iter().map(place).filter(|place| !std::mem::replace(&mut known[*place], true)).collect()
}
