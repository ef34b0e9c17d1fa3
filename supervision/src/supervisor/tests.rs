//! Supervisors over real actors.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::future::FutureExt as _;
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SpawnErr};
use troupe_runtime::NodeId;
use troupe_runtime::supervised::{ChildSpec, Restart};
use troupe_runtime::time::Clock;

use super::*;
use crate::journal::RingJournal;
use crate::strategy::{Options, Strategy};
use crate::tree::{ChildState, Tree};

struct Worker;

enum Work {
    Panic,
    Finish,
    /// Never return from this message.
    Hang,
}

impl ractor::Message for Work {}

impl Actor for Worker {
    type Msg = Work;
    type State = (usize, Arc<Crew>);
    type Arguments = (usize, Arc<Crew>);

    async fn pre_start(
        &self,
        _: ActorRef<Work>,
        of: (usize, Arc<Crew>),
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(of)
    }

    async fn handle(
        &self,
        myself: ActorRef<Work>,
        work: Work,
        _: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match work {
            Work::Panic => panic!("on request"),
            Work::Finish => myself.stop(None),
            Work::Hang => std::future::pending().await,
        }
        Ok(())
    }

    async fn post_stop(
        &self,
        _: ActorRef<Work>,
        (place, crew): &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        crew.stopped.lock().unwrap().push(*place);
        Ok(())
    }
}

#[derive(Default)]
struct Crew {
    actors: Mutex<Vec<Option<ActorRef<Work>>>>,
    starts: Vec<AtomicU32>,
    /// Number of starts to refuse from now on.
    refused: Vec<AtomicU32>,
    /// Children that stopped, in order.
    stopped: Mutex<Vec<usize>>,
}

