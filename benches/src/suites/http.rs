//! Calls over HTTP, each beside the same call to the floor.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::pace;
use anyhow::{bail, ensure};
use serde_json::json;
use troupe_runtime::locks::lock;
use troupe_runtime::time::micros;
use troupe_sdk::{CallOptions, Client, Event};

use super::alone::wide_group;
use super::cluster::Scene;
use troupe_learning::train::event_of;
use troupe_local_cluster::dataset::Dataset;
use troupe_local_cluster::figures::{Goal, Report, percentile_ms};

/// Events in one call, and calls in flight.
const BATCH: usize = 1_000;
const BATCHES_IN_FLIGHT: usize = 4;
/// Single calls.
const COMMANDS: usize = 2_000;
const LOOKUPS: usize = 2_000;
/// Age tolerated in every second series of lookups.
const AGE_MAX: Duration = Duration::from_secs(1);
/// Members looked up, and events of each.
const WIDE_MEMBERS: usize = 50;
const WIDE_EVENTS: u64 = 100;
/// Recommendations, and their rate.
const RECOMMENDATIONS: usize = 4_000;
const RECOMMENDATIONS_PER_S: u32 = 200;
/// Events whose effect is waited for.
const FRESH: usize = 300;
const FRESH_FEATURE: &str = "member_taste:events";

/// The members of what is played.
pub(super) fn members(play: &Dataset) -> impl Iterator<Item = &String> {
    let distinct: std::collections::BTreeSet<&String> =
        play.interactions.iter().map(|one| &one.member).collect();
    distinct.into_iter()
}

/// The features of one wide lookup.
pub(super) fn feature_names() -> Vec<String> {
    let group = wide_group();
    group.features.iter().map(|feature| format!("{}:{}", group.name, feature.name)).collect()
}

/// All interactions, in batches; the second half is measured, when caches and connections are warm.
pub(super) async fn events(scene: &Scene<'_>, report: &mut Report) -> anyhow::Result<()> {
    println!(
        "events: {} in batches of {BATCH}, {BATCHES_IN_FLIGHT} in flight",
        scene.play.interactions.len()
    );
    let batches: Vec<Vec<Event>> =
        scene.play.interactions.chunks(BATCH).map(|batch| batch.iter().map(event_of).collect()).collect();
    let rate = |batches: usize, took: Duration| {
        #[allow(clippy::cast_precision_loss, reason = "a count of events")]
        let events = (batches * BATCH) as f64;
        events / took.as_secs_f64()
    };
    let record = async |client: &Client, batches: &[Vec<Event>]| {
        let start = Instant::now();
        let samples = pace::closed(batches.len(), BATCHES_IN_FLIGHT, |at| async move {
            let receipt = client.record_events(&batches[at]).await?;
            ensure!(receipt.acknowledged() == batches[at].len(), "acknowledged in part: {receipt:?}");
            Ok(())
        })
        .await?;
        anyhow::Ok((samples, start.elapsed()))
    };
    let (warm_up, measured) = batches.split_at(batches.len() / 2);
    record(&scene.client, warm_up).await?;
    let (mut samples, took) = record(&scene.client, measured).await?;
    let (mut floor_samples, floor_took) = record(&scene.floor, measured).await?;
    let mut ledger = lock(&scene.ledger);
    batches.iter().flatten().for_each(|event| ledger.sent(event, true));
    drop(ledger);
    let (acked, floor) = (rate(measured.len(), took), rate(measured.len(), floor_took));
    report.beside("events.acked_per_s", acked, "events/s", floor, Goal::AtLeast(30_000.0));
    both(report, "events.batch_ms", &mut samples, &mut floor_samples, [Goal::None; 2]);
    Ok(())
}

/// Durable commands, one in flight: each changes the title of one content.
pub(super) async fn commands(scene: &Scene<'_>, report: &mut Report) -> anyhow::Result<()> {
    println!("command: {COMMANDS}, one in flight");
    let describe = async |client: &Client| {
        pace::closed(COMMANDS, 1, |at| async move {
            let body = json!({ "title": format!("title {at}"), "year": 1999, "genres": ["bench"] });
            client.ask("content", &format!("{{c:bench-{}}}", at % 64), "describe", &body).await?;
            Ok(())
        })
        .await
    };
    let (mut samples, mut floor) = (describe(&scene.client).await?, describe(&scene.floor).await?);
    both(report, "command.single_ms", &mut samples, &mut floor, [Goal::RatioAtMost(2.0), Goal::AtMost(5.0)]);
    Ok(())
}

/// A member whose wide features are looked up.
pub(super) fn wide_member(at: usize) -> String {
    format!("wide-{}", at % WIDE_MEMBERS)
}

