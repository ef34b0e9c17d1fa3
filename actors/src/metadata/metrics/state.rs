//! State and decisions of a bucket of curves.

use std::collections::{BTreeMap, VecDeque};

use bincode::{Decode, Encode};
use serde::Serialize;
use troupe_runtime::entity::Answer;
use troupe_runtime::{Context, Decide, Decision, Entity, Refused};
use xxhash_rust::xxh3::xxh3_64;

use super::messages::{CurveView, Draw, ForgetCurves, GetCurve};
use crate::metadata::runs::Point;

/// Upper bound on the points of one curve; above it the oldest are dropped.
pub const POINTS_MAX: usize = 5_000;
/// Upper bound on the points of one message, and on the curves of one bucket; the run has the same bounds.
const BATCH_MAX: usize = 1_000;
const CURVES_MAX: usize = crate::metadata::runs::NAMES_MAX;
const NAME_BYTES_MAX: usize = 250;
/// Number of buckets that the curves of a run are spread over.
const BUCKETS: u64 = 16;

/// The key of the bucket that holds a curve, in the run's shard.
#[must_use]
pub fn bucket_of(run_key: &str, name: &str) -> String {
    key(run_key, xxh3_64(name.as_bytes()) % BUCKETS)
}

/// The keys of all buckets of a run.
pub fn buckets(run_key: &str) -> impl Iterator<Item = String> {
    (0..BUCKETS).map(move |bucket| key(run_key, bucket))
}

fn key(run_key: &str, bucket: u64) -> String {
    format!("{{{run_key}}}:{bucket}")
}

/// Curves of one run, keyed by the run and the bucket's number.
#[derive(Debug, Default, Encode, Decode, Serialize)]
pub struct Curves {
    curves: BTreeMap<String, VecDeque<Point>>,
    lost: BTreeMap<String, u64>,
}

/// An event of a bucket of curves.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
pub enum Event {
    /// Points were added.
    Drawn(Vec<(String, Point)>),
    /// All curves were forgotten.
    Forgotten,
}

impl Entity for Curves {
    const KIND: &'static str = "run-curves";
    type Event = Event;

    fn create(_key: &str) -> Self {
        Self::default()
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::Forgotten => *self = Self::default(),
            Event::Drawn(points) => {
                for (name, point) in points {
                    let curve = self.curves.entry(name.clone()).or_default();
                    curve.push_back(*point);
                    if curve.len() > POINTS_MAX {
                        curve.pop_front();
                        *self.lost.entry(name.clone()).or_default() += 1;
                    }
                }
            }
        }
    }

    fn size(&self) -> usize {
        let points: usize = self.curves.values().map(|curve| 256 + curve.len() * size_of::<Point>()).sum();
        size_of::<Self>() + points
    }
}

impl Decide<Draw> for Curves {
    fn decide(&self, ask: &Draw, _ctx: &Context<'_>) -> Decision<Self, Draw> {
        // A repeated point is among the last ones: a client repeats unanswered points before it sends more.
        let again = |name: &String, point: &Point| {
            self.curves.get(name).is_some_and(|curve| {
                let same = |held: &Point| {
                    held.step == point.step
                        && held.at == point.at
                        && held.value.to_bits() == point.value.to_bits()
                };
                curve.iter().rev().take(1_000).any(same)
            })
        };
        let fresh: Vec<(String, Point)> =
            ask.points.iter().filter(|(name, point)| !again(name, point)).cloned().collect();
        if fresh.is_empty() {
            return Decision::unchanged().reply(());
        }
        let names: std::collections::BTreeSet<&str> = fresh
            .iter()
            .map(|(name, _)| name.as_str())
            .filter(|name| !self.curves.contains_key(*name))
            .collect();
        let long = names.iter().any(|name| name.len() > NAME_BYTES_MAX);
        if fresh.len() > BATCH_MAX || long || self.curves.len() + names.len() > CURVES_MAX {
            let why = format!(
                "points must be at most {BATCH_MAX}, of {CURVES_MAX} curves with names of {NAME_BYTES_MAX} bytes"
            );
            return Decision::refuse(Refused::field("TOO_MANY_METRICS", "points", why));
        }
        Decision::event(Event::Drawn(fresh)).reply(())
    }
}

impl Decide<ForgetCurves> for Curves {
    fn decide(&self, _ask: &ForgetCurves, _ctx: &Context<'_>) -> Decision<Self, ForgetCurves> {
        Decision::event(Event::Forgotten).reply(())
    }
}

impl Answer<GetCurve> for Curves {
    fn answer(&self, ask: &GetCurve, _ctx: &Context<'_>) -> Result<CurveView, Refused> {
        let from = usize::try_from(ask.from).unwrap_or(usize::MAX);
        let limit = ask.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let curve = self.curves.get(&ask.name);
        let points = curve.into_iter().flatten().skip(from).take(limit).copied().collect();
        Ok(CurveView {
            points,
            held: curve.map_or(0, |curve| curve.len() as u64),
            lost: self.lost.get(&ask.name).copied().unwrap_or(0),
        })
    }
}
