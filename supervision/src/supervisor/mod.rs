//! The actor that runs a plan.

use std::sync::Arc;

use futures::future::FutureExt as _;
use ractor::{Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, SpawnErr, SupervisionEvent};
use troupe_runtime::Timestamp;
use troupe_runtime::observe::{Journal, Lifecycle};
use troupe_runtime::supervised::{ChildSpec, Restart};
use troupe_runtime::time::Clock;

use crate::plan::{Options, Order, Plan};
use crate::tree::{ChildState, Tree};

/// How long a child may take to stop.
const STOP_WITHIN: std::time::Duration = std::time::Duration::from_secs(5);

/// What all supervisors of a node share.
#[derive(Clone)]
pub struct Supervision {
    /// Where they tell what happened.
    pub journal: Arc<dyn Journal>,
    /// Where they tell how things are.
    pub tree: Arc<Tree>,
    /// The process's clock.
    pub clock: Clock,
}

/// What a supervisor is told.
pub enum SupervisorMessage {
    /// Start these children again now.
    Start(Vec<usize>),
    /// Stop every child, last started first, then end.
    StopAll,
}

impl ractor::Message for SupervisorMessage {}

struct Supervisor;

struct Arguments {
    path: String,
    specs: Vec<ChildSpec>,
    options: Options,
    shared: Supervision,
}

struct State {
    path: String,
    children: Vec<(ChildSpec, Option<ActorCell>)>,
    plan: Plan,
    shared: Supervision,
    /// Children that we stop ourselves: their end is no event.
    stopping: Vec<ActorId>,
}

/// Starts a supervisor and its children.
///
/// # Errors
/// A first start that fails: what cannot even start once is a mistake of the composition, not a fault to be retried.
pub async fn supervise(
    path: &str,
    specs: Vec<ChildSpec>,
    options: Options,
    shared: Supervision,
    parent: Option<ActorCell>,
) -> Result<ActorRef<SupervisorMessage>, SpawnErr> {
    let arguments = Arguments { path: path.to_owned(), specs, options, shared };
    let (actor, _) = match parent {
        Some(parent) => Supervisor::spawn_linked(None, Supervisor, arguments, parent).await?,
        None => Supervisor::spawn(None, Supervisor, arguments).await?,
    };
    Ok(actor)
}

/// A supervisor as the child of another.
#[must_use]
pub fn supervisor_spec(
    path: &str,
    specs: Vec<ChildSpec>,
    options: Options,
    shared: Supervision,
) -> ChildSpec {
    let name = path.rsplit('/').next().unwrap_or(path).to_owned();
    let path = path.to_owned();
    let start = move |parent: Option<ActorCell>| {
        let (path, specs, shared) = (path.clone(), specs.clone(), shared.clone());
        async move { Ok(supervise(&path, specs, options, shared, parent).await?.get_cell()) }.boxed()
    };
    ChildSpec { name, restart: Restart::Permanent, start: Arc::new(start) }
}

impl Actor for Supervisor {
    type Msg = SupervisorMessage;
    type State = State;
    type Arguments = Arguments;