/// Declares the wide group, and gives some members a history in it.
pub(super) async fn declare_wide_group(scene: &Scene<'_>) -> anyhow::Result<()> {
    let group = json!({ "group": wide_group() });
    scene.client.ask("catalog", "features", "declare", &group).await?;
    let history = |member: usize| {
        (0..WIDE_EVENTS).map(move |at| {
            let at_ms = 1_000_000_000_000 + at * 3_600_000;
            Event::new(wide_member(member), format!("wide-{at}"), "rating", at_ms).value(3.0)
        })
    };
    let events: Vec<Event> = (0..WIDE_MEMBERS).flat_map(history).collect();
    let receipt = scene.client.record_events(&events).await?;
    ensure!(receipt.acknowledged() == events.len(), "acknowledged in part: {receipt:?}");
    let mut ledger = lock(&scene.ledger);
    events.iter().for_each(|event| ledger.sent(event, true));
    Ok(())
}

/// Lookups of a wide group, one in flight.
pub(super) async fn features(scene: &Scene<'_>, report: &mut Report) -> anyhow::Result<()> {
    println!(
        "features: {LOOKUPS} lookups of 25 values over HTTP, one in flight: of the newest state, and of one at most {AGE_MAX:?} old"
    );
    let names = feature_names();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let look = async |client: &Client, age_max: Option<Duration>| {
        let options = CallOptions { age_max, ..CallOptions::default() };
        pace::closed(LOOKUPS, 1, |at| {
            let entity = BTreeMap::from([("member".to_owned(), wide_member(at))]);
            let (names, options) = (&names, &options);
            async move {
                client.lookup_with(names, &[entity], options).await?;
                Ok(())
            }
        })
        .await
    };
    let mut floor = look(&scene.floor, None).await?;
    let mut newest = look(&scene.client, None).await?;
    both(report, "features.http_ms", &mut newest, &mut floor, [Goal::RatioAtMost(2.5), Goal::AtMost(3.0)]);
    let mut near = look(&scene.client, Some(AGE_MAX)).await?;
    both(report, "features.near_ms", &mut near, &mut floor, [Goal::RatioAtMost(2.5), Goal::AtMost(3.0)]);
    Ok(())
}

/// Recommendations at a fixed rate, timed from when each was due.
pub(super) async fn recommendations(scene: &Scene<'_>, report: &mut Report) -> anyhow::Result<()> {
    println!("recommend: {RECOMMENDATIONS} at {RECOMMENDATIONS_PER_S} a second");
    let members: Vec<String> = members(scene.play).cloned().collect();
    let recommend = async |client: &Client| {
        pace::open(RECOMMENDATIONS_PER_S, RECOMMENDATIONS, |at| {
            let (client, member) = (client.clone(), members[at % members.len()].clone());
            async move {
                client.recommendations(&member, 10).await?;
                Ok(())
            }
        })
        .await
    };
    let (mut samples, mut floor) = (recommend(&scene.client).await?, recommend(&scene.floor).await?);
    both(report, "recommend.http_ms", &mut samples, &mut floor, [Goal::None, Goal::AtMost(15.0)]);
    Ok(())
}

/// From sending an event to reading its effect in a feature; beside it, the event's acknowledgement alone.
pub(super) async fn freshness(scene: &Scene<'_>, report: &mut Report) -> anyhow::Result<()> {
    println!("freshness: {FRESH} events, each until it can be read");
    let mut acknowledged = Vec::new();
    let mut fresh = Vec::new();
    for at in 0..FRESH {
        let member = format!("fresh-{}", at % 10);
        #[allow(clippy::cast_precision_loss, reason = "a small count")]
        let expected = (at / 10 + 1) as f64;
        let event = Event::new(&member, "fresh", "rating", 1_000 + at as u64).value(1.0);
        let start = Instant::now();
        let receipt = scene.client.record_events(std::slice::from_ref(&event)).await?;
        ensure!(receipt.acknowledged() == 1, "not acknowledged: {receipt:?}");
        acknowledged.push(micros(start.elapsed()));
        lock(&scene.ledger).sent(&event, true);
        let entity = BTreeMap::from([("member".to_owned(), member)]);
        loop {
            let found = scene.client.lookup(&[FRESH_FEATURE], std::slice::from_ref(&entity)).await?;
            let value = found.column(FRESH_FEATURE).and_then(|column| column.values.first()?.as_f64());
            if value.is_some_and(|value| value >= expected) {
                break;
            }
            if start.elapsed() > Duration::from_secs(10) {
                bail!("the {at}th event does not show after ten seconds: {value:?} of {expected}");
            }
        }
        fresh.push(micros(start.elapsed()));
    }
    both(report, "freshness_ms", &mut fresh, &mut acknowledged, [Goal::None, Goal::AtMost(100.0)]);
    Ok(())
}

/// Median and 99th percentile, beside the floor's.
pub(super) fn both(report: &mut Report, id: &str, samples: &mut [u64], floor: &mut [u64], goals: [Goal; 2]) {
    for ((name, share), goal) in [("p50", 0.5), ("p99", 0.99)].into_iter().zip(goals) {
        let (value, floor) = (percentile_ms(samples, share), percentile_ms(floor, share));
        report.beside(&format!("{id}.{name}"), value, "ms", floor, goal);
    }
}
