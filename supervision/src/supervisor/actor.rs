//! The supervisor actor: executes the decisions of the plan.

use std::collections::BTreeMap;
use std::time::Duration;

use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::task::AbortHandle;
use troupe_runtime::Timestamp;
use troupe_runtime::supervised::ChildSpec;

use super::record::{Change, Supervision};
use crate::strategy::{Ending, Options, Plan, Verdict};
use crate::tree::ChildState;

/// The reason that ractor gives for an actor killed while idle.
const KILLED: &str = "killed";

/// A message to a supervisor.
#[derive(Debug)]
pub enum SupervisorMessage {
    /// A pause is over: start the children that wait for this round.
    Due(u64),
    /// Stop every child, last started first, then end.
    StopAll,
}

impl ractor::Message for SupervisorMessage {}

pub(super) struct Supervisor;

pub(super) struct Arguments {
    pub(super) path: String,
    pub(super) specs: Vec<ChildSpec>,
    pub(super) options: Options,
    pub(super) shared: Supervision,
}

struct Slot {
    spec: ChildSpec,
    path: String,
    /// The child's actor; taken before the supervisor stops it, so that a requested stop does not count as a failure.
    cell: Option<ActorCell>,
    ran_before: bool,
}

pub(super) struct State {
    path: String,
    slots: Vec<Slot>,
    plan: Plan,
    options: Options,
    pauses: BTreeMap<u64, AbortHandle>,
    shared: Supervision,
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
        let seed = Timestamp::wall().millis() ^ myself.get_id().pid();
        let mut state = State::new(arguments, seed);
        state.shared.tree.note(&state.path, ChildState::Running, state.plan.left(), None, false);
        state.start(Plan::FIRST, &myself).await?;
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<SupervisorMessage>,
        message: SupervisorMessage,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            SupervisorMessage::Due(round) => state.start(round, &myself).await?,
            SupervisorMessage::StopAll => myself.stop(Some("asked to stop".to_owned())),
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<SupervisorMessage>,
        event: SupervisionEvent,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let (cell, ending, reason) = match event {
            SupervisionEvent::ActorFailed(cell, error) => (cell, Ending::Failed, error.to_string()),
            SupervisionEvent::ActorTerminated(cell, left_behind, reason) => {
                let killed = left_behind.is_none() || reason.as_deref() == Some(KILLED);
                let ending = if killed { Ending::Failed } else { Ending::Normal };
                (cell, ending, reason.unwrap_or_else(|| "it stopped".to_owned()))
            }
            _ => return Ok(()),
        };
        let holds = |slot: &Slot| slot.cell.as_ref().is_some_and(|held| held.get_id() == cell.get_id());
        let Some(place) = state.slots.iter().position(holds) else { return Ok(()) };
        state.slots[place].cell = None;
        state.ended(place, ending, &reason, &myself).await
    }

    async fn post_stop(
        &self,
        _: ActorRef<SupervisorMessage>,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        state.stop_everything().await;
        state.shared.tree.note(&state.path, ChildState::Stopped, state.plan.left(), None, false);
        Ok(())
    }
}

impl State {
    fn new(arguments: Arguments, seed: u64) -> Self {
        let Arguments { path, specs, options, shared } = arguments;
        let plan = Plan::new(options, specs.iter().map(|spec| spec.restart), seed);
        let slot = |spec: ChildSpec| Slot {
            path: format!("{path}/{}", spec.name),
            spec,
            cell: None,
            ran_before: false,
        };
        let slots = specs.into_iter().map(slot).collect();
        Self { path, slots, plan, options, pauses: BTreeMap::new(), shared }
    }

    fn now(&self) -> Duration {
        Duration::from_micros(self.shared.clock.mono())
    }

