//! Figures that need no cluster.

use troupe_actors::feature_store::catalog::{Anchor, EntityKey, FeatureSpec, GroupSpec, Op, Source};

use troupe_local_cluster::dataset::Dataset;
use troupe_local_cluster::figures::{Goal, Report, percentile};

/// Members whose memory is measured, and the events of each.
const MEMBERS: u32 = 30_000;
const EVENTS: u32 = 100;
/// Idle entities, and those that are activated.
const IDLE: u32 = 1_000_000;
const ACTIVATED: u32 = 200_000;
/// Values in one lookup, and lookups.
const VALUES: usize = 25;
const LOOKUPS: usize = 20_000;

#[allow(clippy::cast_precision_loss, reason = "bytes a member")]
pub(super) async fn members(report: &mut Report) -> anyhow::Result<()> {
    println!("members: {MEMBERS} members with {EVENTS} events each, in this process");
    // On one thread: what several leave in each other's caches differs from run to run by more than a member is large.
    let found = tokio::task::spawn_blocking(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(crate::residence(MEMBERS, EVENTS))
    });
    let found = found.await??;
    let each = |bytes: u64| bytes as f64 / f64::from(found.members);
    let (resident, state) = (each(found.resident_bytes), each(found.encoded_bytes));
    report.beside("member.resident_bytes", resident, "bytes", state, Goal::None);
    report.add("member.bytes", resident - state, "bytes", Goal::AtMost(500.0));
    Ok(())
}

/// The windows and operations of a wide group: as many values as the goal names.
pub(super) fn wide_group() -> GroupSpec {
    let day: u64 = 86_400_000;
    // Zero is all time.
    let windows = [day, 7 * day, 28 * day, 0];
    let ops = [Op::Count, Op::Sum, Op::Mean, Op::Last];
    let mut features: Vec<FeatureSpec> = ops
        .into_iter()
        .flat_map(|op| windows.into_iter().map(move |window| (op, Source::Value, window)))
        .chain(windows.into_iter().map(|window| (Op::Distinct, Source::Content, window)))
        .chain([2, 3, 5, 14, 21].map(|days| (Op::Count, Source::Value, days * day)))
        .map(|(op, of, window_ms)| FeatureSpec {
            name: format!("{op:?}_{}", window_ms / day).to_lowercase(),
            op,
            of,
            window_ms,
        })
        .collect();
    features.truncate(VALUES);
    GroupSpec {
        name: "bench_wide".into(),
        entity: EntityKey::Member,
        events: Vec::new(),
        features,
        anchor: Anchor::LastEvent,
    }
}

/// Entities that do nothing, and how fast they come back.
#[allow(clippy::cast_precision_loss, reason = "bytes an entity, and a rate")]
pub(super) async fn entities(report: &mut Report) -> anyhow::Result<()> {
    println!("entities: {IDLE} registers in memory, in this process");
    let on_one_thread = |work: fn() -> anyhow::Result<crate::Idle>| tokio::task::spawn_blocking(work);
    let idle = on_one_thread(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(crate::idle(IDLE))
    });
    let idle = idle.await??;
    let per_gb = f64::from(idle.entities) * 1e9 / idle.resident_bytes as f64;
    let plain = f64::from(idle.entities) * 1e9 / idle.map_bytes as f64;
    report.beside("entity.idle_per_gb", per_gb, "entities", plain, Goal::AtLeast(2_500_000.0));
    println!("entities: {ACTIVATED} come back from the store");
    let found = tokio::spawn(crate::activations(ACTIVATED)).await??;
    let rate = |took: std::time::Duration| f64::from(found.entities) / took.as_secs_f64();
    report.beside(
        "activation.per_s",
        rate(found.took),
        "entities/s",
        rate(found.store),
        Goal::AtLeast(200_000.0),
    );
    Ok(())
}

pub(super) async fn features(report: &mut Report) -> anyhow::Result<()> {
    println!("features: {LOOKUPS} lookups of {VALUES} values at their leader, in this process");
    // As a task, as a gateway asks: the thread that blocks on the runtime is not one of its workers.
    let mut found = tokio::spawn(crate::lookups(wide_group(), LOOKUPS)).await??;
    // Nanoseconds: a thousandth of what the name says is a microsecond.
    for (share, name, goal) in [(0.5, "p50", Goal::None), (0.99, "p99", Goal::AtMost(50.0))] {
        let (asked, map) = (percentile(&mut found.asked_ns, share), percentile(&mut found.map_ns, share));
        report.beside(&format!("features.local_us.{name}"), asked / 1_000.0, "us", map / 1_000.0, goal);
    }
    Ok(())
}

pub(super) async fn quality(play: &Dataset, seed: u64, report: &mut Report) -> anyhow::Result<()> {
    println!("quality: three random splits 8:1:1 of {}", play.name);
    let interactions = play.interactions.clone();
    let found = tokio::task::spawn_blocking(move || troupe_training::quality(&interactions, seed)).await??;
    let base = found.popularity;
    report.beside("quality.ease.ndcg10", found.ease, "share", base, Goal::AtLeast((1.8 * base).max(0.31)));
    report.beside("quality.ials.ndcg10", found.ials, "share", base, Goal::AtLeast(base));
    report.add("quality.popularity.ndcg10", base, "share", Goal::None);
    Ok(())
}
