//! The mailbox of a shard's actor. The lane for requests is bounded in asks and bytes; system inputs have a lane of
//! their own.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use ractor::ActorRef;
use tokio::sync::oneshot;

use super::actor::ShardMessage;
use super::config::ShardConfig;
use super::follower_reads::{NearAnswer, NearAsk};
use super::output::CheckpointEnd;
use super::quiescence::Quiescence;
use super::replica::Replica;
use super::world::ShardWorld;
use crate::address::{Address, NodeId, ShardId};
use crate::entity::{KindSpec, VerbSpec};
use crate::error::AskError;
use crate::locks::lock;
use crate::replication::{Mono, ReplicaId};
use crate::time::{Clock, Timestamp};
use crate::transport::{AskOne, EffectBatch, Envelope, Outcome};

/// System inputs that wait at most. Raft messages beyond it are dropped: Raft tolerates loss.
const SYSTEM_MAX: usize = 16_384;
/// Effect batches that wait at most. Batches beyond it are dropped, and their sender resends them.
const EFFECTS_MAX: usize = 4_096;

/// The receiver of a finished request.
pub enum ReplyTo {
    /// A caller on this node.
    Local(oneshot::Sender<Vec<Outcome>>),
    /// A caller on another node.
    Remote {
        /// The node.
        node: NodeId,
        /// The number of its call.
        call: u64,
    },
}

/// Asks that arrived together.
pub struct Request {
    /// The asks, in order.
    pub asks: Vec<AskOne>,
    /// Deadline on the shell's monotonic clock.
    pub deadline: Mono,
    /// The receiver of the outcomes.
    pub reply: ReplyTo,
}

impl Request {
    fn bytes(&self) -> u64 {
        self.asks.iter().map(AskOne::bytes).sum()
    }
}

/// An inspection of the replica, run in its actor's turn.
pub type Inspect = Box<dyn FnOnce(&mut Replica, Mono) + Send>;

/// An input that is not a request.
pub enum SystemInput {
    /// Peers' Raft messages.
    Raft(Vec<Vec<u8>>),
    /// Records under this number are durable, or the log has failed.
    Persisted(u64, Result<(), String>),
    /// A checkpoint is durable, or could not be written.
    Checkpointed(CheckpointEnd),
    /// Effects from another shard.
    Effects(EffectBatch),
    /// A receiver acknowledges effects of this shard.
    Taken {
        /// The receiver.
        by: ShardId,
        /// Number of its last committed effect.
        seq: u64,
    },
    /// A whole snapshot.
    Snapshot(Vec<u8>),
    /// A snapshot could not be sent.
    SnapshotFailed(ReplicaId, String),
    /// An inspection from the console.
    Inspect(Inspect),
    /// The group has removed this replica.
    Dismissed,
    /// A follower read.
    Near(NearAsk),
}

#[derive(Default)]
struct Lanes {
    user: VecDeque<Request>,
    user_asks: usize,
    user_bytes: u64,
    system: VecDeque<SystemInput>,
    effects: usize,
}

/// The mailbox of one shard on one node. It outlives its actor's incarnations.
pub struct Mailbox {
    shard: ShardId,
    lanes: Mutex<Lanes>,
    awake: AtomicBool,
    /// Ticks that the actor has not counted.
    ticks: AtomicU32,
    /// Whether a beat is among these ticks.
    beat: AtomicBool,
    /// The replica's [`Quiescence`].
    quiescence: AtomicU8,
    backlog: AtomicU32,
    backlog_bytes: AtomicU64,
    asks_max: usize,
    bytes_max: u64,
    seat: ArcSwapOption<Seat>,
}

/// An incarnation of the actor, and its replica.
struct Seat {
    actor: ActorRef<ShardMessage>,
    replica: Arc<Mutex<Replica>>,
}

