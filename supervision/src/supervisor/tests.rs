//! Supervisors over real actors.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use troupe_runtime::NodeId;

use super::*;
use crate::journal::RingJournal;
use crate::plan::Strategy;

struct Worker;

enum Work {
    Panic,
    Finish,
}

impl ractor::Message for Work {}

impl Actor for Worker {
    type Msg = Work;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Work>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(
        &self,
        myself: ActorRef<Work>,
        work: Work,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        match work {
            Work::Panic => panic!("told to"),
            Work::Finish => myself.stop(None),
        }
        Ok(())
    }
}

#[derive(Default)]
struct Crew {
    actors: Mutex<Vec<Option<ActorRef<Work>>>>,
    starts: Vec<AtomicU32>,
}

use std::sync::Mutex;

fn crew(count: usize, restart: Restart) -> (Arc<Crew>, Vec<ChildSpec>) {
    let crew = Arc::new(Crew {
        actors: Mutex::new(vec![None; count]),
        starts: (0..count).map(|_| AtomicU32::new(0)).collect(),
    });
    let specs = (0..count)
        .map(|place| {
            let crew = crew.clone();
            let start = move |parent: Option<ActorCell>| {
                let crew = crew.clone();
                async move {
                    let parent = parent.unwrap();
                    let (actor, _) = Worker::spawn_linked(None, Worker, (), parent).await?;
                    crew.actors.lock().unwrap()[place] = Some(actor.clone());
                    crew.starts[place].fetch_add(1, Ordering::SeqCst);
                    Ok(actor.get_cell())
                }
                .boxed()
            };
            ChildSpec { name: format!("w{place}"), restart, start: Arc::new(start) }
        })
        .collect();
    (crew, specs)
}

impl Crew {
    fn tell(&self, place: usize, work: Work) {
        let actor = self.actors.lock().unwrap()[place].clone().unwrap();
        actor.cast(work).unwrap();
    }

    fn starts(&self) -> Vec<u32> {
        self.starts.iter().map(|starts| starts.load(Ordering::SeqCst)).collect()
    }
}

fn shared() -> Supervision {
    Supervision {
        journal: Arc::new(RingJournal::default()),
        tree: Arc::new(Tree::new(NodeId(1))),
        clock: Clock::start(),
    }
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(10), "waited in vain: {what}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panicking_child_is_started_again_and_its_siblings_by_strategy() {
    for (strategy, expected) in [
        (Strategy::OneForOne, vec![1, 2, 1]),
        (Strategy::OneForAll, vec![2, 2, 2]),
        (Strategy::RestForOne, vec![1, 2, 2]),
    ] {
        let (crew, specs) = crew(3, Restart::Permanent);
        let shared = shared();
        let options = Options { strategy, ..Options::default() };
        let supervisor = supervise("node", specs, options, shared.clone(), None).await.unwrap();
        crew.tell(1, Work::Panic);
        until("restarts", || crew.starts() == expected).await;
        // The crew counts a start before its supervisor has noted it.
        let noted = || shared.tree.view().actors.iter().any(|a| a.path == "node/w1" && a.restarts > 0);
        until("the tree", noted).await;
        let view = shared.tree.view();
        let w1 = view.actors.iter().find(|actor| actor.path == "node/w1").unwrap();
        assert_eq!((w1.restarts, w1.last_reason.as_deref()), (1, Some("told to")), "{strategy:?}");
        supervisor.stop_and_wait(None, None).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_that_has_done_its_work_is_left_alone() {
    let (crew, specs) = crew(1, Restart::Transient);
    let shared = shared();
    let supervisor = supervise("node", specs, Options::default(), shared.clone(), None).await.unwrap();
    crew.tell(0, Work::Finish);
    until("stopped", || shared.tree.view().actors.iter().any(|actor| actor.state == ChildState::Stopped))
        .await;
    assert_eq!(crew.starts(), [1]);
    supervisor.stop_and_wait(None, None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_supervisor_that_gives_up_fails_and_its_own_supervisor_starts_it_anew() {
    let (crew, specs) = crew(1, Restart::Permanent);
    let shared = shared();
    let narrow = Options { restarts_max: 1, ..Options::default() };
    let inner = supervisor_spec("node/inner", specs, narrow, shared.clone());
    let outer = supervise("node", vec![inner], Options::default(), shared.clone(), None).await.unwrap();
    crew.tell(0, Work::Panic);
    until("the first restart", || crew.starts() == [2]).await;
    crew.tell(0, Work::Panic);
    until("a new supervisor starts it anew", || crew.starts() == [3]).await;
    let changes: Vec<String> =
        shared.journal.newest(99).into_iter().rev().map(|record| record.change).collect();
    assert!(changes.contains(&"gave_up".to_owned()), "{changes:?}");
    outer.stop_and_wait(None, None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_all_stops_each_and_starts_none_again() {
    let (crew, specs) = crew(3, Restart::Permanent);
    let shared = shared();
    let supervisor = supervise("node", specs, Options::default(), shared.clone(), None).await.unwrap();
    supervisor.cast(SupervisorMessage::StopAll).unwrap();
    let stopped = || {
        let view = shared.tree.view();
        view.actors.iter().filter(|actor| actor.state == ChildState::Stopped).count() == 3
    };
    until("all stopped", stopped).await;
    assert_eq!(crew.starts(), [1, 1, 1]);
}
