//! Runs of clients whose leader dies in the middle: what was acknowledged is there, once, and no run has failed that beats.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use troupe_actors::metadata::flows::{CreateFlow, Flow, ListRuns, RunSummary, StartRun, Started};
use troupe_actors::metadata::runs::{
    Beat, Begin, GetRun, Log, MutateTags, NewStep, NewTask, Point, Run, RunView, Status, Value, run_key,
};
use troupe_actors::metadata::tasks::{
    AddArtifacts, BeatTask, GetTasks, NewArtifact, NewRecord, NoteTask, TaskView, Tasks, block_of,
};
use troupe_runtime::observe::Role;
use troupe_runtime::{Address, AskOptions, Command, NodeId, Router, Timestamp};

use super::world::{World, config};

const WITHIN: Duration = Duration::from_secs(10);
/// Longer than a failover takes, and shorter than the work of a run.
const SILENCE_MS: u64 = 2_500;
const RUNS: u64 = 6;
const TASKS: u64 = 24;

/// A client: what draws a number is sent under a key of its own, and so may be sent again.
#[derive(Clone)]
struct Client {
    router: Router,
    keys: Arc<AtomicU64>,
}

impl Client {
    async fn told<C: Command>(&self, to: &Address, command: &C) -> C::Reply {
        let key = Some(u128::from(self.keys.fetch_add(1, Ordering::Relaxed)) + 1);
        let options = AskOptions { within: WITHIN, key };
        self.router.ask(to, command, options).await.unwrap()
    }

    async fn run(&self, run: &str) -> RunView {
        let to = Address::of::<Run>(run_key("F", run));
        self.router.query(&to, &GetRun {}, WITHIN).await.unwrap()
    }

    async fn start(&self) -> Started {
        let start = StartRun { silence_ms: SILENCE_MS, ..StartRun::default() };
        let started = self.told(&Address::of::<Flow>("F"), &start).await;
        let begin = Begin {
            flow: "F".into(),
            run: started.run.clone(),
            number: started.number,
            at: started.at,
            silence_ms: SILENCE_MS,
            ..Begin::default()
        };
        self.told(&Address::of::<Run>(run_key("F", &started.run)), &begin).await;
        started
    }

    /// One task after the other, each with what it says of itself and what it made.
    async fn work(&self, run: String, done: Arc<AtomicU64>, go_on: Arc<AtomicBool>) -> Vec<String> {
        let key = run_key("F", &run);
        let to = Address::of::<Run>(key.as_str());
        self.told(&to, &NewStep { step: "work".into(), made: Default::default() }).await;
        let mut made = Vec::new();
        for number in 0..TASKS {
            let new = NewTask { step: "work".into(), id: None, made: Default::default() };
            let task = self.told(&to, &new).await.task;
            let block = Address::of::<Tasks>(block_of(&key, &task));
            let record = |field: &str, value: &str| NewRecord {
                field: field.into(),
                kind: field.into(),
                value: value.into(),
                tags: vec!["attempt_id:0".into()],
                sent: number,
                ..NewRecord::default()
            };
            let records = vec![record("attempt", "0"), record("attempt_ok", "True")];
            self.told(&block, &NoteTask { step: "work".into(), task: task.clone(), records }).await;
            let artifacts =
                ["model", "rows"].map(|name| NewArtifact { name: name.into(), ..NewArtifact::default() });
            let add = AddArtifacts { step: "work".into(), task: task.clone(), artifacts: artifacts.into() };
            self.told(&block, &add).await;
            self.told(&block, &BeatTask { step: "work".into(), task: task.clone() }).await;
            let point = Point { value: 0.5, at: Timestamp(number), step: i64::try_from(number).unwrap() };
            let param = Value { key: format!("p{number}"), value: "1".into() };
            let log = Log { metrics: vec![("loss".into(), point)], params: vec![param], notes: Vec::new() };
            self.told(&to, &log).await;
            self.told(&to, &MutateTags { add: vec![format!("t{number}")], remove: Vec::new() }).await;
            self.told(&to, &Beat {}).await;
            made.push(task);
            done.fetch_add(1, Ordering::Relaxed);
        }
        // It has nothing more to say than that it is alive, for as long as it is watched.
        while go_on.load(Ordering::Relaxed) {
            self.told(&to, &Beat {}).await;
            tokio::task::yield_now().await;
        }
        made
    }
}