impl Mailbox {
    /// An empty mailbox.
    #[must_use]
    pub fn new(shard: ShardId, config: &ShardConfig) -> Arc<Self> {
        Arc::new(Self {
            shard,
            lanes: Mutex::default(),
            awake: AtomicBool::new(false),
            ticks: AtomicU32::new(0),
            beat: AtomicBool::new(false),
            quiescence: AtomicU8::new(Quiescence::None.to_bits()),
            backlog: AtomicU32::new(0),
            backlog_bytes: AtomicU64::new(0),
            asks_max: config.mailbox_asks_max as usize,
            bytes_max: config.mailbox_bytes_max,
            seat: ArcSwapOption::empty(),
        })
    }

    /// The shard.
    #[must_use]
    pub const fn shard(&self) -> ShardId {
        self.shard
    }

    /// Queues a request, or returns it with the reason.
    ///
    /// # Errors
    /// `Busy` at the bound, `NotSent` while the replica is not running.
    pub fn ask(&self, request: Request) -> Result<(), (AskError, Request)> {
        if !self.is_connected() {
            let why = format!("shard {} is not running on this node", self.shard);
            return Err((AskError::NotSent(why), request));
        }
        self.hold(request)?;
        self.wake();
        Ok(())
    }

    fn hold(&self, request: Request) -> Result<(), (AskError, Request)> {
        let bytes = request.bytes();
        let mut lanes = self.lanes();
        let asks = lanes.user_asks + self.backlog.load(Ordering::Relaxed) as usize;
        let held = lanes.user_bytes + self.backlog_bytes.load(Ordering::Relaxed);
        // An empty mailbox takes a request of any size; otherwise one above the bound could never enter.
        let full = asks > 0 && (asks + request.asks.len() > self.asks_max || held + bytes > self.bytes_max);
        if full {
            return Err((AskError::busy("mailbox", Duration::from_millis(50)), request));
        }
        lanes.user_asks += request.asks.len();
        lanes.user_bytes += bytes;
        lanes.user.push_back(request);
        Ok(())
    }

    /// Answers a query without the actor's turn, if that is possible; see `Replica::answer_here`.
    pub(crate) fn answer_here(
        &self,
        to: &Address,
        verb: (&KindSpec, &VerbSpec),
        body: &[u8],
        clock: Clock,
    ) -> Option<Outcome> {
        self.with_replica(|replica| replica.answer_here(to, verb, body, clock.mono(), Timestamp::wall()))?
    }

    /// Answers a follower read without the actor's turn, if that is possible; see `Replica::answer_near`. `age_max` is in
    /// microseconds.
    pub(crate) fn answer_near(
        &self,
        to: &Address,
        verb: (&KindSpec, &VerbSpec),
        body: &[u8],
        age_max: Mono,
        clock: Clock,
    ) -> Option<NearAnswer> {
        let times = (clock.mono(), Timestamp::wall());
        self.with_replica(|replica| replica.answer_near((to, verb, body), age_max, times))?
    }

    /// The last entry that the replica has applied; `None` while its lock is held or no replica runs.
    pub(crate) fn applied(&self) -> Option<u64> {
        self.with_replica(|replica| replica.applied())
    }

    /// Queues a system input. Raft messages, follower reads and effects are dropped at their bounds; the rest always
    /// fits.
    pub fn system(&self, input: SystemInput) {
        let wakes = match &input {
            SystemInput::Raft(messages) => self.quiescence().wakes_for(messages),
            _ => true,
        };
        if self.put(input) && wakes {
            self.wake();
        }
    }

    /// Queues a system input for the next turn without a wake; false if it was dropped.
    pub(super) fn put(&self, input: SystemInput) -> bool {
        let mut lanes = self.lanes();
        let drop = match &input {
            SystemInput::Raft(_) | SystemInput::Near(_) => lanes.system.len() >= SYSTEM_MAX,
            SystemInput::Effects(_) => lanes.effects >= EFFECTS_MAX,
            _ => false,
        };
        if !drop {
            lanes.effects += usize::from(matches!(input, SystemInput::Effects(_)));
            lanes.system.push_back(input);
        }
        !drop
    }

