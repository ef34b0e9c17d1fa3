//! Runs with their flow, their tasks and their curves, together.

use troupe_runtime::{Address, Refused, wire};

use super::{
    Beat, Begin, Change, Event, Finish, GetRun, Log, MutateTags, NewStep, NewTask, Point, Run, RunView,
    Status, Value,
};
use crate::metadata::flows::{CreateFlow, Flow, ListRuns, Made, RUNS_MAX, RunSummary, StartRun, Started};
use crate::metadata::metrics::{Curves, GetCurve, POINTS_MAX, bucket_of};
use crate::metadata::tasks::{
    AddArtifacts, BeatTask, GetTasks, NewArtifact, NewRecord, NoteTask, TaskView, Tasks, block_of,
};
use crate::orchestrator::runs::world::World;
use crate::stored::NamedFields;

const SILENCE_MS: u64 = 60_000;

fn made(tags: &[&str]) -> Made {
    let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
    Made { user: Some("ann".into()), tags, system_tags: vec!["runtime:dev".into()] }
}

fn flow() -> Address {
    Address::of::<Flow>("F")
}

pub(super) fn run(id: &str) -> Address {
    Address::of::<Run>(format!("F/{id}"))
}

fn start(world: &mut World, id: Option<&str>) -> Result<Started, Refused> {
    let start = StartRun {
        id: id.map(str::to_owned),
        made: made(&["one"]),
        silence_ms: SILENCE_MS,
        ..StartRun::default()
    };
    world.tell(&flow(), &start)
}

pub(super) fn scene() -> World {
    let mut world = World::new();
    world.tell(&flow(), &CreateFlow { made: made(&[]), ..CreateFlow::default() }).unwrap();
    start(&mut world, None).unwrap();
    world
}

pub(super) fn view(world: &mut World, id: &str) -> RunView {
    world.query(&run(id), &GetRun {})
}

fn listed(world: &mut World) -> Vec<RunSummary> {
    world.query(&flow(), &ListRuns { before: None, limit: 500 })
}

fn task(world: &mut World, step: &str) -> String {
    world.tell(&run("1"), &NewStep { step: step.into(), made: made(&[]) }).unwrap();
    let new = NewTask { step: step.into(), id: None, made: made(&[]) };
    world.tell(&run("1"), &new).unwrap().task
}

fn block(task: &str) -> Address {
    Address::of::<Tasks>(block_of("F/1", task))
}

fn note(world: &mut World, step: &str, task: &str, field: &str, value: &str) -> u64 {
    let record = NewRecord {
        field: field.into(),
        kind: field.into(),
        value: value.into(),
        tags: vec!["attempt_id:0".into()],
        sent: 7,
        ..NewRecord::default()
    };
    let note = NoteTask { step: step.into(), task: task.into(), records: vec![record] };
    world.tell(&block(task), &note).unwrap().count
}

/// Advances time; timers that are due fire.
fn pass(world: &mut World, ms: u64) {
    let until = world.now + ms;
    while world.due().is_some_and(|due| due <= until) {
        world.step();
    }
    world.now = until;
}

#[test]
fn a_run_without_heartbeats_has_failed_with_the_reason_and_a_heartbeat_reverts_that() {
    let mut world = scene();
    pass(&mut world, SILENCE_MS - 1);
    assert_eq!(view(&mut world, "1").standing.status, Status::Running);
    pass(&mut world, 1);
    let standing = view(&mut world, "1").standing;
    assert_eq!(standing.status, Status::Failed);
    assert_eq!(standing.why, "no heartbeat for 60 s since 2026-01-31T12:34:56Z");
    let summary = listed(&mut world).remove(0);
    assert_eq!((summary.status, summary.why), (Status::Failed, standing.why), "the flow has the same status");
    world.tell(&run("1"), &Beat {}).unwrap();
    assert_eq!(view(&mut world, "1").standing.status, Status::Running);
    assert_eq!(listed(&mut world).remove(0).status, Status::Running);
    pass(&mut world, SILENCE_MS);
    assert_eq!(
        view(&mut world, "1").standing.status,
        Status::Failed,
        "the next missed heartbeat fails it again"
    );
    assert!(world.dead.is_empty(), "{:?}", world.dead);
}

