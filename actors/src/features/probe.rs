use super::*;
use crate::catalog::{self, Anchor, Catalog, EntityKey, FeatureSpec, Group, GroupSpec, Of, Op};
use troupe_runtime::entity::{Answer, Globals};
use troupe_runtime::{Context, Decide, Entity, Timestamp};
#[test]
fn probe() {
    const DAY: u64 = 86_400_000;
    let ops = [Op::Count, Op::Sum, Op::Mean, Op::Last, Op::Distinct];
    let wins = [0, 39_600_000, 7 * DAY, 11 * DAY, 28 * DAY];
    let features: Vec<FeatureSpec> = ops
        .iter()
        .flat_map(|op| {
            wins.map(|w| FeatureSpec {
                name: format!("{op:?}{w}"),
                op: *op,
                of: if *op == Op::Distinct { Of::Member } else { Of::Value },
                window_ms: w,
            })
        })
        .collect();
    let mut c = Catalog::default();
    c.apply(&catalog::Event::Declared(Group {
        spec: GroupSpec {
            name: "g".into(),
            entity: EntityKey::Content,
            events: vec![],
            features,
            anchor: Anchor::LastEvent,
        },
        version: 1,
    }));
    let g = Globals::default();
    g.publish(vec![("catalog", "features".into(), std::sync::Arc::new(c))]);
    for (label, n, step) in [("hot", 200_000u64, 10_000u64), ("member 100", 100, 3_600_000 * 5)] {
        let mut f = Features::create("{c:7}:g");
        let t = std::time::Instant::now();
        let start = 900_000 * 3_600_000u64;
        for i in 0..n {
            let o = Observe {
                at: Timestamp(start + i * step),
                value: Some(1.0),
                member: xxhash_rust::xxh3::xxh3_64(&(i % 50_000).to_le_bytes()),
                content: 1,
            };
            let ctx = Context::at(Timestamp(start * 2), "{c:7}:g", &g);
            let e = f.decide(&o, &ctx).events().to_vec();
            e.iter().for_each(|e| f.apply(e));
            std::hint::black_box(f.size());
        }
        println!("{label}: observe {:?}/event, size {}", t.elapsed() / n as u32, f.size());
        let mut times: Vec<_> = (0..5000)
            .map(|_| {
                let ctx = Context::at(Timestamp(start * 2), "{c:7}:g", &g);
                let t = std::time::Instant::now();
                std::hint::black_box(f.answer(&Lookup { features: vec![], at: None }, &ctx)).unwrap();
                t.elapsed()
            })
            .collect();
        times.sort();
        println!("{label}: lookup p50 {:?} p99 {:?}", times[2500], times[4950]);
    }
}