    /// Counts a tick of the Raft clock. It may run an inline turn, with messages for peers in `send`.
    pub(super) fn tick(&self, beat: bool, world: &ShardWorld, send: &mut dyn FnMut(NodeId, Envelope)) {
        if !self.is_connected() {
            return;
        }
        let ticks = self.ticks.fetch_add(1, Ordering::Relaxed) + 1;
        self.beat.fetch_or(beat, Ordering::Relaxed);
        let quiescence = self.quiescence();
        if quiescence == Quiescence::Leads && beat {
            self.turn_inline(world.clock, world.raft.heartbeat_ticks, send);
        } else if quiescence.wakes_at(beat, ticks, world.raft.heartbeat_ticks) {
            self.wake();
        }
    }

    /// Takes the ticks since the last call, and whether a beat was among them.
    pub(super) fn take_ticks(&self, heartbeat_ticks: u16) -> (u32, bool) {
        let ticks = self.ticks.swap(0, Ordering::Relaxed).min(Quiescence::ticks_max(heartbeat_ticks));
        (ticks, self.beat.swap(false, Ordering::Relaxed))
    }

    pub(super) fn quiescence(&self) -> Quiescence {
        Quiescence::from_bits(self.quiescence.load(Ordering::Acquire))
    }

    /// Takes over a replica's quiescence. While a round of it waits for answers the actor is woken by each of them: they end
    /// the wait of a follower's reader.
    pub(super) fn follow(&self, replica: &Replica) {
        let waits = replica.machine.group.has_open_round();
        self.set_quiescence(if waits { Quiescence::None } else { replica.quiescence() });
    }

    /// Sets the events for which the actor is not woken until its next turn. Inputs that arrived during this turn were
    /// judged by the earlier value; an actor that is less quiescent now is woken for them.
    pub(super) fn set_quiescence(&self, quiescence: Quiescence) {
        let before = Quiescence::from_bits(self.quiescence.swap(quiescence.to_bits(), Ordering::AcqRel));
        let wakes_more = before == Quiescence::Leads && quiescence != Quiescence::Leads;
        if wakes_more && !self.lanes().system.is_empty() {
            self.wake();
        }
    }