    async fn pre_start(
        &self,
        myself: ActorRef<SupervisorMessage>,
        arguments: Arguments,
    ) -> Result<State, ActorProcessingErr> {
        let Arguments { path, specs, options, shared } = arguments;
        let seed = Timestamp::wall().millis() ^ myself.get_id().pid();
        let plan = Plan::new(options, specs.len(), seed);
        shared.tree.note(&path, ChildState::Running, plan.left(), None, false);
        let children = specs.into_iter().map(|spec| (spec, None)).collect();
        let mut state = State { path, children, plan, shared, stopping: Vec::new() };
        for place in 0..state.children.len() {
            state.start(place, &myself, false).await;
        }
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<SupervisorMessage>,
        message: SupervisorMessage,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            SupervisorMessage::Start(places) => {
                for place in places {
                    state.start(place, &myself, true).await;
                }
            }
            SupervisorMessage::StopAll => {
                for place in (0..state.children.len()).rev() {
                    state.stop(place).await;
                }
                myself.stop(None);
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<SupervisorMessage>,
        event: SupervisionEvent,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let (child, failed, reason) = match event {
            SupervisionEvent::ActorFailed(child, error) => (child, true, error.to_string()),
            SupervisionEvent::ActorTerminated(child, _, reason) => {
                (child, false, reason.unwrap_or_else(|| "it stopped".to_owned()))
            }
            _ => return Ok(()),
        };
        state.ended(&child, failed, &reason, &myself).await
    }
}

impl State {
    async fn ended(
        &mut self,
        child: &ActorCell,
        failed: bool,
        reason: &str,
        myself: &ActorRef<SupervisorMessage>,
    ) -> Result<(), ActorProcessingErr> {
        if let Some(at) = self.stopping.iter().position(|id| *id == child.get_id()) {
            self.stopping.swap_remove(at);
            return Ok(());
        }
        let held =
            |cell: &Option<ActorCell>| cell.as_ref().is_some_and(|cell| cell.get_id() == child.get_id());
        let Some(place) = self.children.iter().position(|(_, cell)| held(cell)) else { return Ok(()) };
        self.children[place].1 = None;
        self.again(place, failed, reason, myself).await
    }

    async fn again(
        &mut self,
        place: usize,
        failed: bool,
        reason: &str,
        myself: &ActorRef<SupervisorMessage>,
    ) -> Result<(), ActorProcessingErr> {
        let restart = self.children[place].0.restart;
        match self.plan.ended(place, failed, restart, self.shared.clock.mono()) {
            Order::Leave => self.tell(place, ChildState::Stopped, "stopped", reason, false),
            Order::Escalate => {
                self.tell(place, ChildState::GaveUp, "gave_up", reason, false);
                return Err(format!("{} gave up on {}: {reason}", self.path, self.child_path(place)).into());
            }
            Order::Restart { stop, start, after } => {
                self.tell(place, ChildState::Restarting, "failed", reason, false);
                for other in stop {
                    self.stop(other).await;
                }
                let _timer = myself.send_after(after, move || SupervisorMessage::Start(start));
            }
        }
        Ok(())
    }

    async fn start(&mut self, place: usize, myself: &ActorRef<SupervisorMessage>, again: bool) {
        if self.children[place].1.is_some() {
            return;
        }
        let start = self.children[place].0.start.clone();
        match start(Some(myself.get_cell())).await {
            Ok(cell) => {
                self.children[place].1 = Some(cell);
                let change = if again { "restarted" } else { "started" };
                self.tell(place, ChildState::Running, change, "", again);
            }
            Err(error) => {
                let reason = format!("it does not start: {error}");
                if self.again(place, true, &reason, myself).await.is_err() {
                    myself.stop(Some(reason));
                }
            }
        }
    }

    async fn stop(&mut self, place: usize) {
        let Some(cell) = self.children[place].1.take() else { return };
        self.stopping.push(cell.get_id());
        if cell.stop_and_wait(None, Some(STOP_WITHIN)).await.is_err() {
            cell.kill();
        }
        self.tell(place, ChildState::Stopped, "stopped", "by its supervisor", false);
    }

    fn tell(&self, place: usize, state: ChildState, change: &str, reason: &str, restarted: bool) {
        let path = self.child_path(place);
        let why = Some(reason).filter(|reason| !reason.is_empty());
        self.shared.tree.note(&path, state, self.plan.left(), why, restarted);
        match change {
            "started" => return,
            "failed" | "gave_up" => tracing::warn!(path, change, error = reason, "supervision"),
            _ => tracing::info!(path, change, reason, "supervision"),
        }
        self.shared.journal.record(Lifecycle {
            at: Timestamp::wall(),
            node: self.shared.tree.node(),
            subject: path,
            change: change.to_owned(),
            reason: reason.to_owned(),
        });
    }

    fn child_path(&self, place: usize) -> String {
        format!("{}/{}", self.path, self.children[place].0.name)
    }
}

#[cfg(test)]
mod tests;