#[test]
fn a_run_has_not_failed_while_it_or_any_task_beats() {
    let mut world = scene();
    let task = task(&mut world, "work");
    for _ in 0..40 {
        pass(&mut world, SILENCE_MS / 2);
        world.tell(&block(&task), &BeatTask { step: "work".into(), task: task.clone() }).unwrap();
        assert_eq!(view(&mut world, "1").standing.status, Status::Running);
    }
    for _ in 0..40 {
        pass(&mut world, SILENCE_MS / 2);
        world.tell(&run("1"), &Beat {}).unwrap();
        assert_eq!(view(&mut world, "1").standing.status, Status::Running);
    }
}

#[test]
fn a_run_is_complete_when_its_end_step_says_so_and_stays_so() {
    for (named, last) in [(None, "end"), (Some("last"), "last")] {
        let mut world = scene();
        let parameters = task(&mut world, "_parameters");
        if let Some(named) = named {
            note(&mut world, "_parameters", &parameters, "end_step", named);
        }
        let work = task(&mut world, "work");
        note(&mut world, "work", &work, "attempt_ok", "True");
        assert_eq!(view(&mut world, "1").standing.status, Status::Running);
        let end = task(&mut world, last);
        note(&mut world, last, &end, "attempt_ok", "True");
        let standing = view(&mut world, "1").standing;
        assert_eq!(standing.status, Status::Completed, "{last}");
        assert!(standing.why.starts_with(&format!("step {last} succeeded at ")), "{}", standing.why);
        world.tell(&run("1"), &Beat {}).unwrap();
        pass(&mut world, 10 * SILENCE_MS);
        assert_eq!(view(&mut world, "1").standing, standing);
        assert_eq!(listed(&mut world)[0].status, Status::Completed);
    }
}

#[test]
fn the_reason_names_the_attempt_that_had_failed_unless_a_later_attempt_succeeded() {
    let mut world = scene();
    let first = task(&mut world, "work");
    note(&mut world, "work", &first, "attempt_ok", "False");
    pass(&mut world, SILENCE_MS);
    let why = view(&mut world, "1").standing.why;
    assert!(why.ends_with(&format!("; attempt 0 of task work/{first} had failed")), "{why}");
    note(&mut world, "work", &first, "attempt_ok", "True");
    pass(&mut world, SILENCE_MS);
    let why = view(&mut world, "1").standing.why;
    assert!(why.starts_with("no heartbeat") && !why.contains("attempt"), "{why}");
}

#[test]
fn a_client_reports_how_its_run_ended_and_reopens_it() {
    let mut world = scene();
    let finish = |status, word: &str| Finish { status: Some(status), word: word.into(), ..Finish::default() };
    world.tell(&run("1"), &finish(Status::Failed, "KILLED")).unwrap();
    let standing = view(&mut world, "1").standing;
    assert_eq!(standing.status, Status::Failed);
    assert!(standing.why.starts_with("its client reported KILLED at "), "{}", standing.why);
    world.tell(&run("1"), &Beat {}).unwrap();
    assert_eq!(view(&mut world, "1").standing, standing, "no heartbeat reverts a client's status");
    world.tell(&run("1"), &finish(Status::Running, "RUNNING")).unwrap();
    assert_eq!(view(&mut world, "1").standing.status, Status::Running);
    pass(&mut world, SILENCE_MS);
    assert_eq!(view(&mut world, "1").standing.status, Status::Failed);
}

