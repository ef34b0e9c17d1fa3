use troupe_runtime::{Address, Timestamp, wire};

use super::{EDGES_MAX, Event, GetLineage, Lineage, LineageView, Relate};
use crate::models::{Lineage as Trained, Model, Publish};
use crate::orchestrator::runs::world::World;
use troupe_lake::Sha256;

fn relate(world: &mut World, from: &str, to: &str) -> Result<(), troupe_runtime::Refused> {
    world.tell(&Address::of::<Lineage>(from), &Relate { to: to.into(), how: "made".into() })
}

fn view(world: &mut World, node: &str) -> LineageView {
    world.query(&Address::of::<Lineage>(node), &GetLineage {})
}

#[test]
fn an_edge_is_kept_at_both_ends_and_once() {
    let mut world = World::new();
    for _ in 0..2 {
        relate(&mut world, "run:F/1", "model:m@1").unwrap();
    }
    let (from, to) = (view(&mut world, "run:F/1"), view(&mut world, "model:m@1"));
    assert_eq!((from.from.len(), from.to.len(), to.from.len(), to.to.len()), (0, 1, 1, 0));
    assert_eq!((from.to[0].node.as_str(), to.from[0].node.as_str()), ("model:m@1", "run:F/1"));
    assert_eq!(to.from[0].how, "made");
}

#[test]
fn a_bad_node_is_refused_and_an_edge_above_the_bound_is_dropped_and_counted() {
    let mut world = World::new();
    for (from, to, field) in [
        ("run:a/1", "x", "to"),
        ("run:a/1", "model:", "to"),
        ("a", "run:a/1", "from"),
        ("run:a/1", "run:a/1", "to"),
    ] {
        assert_eq!(relate(&mut world, from, to).unwrap_err().field.as_deref(), Some(field), "{from} {to}");
    }
    for i in 0..EDGES_MAX + 3 {
        relate(&mut world, "run:a/1", &format!("model:m@{i}")).unwrap();
        relate(&mut world, &format!("run:a/{i}"), "dataset:d").unwrap();
    }
    let (from, to) = (view(&mut world, "run:a/1"), view(&mut world, "dataset:d"));
    // The run also has an edge to the data set, which takes one place.
    assert_eq!((from.to.len(), from.dropped), (EDGES_MAX, 4));
    assert_eq!((to.from.len(), to.dropped), (EDGES_MAX, 3));
    assert!(world.dead.is_empty(), "{:?}", world.dead);
}

#[test]
fn a_published_version_is_derived_from_its_data_set() {
    let mut world = World::new();
    let publish = |dataset: &str, artifact: u8| Publish {
        algorithm: "ease".into(),
        artifact: Sha256([artifact; 32]),
        vocabulary: Sha256([9; 32]),
        items: 4,
        metrics: std::collections::BTreeMap::new(),
        lineage: Trained { dataset: dataset.into(), ..Trained::default() },
    };
    let model = Address::of::<Model>("movies");
    for (dataset, artifact) in [("ml-100k", 1), ("ml-100k", 1), ("", 2)] {
        world.tell(&model, &publish(dataset, artifact)).unwrap();
    }
    let from: Vec<String> =
        view(&mut world, "model:movies@1").from.into_iter().map(|link| link.node).collect();
    assert_eq!(from, ["dataset:ml-100k"]);
    assert_eq!(view(&mut world, "model:movies@2"), LineageView::default());
    assert_eq!(view(&mut world, "dataset:ml-100k").to.len(), 1);
}

#[test]
fn stored_events_keep_their_bytes() {
    let led = Event::Led("run:a/1".into(), "made".into(), Timestamp(5));
    assert_eq!(wire::encode(&led), [&[0, 7][..], b"run:a/1", &[4], b"made", &[5]].concat());
    assert_eq!(wire::encode(&Event::Dropped), [2]);
}