    /// Whether a replica takes inputs from it.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.seat.load().is_some()
    }

    /// Asks that wait here.
    #[must_use]
    pub fn depth(&self) -> u32 {
        u32::try_from(self.lanes().user_asks).unwrap_or(u32::MAX)
    }

    /// Connects an incarnation of the actor. System inputs for the previous incarnation are dropped; requests are kept.
    pub(super) fn connect(&self, actor: ActorRef<ShardMessage>, replica: Arc<Mutex<Replica>>) {
        {
            let mut lanes = self.lanes();
            lanes.system.clear();
            lanes.effects = 0;
        }
        self.seat.store(Some(Arc::new(Seat { actor, replica })));
        self.awake.store(false, Ordering::Release);
        self.ticks.store(0, Ordering::Relaxed);
        self.wake();
    }

    /// Disconnects an actor that has ended. Requests are rejected until the next incarnation; those that wait are
    /// dropped, and their callers' deadlines end them.
    pub(super) fn disconnect(&self, of: ractor::ActorId) {
        let seat = self.seat.load();
        // The next incarnation may have connected already.
        let Some(current) = seat.as_ref().filter(|seat| seat.actor.get_id() == of) else { return };
        let before = self.seat.compare_and_swap(current, None);
        if before.as_ref().is_none_or(|before| !Arc::ptr_eq(before, current)) {
            return;
        }
        self.set_backlog(0, 0);
        let mut lanes = self.lanes();
        *lanes = Lanes::default();
    }

    /// Takes all system inputs, and requests as far as the replica has room.
    pub(super) fn drain(&self, backlog: usize) -> (VecDeque<SystemInput>, Vec<Request>) {
        // Cleared first: an input that arrives while draining wakes the actor once more, which is harmless.
        self.awake.store(false, Ordering::Release);
        let mut lanes = self.lanes();
        let system = std::mem::take(&mut lanes.system);
        lanes.effects = 0;
        let mut requests = Vec::new();
        let mut room = self.asks_max.saturating_sub(backlog);
        while let Some(front) = lanes.user.front() {
            if front.asks.len() > room && backlog > 0 {
                break;
            }
            room = room.saturating_sub(front.asks.len());
            requests.extend(lanes.user.pop_front());
        }
        lanes.user_bytes -= requests.iter().map(Request::bytes).sum::<u64>();
        lanes.user_asks = lanes.user.iter().map(|request| request.asks.len()).sum();
        (system, requests)
    }

    /// Asks and bytes that the replica still holds: they count against the bounds.
    pub(super) fn set_backlog(&self, asks: usize, bytes: u64) {
        self.backlog.store(u32::try_from(asks).unwrap_or(u32::MAX), Ordering::Relaxed);
        self.backlog_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Takes all inputs if no request waits and every system input `fits`; `None` otherwise.
    pub(super) fn drain_if(&self, fits: impl Fn(&SystemInput) -> bool) -> Option<VecDeque<SystemInput>> {
        let mut lanes = self.lanes();
        if !lanes.user.is_empty() || !lanes.system.iter().all(fits) {
            return None;
        }
        self.awake.store(false, Ordering::Release);
        Some(std::mem::take(&mut lanes.system))
    }

    /// Works on the replica; `None` while its lock is held or no replica runs.
    pub(super) fn with_replica<T>(&self, work: impl FnOnce(&mut Replica) -> T) -> Option<T> {
        let seat = self.seat.load();
        let mut replica = seat.as_ref()?.replica.try_lock().ok()?;
        Some(work(&mut replica))
    }

    fn wake(&self) {
        if self.claim() {
            self.cast();
        }
    }

    /// Claims the next wake. The task that receives true must take the inputs or cast the wake.
    pub(super) fn claim(&self) -> bool {
        !self.awake.swap(true, Ordering::AcqRel)
    }

    /// Wakes the actor, without regard to the claim.
    pub(super) fn cast(&self) {
        if let Some(seat) = &*self.seat.load() {
            // A dead actor is noticed by its supervisor, not here.
            let _ = seat.actor.cast(ShardMessage::Wake);
        }
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        lock(&self.lanes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(asks: usize, bytes: usize) -> Request {
        let to = Address { kind: "k".into(), key: "a".into() };
        let one = AskOne { to, verb: "v".into(), body: vec![0; bytes], key: None };
        Request { asks: vec![one; asks], deadline: 1, reply: ReplyTo::Remote { node: NodeId(1), call: 1 } }
    }

    #[test]
    fn asks_that_the_replica_still_holds_count_against_the_bounds_and_finished_asks_do_not() {
        let config =
            ShardConfig { mailbox_asks_max: 100, mailbox_bytes_max: 10_000, ..ShardConfig::default() };
        let mailbox = Mailbox::new(ShardId(1), &config);
        let full = |request| mailbox.hold(request).is_err();
        assert!(!full(request(1, 6_000)) && full(request(1, 6_000)));
        mailbox.drain(0);
        mailbox.set_backlog(1, 6_064);
        assert!(full(request(1, 6_000)), "the replica holds it now");
        assert!(!full(request(30, 0)));
        // The replica has no room for it yet.
        assert!(!full(request(1, 100)));
        let (_, taken) = mailbox.drain(100);
        assert!(taken.is_empty());
        mailbox.drain(40);
        mailbox.set_backlog(0, 0);
        assert!(!full(request(1, 6_000)), "a finished ask no longer counts");
    }
}
