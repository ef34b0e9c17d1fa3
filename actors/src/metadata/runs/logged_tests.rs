//! What runs take, up to their bounds and their deletion.

use troupe_runtime::Address;

use super::tests::{run, scene, view};
use super::{DropNote, Finish, Log, Point, Status, Value};
use crate::metadata::metrics::{Curves, GetCurve, bucket_of};

#[test]
fn a_run_takes_a_thousand_metrics_a_message_and_ten_thousand_in_all() {
    let mut world = scene();
    let log = |from: usize, count: usize| Log {
        metrics: (from..from + count).map(|name| (format!("m{name}"), Point::default())).collect(),
        ..Log::default()
    };
    for from in (0..10_000).step_by(1_000) {
        world.tell(&run("1"), &log(from, 1_000)).unwrap();
    }
    world.tell(&run("1"), &log(9_000, 1_000)).unwrap();
    for (from, count) in [(10_000, 1), (0, 1_001)] {
        assert_eq!(world.tell(&run("1"), &log(from, count)).unwrap_err().code, "TOO_MANY_METRICS");
    }
    assert_eq!(view(&mut world, "1").metrics.len(), 10_000);
    for name in ["m0", "m9999"] {
        let curves = Address::of::<Curves>(bucket_of("F/1", name));
        assert_eq!(world.query(&curves, &GetCurve { name: name.into(), from: 0, limit: None }).held, 1);
    }
    let values = |count: usize| {
        (0..count).map(|key| Value { key: format!("p{key}"), value: "v".into() }).collect::<Vec<_>>()
    };
    world.tell(&run("1"), &Log { params: values(10_000), notes: values(10_000), ..Log::default() }).unwrap();
    let more = vec![Value { key: "more".into(), value: String::new() }];
    for log in [Log { params: more.clone(), ..Log::default() }, Log { notes: more.clone(), ..Log::default() }]
    {
        assert_eq!(world.tell(&run("1"), &log).unwrap_err().code, "TOO_MANY");
    }
    assert!(world.dead.is_empty(), "every curve has room in its bucket: {:?}", world.dead);
}

#[test]
fn a_deleted_run_takes_no_change_until_it_is_restored() {
    let mut world = scene();
    let value = || vec![Value { key: "k".into(), value: "v".into() }];
    let mark = |deleted| Finish { deleted: Some(deleted), ..Finish::default() };
    world.tell(&run("1"), &Log { notes: value(), ..Log::default() }).unwrap();
    world.tell(&run("1"), &mark(true)).unwrap();
    let before = view(&mut world, "1");
    for log in [
        Log { notes: value(), ..Log::default() },
        Log { params: value(), ..Log::default() },
        Log { metrics: vec![("m".to_owned(), Point::default())], ..Log::default() },
    ] {
        assert_eq!(world.tell(&run("1"), &log).unwrap_err().code, "RUN_DELETED");
    }
    let drop = DropNote { key: "k".into() };
    assert_eq!(world.tell(&run("1"), &drop).unwrap_err().code, "RUN_DELETED");
    for finish in [
        Finish { status: Some(Status::Completed), word: "FINISHED".into(), ..Finish::default() },
        Finish { title: Some("t".into()), ..Finish::default() },
    ] {
        assert_eq!(world.tell(&run("1"), &finish).unwrap_err().code, "RUN_DELETED");
    }
    assert_eq!(view(&mut world, "1"), before);
    world.tell(&run("1"), &mark(true)).unwrap();
    world.tell(&run("1"), &mark(false)).unwrap();
    world.tell(&run("1"), &Log { params: value(), ..Log::default() }).unwrap();
    world.tell(&run("1"), &drop).unwrap();
}