fn crew(count: usize, restart: Restart) -> (Arc<Crew>, Vec<ChildSpec>) {
    let crew = Arc::new(Crew {
        actors: Mutex::new(vec![None; count]),
        starts: (0..count).map(|_| AtomicU32::new(0)).collect(),
        refused: (0..count).map(|_| AtomicU32::new(0)).collect(),
        stopped: Mutex::default(),
    });
    let specs = (0..count)
        .map(|place| {
            let crew = crew.clone();
            let start = move |parent: Option<ActorCell>| {
                let crew = crew.clone();
                async move {
                    let refuse = |left: u32| left.checked_sub(1);
                    if crew.refused[place].fetch_update(Ordering::SeqCst, Ordering::SeqCst, refuse).is_ok() {
                        return Err(SpawnErr::StartupFailed("not today".into()));
                    }
                    let parent = parent.unwrap();
                    let of = (place, crew.clone());
                    let (actor, _) = Worker::spawn_linked(None, Worker, of, parent).await?;
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
    fn actor(&self, place: usize) -> ActorRef<Work> {
        self.actors.lock().unwrap()[place].clone().unwrap()
    }

    fn tell(&self, place: usize, work: Work) {
        self.actor(place).cast(work).unwrap();
    }

    fn starts(&self) -> Vec<u32> {
        self.starts.iter().map(|starts| starts.load(Ordering::SeqCst)).collect()
    }

    fn stopped(&self) -> Vec<usize> {
        self.stopped.lock().unwrap().clone()
    }
}

impl Supervision {
    fn state(&self, path: &str) -> Option<ChildState> {
        self.tree.view().actors.iter().find(|actor| actor.path == path).map(|actor| actor.state)
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
        assert!(start.elapsed() < Duration::from_secs(10), "timed out waiting for {what}");
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
        // The crew counts a start before its supervisor has recorded it.
        let noted = || shared.tree.view().actors.iter().any(|a| a.path == "node/w1" && a.restarts > 0);
        until("the tree", noted).await;
        let view = shared.tree.view();
        let w1 = view.actors.iter().find(|actor| actor.path == "node/w1").unwrap();
        assert_eq!((w1.restarts, w1.last_reason.as_deref()), (1, Some("on request")), "{strategy:?}");
        supervisor.stop_and_wait(None, None).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_that_has_finished_is_not_restarted() {
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
async fn a_supervisor_that_gives_up_fails_and_its_own_supervisor_restarts_it() {
    let (crew, specs) = crew(1, Restart::Permanent);
    let shared = shared();
    let narrow = Options { restarts_max: 1, ..Options::default() };
    let inner = supervisor_spec("node/inner", specs, narrow, shared.clone());
    let outer = supervise("node", vec![inner], Options::default(), shared.clone(), None).await.unwrap();
    crew.tell(0, Work::Panic);
    until("the first restart", || crew.starts() == [2]).await;
    crew.tell(0, Work::Panic);
    until("a new supervisor starts it again", || crew.starts() == [3]).await;
    let changes: Vec<String> =
        shared.journal.newest(99).into_iter().rev().map(|record| record.change).collect();
    assert!(changes.contains(&"gave_up".to_owned()), "{changes:?}");
    outer.stop_and_wait(None, None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_all_stops_each_in_reverse_order_at_every_depth_and_restarts_none() {
    let (crew, mut specs) = crew(4, Restart::Permanent);
    let shared = shared();
    let inner = supervisor_spec("node/inner", specs.split_off(1), Options::default(), shared.clone());
    let last = specs.remove(0);
    let supervisor =
        supervise("node", vec![inner, last], Options::default(), shared.clone(), None).await.unwrap();
    supervisor.cast(SupervisorMessage::StopAll).unwrap();
    supervisor.wait(None).await.unwrap();
    assert_eq!(crew.stopped(), [0, 3, 2, 1]);
    assert_eq!(crew.starts(), [1, 1, 1, 1]);
    assert!(shared.tree.view().actors.iter().all(|actor| actor.state == ChildState::Stopped));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_child_has_failed_whether_it_was_busy_or_not() {
    for busy in [false, true] {
        let (crew, specs) = crew(1, Restart::Transient);
        let supervisor = supervise("node", specs, Options::default(), shared(), None).await.unwrap();
        if busy {
            crew.tell(0, Work::Hang);
        }
        crew.actor(0).kill();
        until("restarted after a kill", || crew.starts() == [2]).await;
        supervisor.stop_and_wait(None, None).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_that_does_not_stop_in_time_is_killed_before_its_successor_starts() {
    let (crew, specs) = crew(2, Restart::Permanent);
    let shared = shared();
    let options = Options {
        strategy: Strategy::OneForAll,
        stop_within: Duration::from_millis(30),
        ..Options::default()
    };
    let supervisor = supervise("node", specs, options, shared.clone(), None).await.unwrap();
    let first = crew.actor(0);
    crew.tell(0, Work::Hang);
    crew.tell(1, Work::Panic);
    until("both again", || crew.starts() == [2, 2]).await;
    assert_eq!(first.get_status(), ractor::ActorStatus::Stopped);
    let told = shared.journal.newest(99);
    assert!(told.iter().any(|record| record.subject == "node/w0" && record.reason.starts_with("killed")));
    supervisor.stop_and_wait(None, None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failed_starts_are_retried_and_too_many_end_the_supervisor_with_a_failure() {
    let narrow = Options { restarts_max: 2, ..Options::default() };
    let (patient, specs) = crew(2, Restart::Permanent);
    patient.refused[0].store(2, Ordering::SeqCst);
    let supervisor = supervise("node", specs, narrow, shared(), None).await.unwrap();
    until("the third attempt", || patient.starts() == [1, 1]).await;
    supervisor.stop_and_wait(None, None).await.unwrap();

    let (crew, specs) = crew(2, Restart::Permanent);
    let shared = shared();
    let inner = supervisor_spec("node/inner", specs, narrow, shared.clone());
    let outer = supervise("node", vec![inner], narrow, shared.clone(), None).await.unwrap();
    crew.refused[1].store(u32::MAX, Ordering::SeqCst);
    crew.tell(1, Work::Panic);
    // Each new supervisor gives up too, until the root gives up.
    outer.wait(Some(Duration::from_secs(20))).await.unwrap();
    assert_eq!(shared.state("node"), Some(ChildState::GaveUp));
    assert_eq!(crew.actor(0).get_status(), ractor::ActorStatus::Stopped, "a sibling is left behind");
    assert_eq!(crew.starts(), [3, 1], "one start of the group for each restart that the root allows");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_supervisor_that_stops_cancels_pending_starts() {
    let (crew, specs) = crew(1, Restart::Permanent);
    let shared = shared();
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let hour = Duration::from_secs(3_600);
    let slow = Options { backoff_min: hour, backoff_max: hour, ..Options::default() };
    let supervisor = supervise("node", specs, slow, shared.clone(), None).await.unwrap();
    crew.tell(0, Work::Panic);
    until("it waits", || shared.state("node/w0") == Some(ChildState::Restarting)).await;
    assert!(tasks() > before);
    supervisor.stop_and_wait(None, None).await.unwrap();
    until("its timer is gone", || tasks() == before).await;
    assert_eq!(crew.starts(), [1]);
}
