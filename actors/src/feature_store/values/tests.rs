use std::collections::BTreeSet;
use std::sync::Arc;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use troupe_runtime::entity::{Answer, Globals};
use troupe_runtime::{Context, Decide, Entity, Timestamp, wire};
use xxhash_rust::xxh3::xxh3_64;

use super::distinct::EXACT_MAX;
use super::{Distinct, Event, Features, Lookup, Observe, Status, Value, WAITING_MAX, hop_of};
use crate::feature_store::catalog;
use crate::feature_store::catalog::{Anchor, Catalog, EntityKey, FeatureSpec, Group, GroupSpec, Op, Source};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const KEY: &str = "{42}:recent";
/// A start time late enough that all windows begin after the epoch.
const START: u64 = 900_000 * HOUR;

fn feature(name: &str, op: Op, of: Source, window_ms: u64) -> FeatureSpec {
    FeatureSpec { name: name.to_owned(), op, of, window_ms }
}

fn group(version: u32, anchor: Anchor, features: Vec<FeatureSpec>) -> Group {
    let spec =
        GroupSpec { name: "recent".into(), entity: EntityKey::Member, events: Vec::new(), features, anchor };
    Group { spec, version }
}

fn publish(globals: &Globals, events: &[catalog::Event]) {
    let mut catalog = Catalog::default();
    events.iter().for_each(|event| catalog.apply(event));
    globals.publish(vec![(Catalog::KIND, Catalog::KEY.to_owned(), Arc::new(catalog))]);
}

fn declared(group: Group) -> Globals {
    let globals = Globals::default();
    publish(&globals, &[catalog::Event::Declared(group)]);
    globals
}

fn seen(at: u64, value: Option<f32>, content: u64) -> Observe {
    Observe { at: Timestamp(at), value, member: xxh3_64(b"42"), content: xxh3_64(&content.to_le_bytes()) }
}

fn show(features: &mut Features, globals: &Globals, now: u64, observe: Observe) {
    let events = {
        let decision = features.decide(&observe, &Context::at(Timestamp(now), KEY, globals));
        decision.events().to_vec()
    };
    events.iter().for_each(|event| features.apply(event));
}

fn look(features: &Features, globals: &Globals, now: u64, at: Option<u64>, names: &[&str]) -> Vec<Value> {
    let ask =
        Lookup { features: names.iter().map(|name| (*name).to_owned()).collect(), at: at.map(Timestamp) };
    features.answer(&ask, &Context::at(Timestamp(now), KEY, globals)).unwrap().values
}

fn present(value: f64, at: u64) -> Value {
    Value { value: Some(value), status: Status::Present, at: Some(Timestamp(at)) }
}

/// Every operation over windows of all three hops, and over all time.
fn every_feature() -> Vec<FeatureSpec> {
    let ops = [Op::Count, Op::Sum, Op::Mean, Op::Min, Op::Max, Op::Last, Op::Distinct];
    let windows = [0, 5 * MINUTE, HOUR, 11 * HOUR + 7 * MINUTE, 12 * HOUR, 7 * DAY, 12 * DAY, 28 * DAY];
    let name = |op: Op, window: u64| format!("{op:?}_{window}");
    let mut features: Vec<FeatureSpec> = ops
        .into_iter()
        .flat_map(|op| windows.map(|window| feature(&name(op, window), op, Source::Value, window)))
        .collect();
    features.push(feature("contents", Op::Distinct, Source::Content, 7 * DAY));
    features
}