#[test]
fn runs_and_tasks_are_numbered_or_named_by_their_client_and_names_are_unique() {
    let mut world = scene();
    assert_eq!(start(&mut world, None).unwrap().run, "2");
    let named = start(&mut world, Some("argo-x1")).unwrap();
    assert_eq!((named.run.as_str(), named.number), ("argo-x1", 3));
    assert_eq!(start(&mut world, Some("argo-x1")).unwrap_err().code, "EXISTS");
    assert_eq!(start(&mut world, Some("7")).unwrap_err().field.as_deref(), Some("run_number"));
    assert_eq!(start(&mut world, Some("a/b")).unwrap_err().field.as_deref(), Some("run_number"));
    assert_eq!(start(&mut world, None).unwrap().run, "4");
    assert_eq!(view(&mut world, "argo-x1").begun.unwrap().number, 3);
    let unknown: Result<Started, Refused> = world.tell(&Address::of::<Flow>("G"), &StartRun::default());
    assert_eq!(unknown.unwrap_err().code, "FLOW_NOT_FOUND");

    assert_eq!(
        (task(&mut world, "a"), task(&mut world, "b"), task(&mut world, "a")),
        ("1".into(), "2".into(), "3".into())
    );
    let id = Some("t-named".to_owned());
    world.tell(&run("1"), &NewTask { step: "a".into(), id, made: made(&[]) }).unwrap();
    let held = view(&mut world, "1");
    assert_eq!((held.tasks, held.steps["a"].tasks, held.steps["a"].blocks.len()), (4, 3, 2));
    let no_step: Result<_, Refused> =
        world.tell(&run("1"), &NewTask { step: "c".into(), id: None, made: made(&[]) });
    assert_eq!(no_step.unwrap_err().code, "STEP_NOT_FOUND");
    let elsewhere = Begin { flow: "F".into(), run: "9".into(), ..Begin::default() };
    assert_eq!(world.tell(&run("8"), &elsewhere).unwrap_err().code, "BAD_RUN_ID");
    assert!(world.dead.is_empty(), "{:?}", world.dead);
}

#[test]
fn tags_are_changed_by_name_and_system_tags_stay() {
    let mut world = scene();
    let mutate = |add: &[&str], remove: &[&str]| MutateTags {
        add: add.iter().map(|tag| (*tag).to_owned()).collect(),
        remove: remove.iter().map(|tag| (*tag).to_owned()).collect(),
    };
    let tags = world.tell(&run("1"), &mutate(&["two", "runtime:dev", "two"], &["none"])).unwrap().tags;
    assert_eq!(tags, ["one", "two"]);
    let tags = world.tell(&run("1"), &mutate(&["one"], &["one", "two"])).unwrap().tags;
    assert_eq!(tags, ["one"], "a tag both added and removed is present");
    let refused = world.tell(&run("1"), &mutate(&[], &["runtime:dev"])).unwrap_err();
    assert_eq!(refused.field.as_deref(), Some("tags_to_remove"));
    let many: Vec<String> = (0..100).map(|tag| tag.to_string()).collect();
    let refused = world.tell(&run("1"), &MutateTags { add: many, remove: vec![] }).unwrap_err();
    assert_eq!(refused.field.as_deref(), Some("tags_to_add"));
    assert_eq!(listed(&mut world)[0].made.tags, ["one"]);
}

#[test]
fn ten_thousand_tasks_of_a_foreach_do_not_grow_any_decision() {
    let mut world = scene();
    world.tell(&run("1"), &NewStep { step: "each".into(), made: made(&[]) }).unwrap();
    for _ in 0..10_000 {
        world.tell(&run("1"), &NewTask { step: "each".into(), id: None, made: made(&[]) }).unwrap();
    }
    assert!(world.largest < 2_048, "{}", world.largest);
    let blocks = view(&mut world, "1").steps["each"].blocks.clone();
    let mut found = 0;
    for key in blocks {
        let ask = GetTasks { step: Some("each".into()), ..GetTasks::default() };
        let tasks: Vec<TaskView> = world.query(&Address::of::<Tasks>(key), &ask);
        assert!(tasks.len() <= 16);
        found += tasks.len();
    }
    assert_eq!(found, 10_000);
}