    /// Starts the children that wait for this round, one after the other.
    async fn start(
        &mut self,
        round: u64,
        myself: &ActorRef<SupervisorMessage>,
    ) -> Result<(), ActorProcessingErr> {
        self.pauses.remove(&round);
        while let Some(place) = self.plan.due(round) {
            let within = self.options.start_within;
            let starting = (self.slots[place].spec.start)(Some(myself.get_cell()));
            let outcome = tokio::time::timeout(within, starting).await;
            let reason = match outcome {
                Ok(Ok(cell)) => {
                    self.started(place, cell);
                    continue;
                }
                Ok(Err(error)) => format!("start failed: {error}"),
                Err(_) => format!("start timed out after {within:?}"),
            };
            self.ended(place, Ending::NotStarted, &reason, myself).await?;
        }
        Ok(())
    }

    fn started(&mut self, place: usize, cell: ActorCell) {
        self.plan.started(place, self.now());
        let slot = &mut self.slots[place];
        slot.cell = Some(cell);
        let change = if slot.ran_before { Change::Restarted } else { Change::Started };
        slot.ran_before = true;
        self.tell(place, ChildState::Running, change, "");
    }

    /// Executes the plan's decision about an ending; an error ends the supervisor.
    async fn ended(
        &mut self,
        place: usize,
        ending: Ending,
        reason: &str,
        myself: &ActorRef<SupervisorMessage>,
    ) -> Result<(), ActorProcessingErr> {
        match self.plan.ended(place, ending, self.now()) {
            Verdict::Leave if ending == Ending::Normal => {
                self.tell(place, ChildState::Stopped, Change::Stopped, reason);
            }
            Verdict::Leave => self.tell(place, ChildState::Stopped, Change::Failed, reason),
            Verdict::Restart { stop, round, after } => {
                self.tell(place, ChildState::Restarting, Change::Failed, reason);
                for other in stop {
                    let state =
                        if self.plan.waits(other) { ChildState::Restarting } else { ChildState::Stopped };
                    self.stop(other, state).await;
                }
                // Aborts timers without children, so that there are never more timers than children.
                self.pauses.retain(|round, pause| {
                    let awaited = self.plan.due(*round).is_some();
                    if !awaited {
                        pause.abort();
                    }
                    awaited
                });
                let pause = myself.send_after(after, move || SupervisorMessage::Due(round));
                self.pauses.insert(round, pause.abort_handle());
            }
            Verdict::Escalate => {
                self.tell(place, ChildState::GaveUp, Change::GaveUp, reason);
                self.stop_everything().await;
                let reason = format!("{} gave up on {}: {reason}", self.path, self.slots[place].path);
                self.shared.tree.note(&self.path, ChildState::GaveUp, 0, Some(&reason), false);
                return Err(reason.into());
            }
        }
        Ok(())
    }

    /// Stops all running children, the last started first, and cancels all pending starts.
    async fn stop_everything(&mut self) {
        for (_, pause) in std::mem::take(&mut self.pauses) {
            pause.abort();
        }
        for place in (0..self.slots.len()).rev() {
            self.stop(place, ChildState::Stopped).await;
        }
    }

    async fn stop(&mut self, place: usize, state: ChildState) {
        let within = self.options.stop_within;
        let slot = &mut self.slots[place];
        let Some(cell) = slot.cell.take() else { return };
        let asked = Some("stopped by its supervisor".to_owned());
        let reason = match cell.stop_and_wait(asked, Some(within)).await {
            Err(ractor::RactorErr::Timeout) => {
                cell.kill();
                format!("killed by its supervisor: it did not stop within {within:?}")
            }
            _ => "by its supervisor".to_owned(),
        };
        // The actor may still run although it was ending or killed: its successor must not run at the same time.
        if cell.wait(Some(within)).await.is_err() {
            tracing::warn!(path = self.slots[place].path, ?within, "a killed actor still holds its thread");
        }
        self.tell(place, state, Change::Stopped, &reason);
    }

    fn tell(&self, place: usize, state: ChildState, change: Change, reason: &str) {
        self.shared.tell(&self.slots[place].path, state, self.plan.left(), change, reason);
    }
}