/// The reference implementation in O(events): the aggregate of the events in the window.
fn naive(spec: &FeatureSpec, events: &[Observe], at: u64) -> Value {
    let nothing = |status, last| Value { value: None, status, at: last };
    let within = |event: &&Observe| match hop_of(spec.window_ms) {
        0 => true,
        hop => {
            let from = at - spec.window_ms;
            (from - from % hop..at - at % hop + hop).contains(&event.at.0)
        }
    };
    if events.is_empty() {
        return nothing(Status::NotFound, None);
    }
    let window: Vec<&Observe> = events.iter().filter(within).collect();
    let Some(last) = window.iter().map(|event| event.at).max() else {
        return nothing(Status::OutsideMaxAge, None);
    };
    let values: Vec<f64> = window.iter().filter_map(|event| event.value).map(f64::from).collect();
    #[allow(clippy::cast_precision_loss, reason = "a few thousand")]
    let count = |number: usize| number as f64;
    let number = match (spec.op, spec.of) {
        (Op::Count, _) => count(window.len()),
        (Op::Distinct, Source::Content) => {
            count(window.iter().map(|event| event.content).collect::<BTreeSet<_>>().len())
        }
        _ if values.is_empty() => return nothing(Status::NullValue, Some(last)),
        (Op::Sum, _) => values.iter().sum(),
        (Op::Mean, _) => values.iter().sum::<f64>() / count(values.len()),
        (Op::Min, _) => values.iter().copied().fold(f64::INFINITY, f64::min),
        (Op::Max, _) => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        (Op::Distinct, _) => count(values.iter().map(|value| value.to_bits()).collect::<BTreeSet<_>>().len()),
        (Op::Last, _) => {
            let newest = window
                .iter()
                .filter(|event| event.value.is_some())
                .max_by(|a, b| a.at.cmp(&b.at).then(a.value.partial_cmp(&b.value).unwrap()));
            f64::from(newest.unwrap().value.unwrap())
        }
    };
    Value { value: Some(number), status: Status::Present, at: Some(last) }
}

#[test]
fn tiles_equal_a_naive_aggregation_of_the_same_window() {
    for seed in 0..6 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let specs = every_feature();
        let globals = declared(group(1, Anchor::Now, specs.clone()));
        let mut features = Features::create(KEY);
        let mut events: Vec<Observe> = Vec::new();
        let (mut clock, mut head) = (START, 0);
        // The six streams run from dense to sparse, so that windows of every length fill and empty.
        let step = [MINUTE, 4 * MINUTE, 20 * MINUTE, HOUR, 5 * HOUR, DAY][usize::try_from(seed).unwrap()];
        for _ in 0..1_500 {
            clock += rng.random_range(0..2 * step);
            let late = if rng.random_bool(0.2) { rng.random_range(0..30 * step) } else { 0 };
            let value = rng.random_bool(0.8).then(|| f32::from(rng.random_range(0_u8..10)) * 0.5);
            let event = seen(clock - late, value, rng.random_range(0..60));
            show(&mut features, &globals, clock, event);
            head = head.max(event.at.0);
            events.push(event);
            if !rng.random_bool(0.05) {
                continue;
            }
            let at = head + if rng.random_bool(0.5) { 0 } else { rng.random_range(0..40 * DAY) };
            let names: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
            for (spec, found) in specs.iter().zip(look(&features, &globals, clock, Some(at), &names)) {
                assert_eq!(found, naive(spec, &events, at), "seed {seed}, {}, at {at}", spec.name);
            }
        }
    }
}

#[test]
fn the_order_of_arrival_does_not_matter_within_a_window() {
    let specs = every_feature();
    let globals = declared(group(1, Anchor::LastEvent, specs));
    let mut rng = SmallRng::seed_from_u64(7);
    let mut events: Vec<Observe> = (0..200)
        .map(|_| {
            let value = Some(f32::from(rng.random_range(0_u8..10)));
            seen(START + rng.random_range(0..4 * MINUTE), value, rng.random_range(0..40))
        })
        .collect();
    let folded = |events: &[Observe]| {
        let mut features = Features::create(KEY);
        events.iter().for_each(|event| show(&mut features, &globals, START + DAY, *event));
        look(&features, &globals, START + DAY, None, &[])
    };
    let forwards = folded(&events);
    events.reverse();
    assert_eq!(folded(&events), forwards);
    events.sort_by_key(|event| event.at);
    assert_eq!(folded(&events), forwards);
}

#[test]
fn each_status_gives_the_reason_for_a_missing_value() {
    let specs = vec![
        feature("sum_1h", Op::Sum, Source::Value, HOUR),
        feature("count_1h", Op::Count, Source::Value, HOUR),
    ];
    let globals = declared(group(1, Anchor::Now, specs));
    let names = ["sum_1h", "count_1h", "other"];
    let statuses = |features: &Features, now| -> Vec<Status> {
        look(features, &globals, now, None, &names).into_iter().map(|value| value.status).collect()
    };
    use Status::{NotFound, NullValue, OutsideMaxAge, Present};

    let mut features = Features::create(KEY);
    assert_eq!(statuses(&features, START), [NotFound, NotFound, NotFound]);
    show(&mut features, &globals, START, seen(START, None, 1));
    assert_eq!(statuses(&features, START), [NullValue, Present, NotFound]);
    show(&mut features, &globals, START, seen(START, Some(2.0), 1));
    assert_eq!(statuses(&features, START), [Present, Present, NotFound]);
    assert_eq!(statuses(&features, START + 2 * HOUR), [OutsideMaxAge, OutsideMaxAge, NotFound]);
    // Event time zero is valid.
    let mut old = Features::create(KEY);
    show(&mut old, &globals, START, seen(0, Some(1.0), 1));
    assert_eq!(look(&old, &globals, START, Some(0), &["sum_1h"]), [present(1.0, 0)]);
}