#[test]
fn records_and_artifacts_of_a_task_are_stored_once_and_within_bounds() {
    let mut world = scene();
    let task = task(&mut world, "work");
    assert_eq!(
        (note(&mut world, "work", &task, "a", "1"), note(&mut world, "work", &task, "a", "1")),
        (1, 1)
    );
    note(&mut world, "work", &task, "a", "2");
    let artifact = |attempt, sha: &str| NewArtifact {
        attempt,
        name: "x".into(),
        sha: sha.into(),
        ..NewArtifact::default()
    };
    let add = AddArtifacts {
        step: "work".into(),
        task: task.clone(),
        artifacts: vec![artifact(0, "s1"), artifact(0, "s2"), artifact(1, "s3")],
    };
    world.tell(&block(&task), &add).unwrap();
    let ask = GetTasks { records: true, artifacts: true, ..GetTasks::default() };
    let held = world.query(&block(&task), &ask).remove(0);
    let values: Vec<&str> = held.records.iter().map(|record| record.said.value.as_str()).collect();
    assert_eq!(values, ["1", "2"]);
    let shas: Vec<&str> = held.artifacts.iter().map(|artifact| artifact.said.sha.as_str()).collect();
    assert_eq!(shas, ["s1", "s3"], "the first artifact of a name stays");

    let records = |count: usize, bytes: usize| NoteTask {
        step: "work".into(),
        task: task.clone(),
        records: (0..count)
            .map(|sent| NewRecord { value: "v".repeat(bytes), sent: sent as u64, ..NewRecord::default() })
            .collect(),
    };
    for (note, field) in
        [(records(513, 1), "metadata"), (records(40, 16_000), "metadata"), (records(1, 17_000), "value")]
    {
        assert_eq!(world.tell(&block(&task), &note).unwrap_err().field.as_deref(), Some(field));
    }
    let elsewhere = BeatTask { step: "other".into(), task };
    assert_eq!(world.tell(&block(&elsewhere.task), &elsewhere).unwrap_err().code, "TASK_NOT_FOUND");
}

#[test]
fn a_parameter_keeps_its_value_and_a_metric_its_newest_points() {
    let mut world = scene();
    let value = |key: &str, value: &str| Value { key: key.into(), value: value.into() };
    let params = |params: Vec<Value>| Log { params, ..Log::default() };
    world.tell(&run("1"), &params(vec![value("lr", "0.1"), value("lr", "0.1")])).unwrap();
    let refused = world.tell(&run("1"), &params(vec![value("lr", "0.2")])).unwrap_err();
    assert_eq!((refused.code.as_str(), refused.field.as_deref()), ("BAD_PARAM", Some("params")));
    let point = |step: i64| ("loss".to_owned(), Point { value: step as f64, step, ..Point::default() });
    for from in (0..POINTS_MAX as i64 + 10).step_by(100) {
        let metrics = (from..(from + 100).min(POINTS_MAX as i64 + 10)).map(point).collect();
        let log = Log { metrics, ..Log::default() };
        world.tell(&run("1"), &log).unwrap();
        world.tell(&run("1"), &log).unwrap();
    }
    world.tell(&run("1"), &Log { metrics: vec![point(3)], ..Log::default() }).unwrap();
    assert_eq!(view(&mut world, "1").metrics["loss"].step, POINTS_MAX as i64 + 9);
    let curves = Address::of::<Curves>(bucket_of("F/1", "loss"));
    let curve = world.query(&curves, &GetCurve { name: "loss".into(), from: 0, limit: None });
    assert_eq!((curve.held, curve.lost, curve.points[0].step), (POINTS_MAX as u64, 11, 11));
}

#[test]
fn a_flow_forgets_its_oldest_ended_run_and_refuses_a_new_run_when_none_has_ended() {
    let mut world = scene();
    let task = task(&mut world, "end");
    for _ in 1..RUNS_MAX {
        start(&mut world, None).unwrap();
    }
    assert_eq!(start(&mut world, None).unwrap_err().code, "TOO_MANY_RUNS");
    note(&mut world, "end", &task, "attempt_ok", "True");
    start(&mut world, None).unwrap();
    assert_eq!(
        view(&mut world, "1"),
        RunView { standing: view(&mut world, "1").standing, ..RunView::default() }
    );
    assert!(world.query(&block(&task), &GetTasks::default()).is_empty());
    let page: Vec<RunSummary> = world.query(&flow(), &ListRuns { before: Some(4), limit: 500 });
    assert_eq!(page.iter().map(|run| run.number).collect::<Vec<_>>(), [3, 2]);
    assert!(world.dead.is_empty(), "{:?}", world.dead);
}