async fn leader(world: &World, of: &Address) -> Option<u16> {
    let shard = world.router().shard_of(of).unwrap();
    let leads = |view: &troupe_runtime::observe::NodeView| {
        view.shards.iter().any(|held| held.shard == shard && held.role == Role::Leader)
    };
    world.views().await.iter().find(|view| leads(view)).map(|view| view.node.0)
}

/// All tasks of a run, from its blocks.
async fn tasks(client: &Client, view: &RunView) -> Vec<TaskView> {
    let wanted = GetTasks { records: true, artifacts: true, ..GetTasks::default() };
    let mut found = Vec::new();
    for block in &view.steps["work"].blocks {
        let to = Address::of::<Tasks>(block.as_str());
        found.extend(client.router.query(&to, &wanted, WITHIN).await.unwrap());
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_clients_were_acknowledged_of_their_runs_is_there_once_and_none_has_failed_that_beats() {
    let mut world = World::of(troupe_actors::registry(), 3, config()).await;
    let first = Address::of::<Run>(run_key("F", "1"));
    let victim = leader(&world, &first).await.expect("a node leads it");
    let survivor = (1..=3).find(|node| *node != victim).unwrap();
    let client = Client { router: world.node(survivor).router(), keys: Arc::default() };
    client.told(&Address::of::<Flow>("F"), &CreateFlow::default()).await;
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        runs.push(client.start().await.run);
    }
    let (done, go_on) = (Arc::<AtomicU64>::default(), Arc::new(AtomicBool::new(true)));
    let work = |run: &String| {
        let (client, run, done, go_on) = (client.clone(), run.clone(), done.clone(), go_on.clone());
        tokio::spawn(async move { client.work(run, done, go_on).await })
    };
    let workers: Vec<_> = runs.iter().map(work).collect();
    world.until("work is under way", async || done.load(Ordering::Relaxed) >= RUNS * TASKS / 3).await;
    let at_death = done.load(Ordering::Relaxed);
    world.kill(victim);
    let survivors = async || {
        // At each look at any of them, by any leader.
        for run in &runs {
            let standing = client.run(run).await.standing;
            assert_eq!(standing.status, Status::Running, "{run}: {}", standing.why);
        }
        done.load(Ordering::Relaxed) == RUNS * TASKS
    };
    world.until("all tasks are made", survivors).await;
    assert!(at_death < RUNS * TASKS, "the node died in the middle");
    go_on.store(false, Ordering::Relaxed);

    for (run, worker) in runs.iter().zip(workers) {
        let made: BTreeSet<String> = worker.await.unwrap().into_iter().collect();
        assert_eq!(made.len() as u64, TASKS, "no number was given twice");
        let view = client.run(run).await;
        assert_eq!((view.tasks, view.steps["work"].tasks), (TASKS, TASKS), "{run}");
        assert_eq!((view.params.len(), view.metrics["loss"].step), (24, 23), "{run}");
        let tags: BTreeSet<String> = view.begun.clone().unwrap().made.tags.into_iter().collect();
        assert_eq!(tags.len() as u64, TASKS, "{run}");
        let found = tasks(&client, &view).await;
        assert_eq!(found.iter().map(|task| task.task.clone()).collect::<BTreeSet<String>>(), made, "{run}");
        assert_eq!(found.len() as u64, TASKS, "{run}: a task is in one block");
        for task in found {
            let said: Vec<&str> = task.records.iter().map(|record| record.said.field.as_str()).collect();
            let artifacts: Vec<&str> = task.artifacts.iter().map(|made| made.said.name.as_str()).collect();
            let expected = (vec!["attempt", "attempt_ok"], vec!["model", "rows"], Some((0, true)));
            assert_eq!((said, artifacts, task.attempt), expected, "{run}/{}", task.task);
        }
    }
    let list = ListRuns { before: None, limit: 500 };
    let listed = async || client.router.query(&Address::of::<Flow>("F"), &list, WITHIN).await.unwrap();
    let numbers: Vec<u64> = listed().await.iter().map(|run: &RunSummary| run.number).collect();
    assert_eq!(numbers, (1..=RUNS).rev().collect::<Vec<u64>>());

    // A run without beats has failed, also where the timer was set by a leader that is dead.
    let failed = async || listed().await.iter().all(|run| run.status == Status::Failed);
    world.until("all runs have failed by their silence", failed).await;
    for run in &runs {
        let standing = client.run(run).await.standing;
        assert!(standing.why.starts_with("no heartbeat for "), "{run}: {}", standing.why);
    }
    assert!(world.node(survivor).inspect().node(NodeId(survivor)).await.is_ok());
}