#[test]
fn windows_of_a_replay_end_at_the_newest_event() {
    let specs = vec![feature("count_7d", Op::Count, Source::Value, 7 * DAY)];
    let now = START + 10_000 * DAY;
    for (anchor, expected) in [
        (Anchor::LastEvent, present(2.0, START)),
        (Anchor::Now, Value { value: None, status: Status::OutsideMaxAge, at: None }),
    ] {
        let globals = declared(group(1, anchor, specs.clone()));
        let mut features = Features::create(KEY);
        for at in [START - DAY, START, START - 30 * DAY] {
            show(&mut features, &globals, now, seen(at, None, 1));
        }
        assert_eq!(look(&features, &globals, now, None, &["count_7d"]), [expected], "{anchor:?}");
        assert_eq!(look(&features, &globals, now, Some(START), &["count_7d"]), [present(2.0, START)]);
    }
}

#[test]
fn an_event_ahead_of_the_clock_waits_and_pushes_nothing_out() {
    let specs = vec![feature("count_1h", Op::Count, Source::Value, HOUR)];
    for anchor in [Anchor::Now, Anchor::LastEvent] {
        let globals = declared(group(1, anchor, specs.clone()));
        let mut features = Features::create(KEY);
        let count = |features: &Features, now| look(features, &globals, now, None, &["count_1h"])[0].value;
        show(&mut features, &globals, START, seen(START, None, 1));
        show(&mut features, &globals, START, seen(START + 23 * HOUR, None, 1));
        show(&mut features, &globals, START + MINUTE, seen(START + MINUTE, None, 1));
        assert_eq!(count(&features, START + MINUTE), Some(2.0), "{anchor:?}");
        let later = START + 23 * HOUR;
        show(&mut features, &globals, later, seen(later, None, 1));
        assert_eq!(count(&features, later), Some(2.0), "{anchor:?}");
    }
}

#[test]
fn a_changed_group_clears_its_values_and_an_older_catalogue_changes_nothing() {
    let count = || vec![feature("events", Op::Count, Source::Value, 0)];
    let old = declared(group(1, Anchor::Now, count()));
    let new = declared(group(2, Anchor::LastEvent, count()));
    let mut features = Features::create(KEY);
    show(&mut features, &old, START, seen(START, None, 1));
    assert_eq!(look(&features, &old, START, None, &["events"]), [present(1.0, START)]);
    assert_eq!(look(&features, &new, START, None, &["events"])[0].status, Status::NotFound);
    show(&mut features, &new, START, seen(START, None, 1));
    show(&mut features, &new, START, seen(START, None, 1));
    // The leader's catalogue may lag and still have version 1.
    show(&mut features, &old, START, seen(START, None, 1));
    assert_eq!(look(&features, &new, START, None, &["events"]), [present(3.0, START)]);
}

#[test]
fn an_event_before_its_group_is_known_counts_once_it_is() {
    let unknown = Globals::default();
    let mut features = Features::create(KEY);
    for _ in 0..WAITING_MAX {
        show(&mut features, &unknown, START, seen(START, None, 1));
    }
    let ctx = Context::at(Timestamp(START), KEY, &unknown);
    let refused = features.decide(&seen(START, None, 1), &ctx);
    assert_eq!(refused.outcome().unwrap_err().code, "NO_GROUP");
    assert_eq!(look(&features, &unknown, START, None, &["events"])[0].status, Status::NotFound);

    let known = declared(group(1, Anchor::Now, vec![feature("events", Op::Count, Source::Value, 0)]));
    #[allow(clippy::cast_precision_loss, reason = "a few")]
    let waited = WAITING_MAX as f64;
    assert_eq!(look(&features, &known, START, None, &[]), [present(waited, START)]);
    show(&mut features, &known, START, seen(START, None, 1));
    assert_eq!(look(&features, &known, START, None, &[]), [present(waited + 1.0, START)]);
}