#[test]
fn stored_events_keep_their_bytes() {
    use troupe_runtime::Timestamp;
    assert_eq!(wire::encode(&Event::Beaten(Timestamp(5))), [0, 5]);
    let tagged = Event::Changed(Box::new(NamedFields(Change::Tagged(vec!["t".into()]))), Timestamp(5));
    assert_eq!(
        wire::encode(&tagged),
        [&[1, 11, 0x81, 0xa6][..], b"Tagged", &[0x91, 0xa1], b"t", &[5]].concat()
    );
    let beaten = crate::metadata::tasks::Event::Beaten("1".into(), Timestamp(5), true);
    assert_eq!(wire::encode(&beaten), [0, 1, b'1', 5, 1]);
    let drawn = crate::metadata::metrics::Event::Drawn(vec![(
        "m".into(),
        Point { value: 1.0, at: Timestamp(3), step: -1 },
    )]);
    assert_eq!(wire::encode(&drawn), [0, 1, 1, b'm', 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 3, 1]);
    let forgotten = crate::metadata::flows::Event::Changed(
        Box::new(NamedFields(crate::metadata::flows::Change::Forgotten(3))),
        Timestamp(5),
    );
    assert_eq!(wire::encode(&forgotten), [&[0, 12, 0x81, 0xa9][..], b"Forgotten", &[3, 5]].concat());
}

#[test]
fn messages_from_clients_have_the_same_bounds_as_messages_from_entities() {
    use super::{Hear, Heard};
    use crate::metadata::flows::{RunSummary, UpdateRun};
    use crate::metadata::metrics::Draw;
    use crate::metadata::tasks::AddTask;
    let mut world = scene();
    let task = task(&mut world, "work");
    let long = "n".repeat(200);
    let refused = |result: Result<(), Refused>| result.unwrap_err().field.unwrap();
    let add = |task: &str| AddTask {
        step: "work".into(),
        task: task.into(),
        made: made(&[]),
        at: troupe_runtime::Timestamp(1),
    };
    assert_eq!(refused(world.tell(&block(&task), &add("999"))), "task_id", "it belongs to another block");
    assert_eq!(refused(world.tell(&block(&long), &add(&long))), "task_id");
    let hear = |heard: Vec<Heard>| Hear { step: "work".into(), task: "1".into(), heard };
    assert_eq!(refused(world.tell(&run("1"), &hear(vec![Heard::EndStep(long.clone())]))), "heard");
    assert_eq!(refused(world.tell(&run("1"), &hear(vec![Heard::Alive; 513]))), "heard");
    let curves = Address::of::<Curves>(bucket_of("F/1", "loss"));
    let draw =
        |count: usize| Draw { points: (0..count).map(|name| (name.to_string(), Point::default())).collect() };
    assert_eq!(refused(world.tell(&curves, &draw(1_001))), "points");
    let summary = RunSummary {
        run: "1".into(),
        number: 1,
        why: "w".repeat(3_000),
        revision: 9,
        ..RunSummary::default()
    };
    assert_eq!(refused(world.tell(&flow(), &UpdateRun { summary })), "why");
    let begin = Begin { flow: "F".into(), run: long.clone(), ..Begin::default() };
    assert_eq!(refused(world.tell(&run(&long), &begin)), "run_number");
}

#[test]
fn tags_that_name_lineage_nodes_add_edges_to_the_run() {
    use crate::metadata::lineage::{GetLineage, Lineage};
    let mut world = scene();
    let start = StartRun { made: made(&["nightly", "workflow:train:7"]), ..StartRun::default() };
    world.tell(&flow(), &start).unwrap();
    let add = vec!["dataset:plays".to_owned(), "run:F/2".to_owned(), "run:".to_owned()];
    world.tell(&run("2"), &MutateTags { add, remove: vec![] }).unwrap();
    let node = Address::of::<Lineage>("run:F/2");
    let from: Vec<String> =
        world.query(&node, &GetLineage {}).from.into_iter().map(|link| link.node).collect();
    assert_eq!(from, ["workflow:train:7", "dataset:plays"]);
    let workflow = world.query(&Address::of::<Lineage>("workflow:train:7"), &GetLineage {});
    assert_eq!(workflow.to[0].node, "run:F/2");
    assert!(world.dead.is_empty(), "{:?}", world.dead);
}