#[test]
fn a_retired_group_is_not_found() {
    let held = group(1, Anchor::Now, vec![feature("events", Op::Count, Source::Value, 0)]);
    let globals = declared(held.clone());
    let mut features = Features::create(KEY);
    show(&mut features, &globals, START, seen(START, None, 1));
    publish(&globals, &[catalog::Event::Declared(held), catalog::Event::Retired("recent".into())]);
    assert_eq!(look(&features, &globals, START, None, &["events"])[0].status, Status::NotFound);
}

#[test]
fn a_distinct_count_is_exact_while_small_and_within_its_standard_error_beyond() {
    for count in [1_u64, 50, 96, 97, 300, 1_000, 2_600, 5_000, 20_000, 100_000] {
        let errors: Vec<f64> = (0_u64..20)
            .map(|seed| {
                let mut distinct = Distinct::default();
                for thing in 0..count {
                    let hash = xxh3_64(&[seed.to_le_bytes(), thing.to_le_bytes()].concat());
                    distinct.add(hash);
                    distinct.add(hash);
                }
                #[allow(clippy::cast_precision_loss, reason = "at most 100,000")]
                let exact = count as f64;
                (distinct.count() - exact) / exact
            })
            .collect();
        if count <= EXACT_MAX as u64 {
            assert!(errors.iter().all(|error| error.abs() < f64::EPSILON), "{count}: {errors:?}");
            continue;
        }
        // 1.04 / sqrt(1,024), Flajolet et al. 2007; the bound leaves room for the scatter of twenty draws.
        let standard = 1.04 / 32.0;
        let root_mean_square = (errors.iter().map(|error| error * error).sum::<f64>() / 20.0).sqrt();
        assert!(root_mean_square < 1.5 * standard, "{count}: {root_mean_square}");
        assert!(errors.iter().all(|error| error.abs() < 4.5 * standard), "{count}: {errors:?}");
    }
}

#[test]
fn merged_distinct_counts_equal_those_of_the_union() {
    let of = |range: std::ops::Range<u64>| {
        let mut distinct = Distinct::default();
        range.for_each(|thing| distinct.add(xxh3_64(&thing.to_le_bytes())));
        distinct
    };
    for (a, b) in
        [(0..40, 20..60), (0..90, 50..140), (0..50, 0..2_000), (0..2_000, 0..50), (0..900, 500..4_000)]
    {
        let union = of(a.start.min(b.start)..a.end.max(b.end));
        let mut merged = of(a.clone());
        merged.merge(&of(b.clone()));
        assert_eq!(merged, union, "{a:?} and {b:?}");
    }
}

#[test]
fn a_state_survives_its_checkpoint() {
    let globals = declared(group(1, Anchor::LastEvent, every_feature()));
    let mut features = Features::create(KEY);
    for minute in 0..500 {
        show(&mut features, &globals, START + DAY, seen(START + minute * MINUTE, Some(1.5), minute));
    }
    let restored: Features = wire::decode(&wire::encode(&features)).unwrap();
    let expected = look(&features, &globals, START + DAY, None, &[]);
    assert_eq!(look(&restored, &globals, START + DAY, None, &[]), expected);
    assert_eq!(expected.len(), every_feature().len());
}

#[test]
fn stored_events_keep_their_bytes() {
    let observe = Observe { at: Timestamp(7), value: Some(4.0), member: 1, content: 2 };
    assert_eq!(wire::encode(&Event::Observed(observe)), [1, 7, 1, 0, 0, 0x80, 0x40, 1, 2]);
    let ahead = Event::Ahead { seen: Observe { value: None, ..observe }, now: Timestamp(3) };
    assert_eq!(wire::encode(&ahead), [2, 7, 0, 1, 2, 3]);
    let shaped = Event::Shaped {
        version: 1,
        anchor: Anchor::LastEvent,
        features: vec![feature("n", Op::Distinct, Source::Content, 5 * MINUTE)],
    };
    assert_eq!(wire::encode(&shaped), [0, 1, 1, 1, 1, b'n', 6, 2, 252, 0xe0, 0x93, 0x04, 0x00]);
}
