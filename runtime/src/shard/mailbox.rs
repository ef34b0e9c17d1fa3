//! What waits for a shard's actor. Bounded in asks and bytes for users, with a lane of its own for the system.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use ractor::ActorRef;
use tokio::sync::oneshot;

use super::actor::ShardMessage;
use super::config::ShardConfig;
use super::output::CheckpointEnd;
use super::reads::NearAsk;
use super::replica::Replica;
use super::rest::Rest;
use super::world::ShardWorld;
use crate::address::{Address, NodeId, ShardId};
use crate::entity::{KindSpec, VerbSpec};
use crate::error::AskError;
use crate::replication::{Mono, ReplicaId};
use crate::time::{Clock, Timestamp};
use crate::transport::{AskOne, EffectBatch, Envelope, Outcome};

/// System inputs that wait at most: Raft messages beyond it are dropped, which Raft tolerates.
const SYSTEM_MAX: usize = 16_384;
/// Effect batches that wait at most: beyond it they are dropped, and their sender sends them again.
const EFFECTS_MAX: usize = 4_096;

/// Whom a finished request is answered to.
pub enum ReplyTo {
    /// A caller on this node.
    Local(oneshot::Sender<Vec<Outcome>>),
    /// A caller on another node.
    Remote {
        /// The node.
        node: NodeId,
        /// Its call.
        call: u64,
    },
}

/// Asks that arrived together.
pub struct Request {
    /// In order.
    pub asks: Vec<AskOne>,
    /// On the shell's monotonic clock.
    pub deadline: Mono,
    /// Whom to answer.
    pub reply: ReplyTo,
}

impl Request {
    fn bytes(&self) -> u64 {
        self.asks.iter().map(AskOne::bytes).sum()
    }
}

/// A look into the replica, done in its own turn.
pub type Look = Box<dyn FnOnce(&mut Replica, Mono) + Send>;

/// Everything that is not a request.
pub enum SystemInput {
    /// Peers' Raft messages.
    Raft(Vec<Vec<u8>>),
    /// Records under this number are durable, or could not be made so.
    Persisted(u64, Result<(), String>),
    /// A checkpoint is durable, or could not be written.
    Checkpointed(CheckpointEnd),
    /// Effects from another shard.
    Effects(EffectBatch),
    /// A receiver took our effects.
    Taken {
        /// The receiver.
        by: ShardId,
        /// Up to here.
        seq: u64,
    },
    /// A whole snapshot.
    Snapshot(Vec<u8>),
    /// A snapshot could not be sent.
    SnapshotFailed(ReplicaId, String),
    /// A look from the console.
    Look(Look),
    /// The group has removed this replica.
    Dismissed,
    /// A read that this replica may answer from a state of some age.
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
    /// Ticks that the actor has not counted, whether a beat is among them, and what it need not be woken for.
    ticks: AtomicU32,
    beat: AtomicBool,
    rest: AtomicU8,
    backlog: AtomicU32,
    backlog_bytes: AtomicU64,
    asks_max: usize,
    bytes_max: u64,
    seat: ArcSwapOption<Seat>,
}

/// An incarnation of the actor, and the replica that it runs.
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
            rest: AtomicU8::new(Rest::None.to_bits()),
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

    /// Takes a request, or gives it back with the reason.
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
        // A request larger than the whole mailbox is taken when the mailbox is empty, or it never would be.
        let full = asks > 0 && (asks + request.asks.len() > self.asks_max || held + bytes > self.bytes_max);
        if full {
            return Err((AskError::busy("mailbox", Duration::from_millis(50)), request));
        }
        lanes.user_asks += request.asks.len();
        lanes.user_bytes += bytes;
        lanes.user.push_back(request);
        Ok(())
    }

    /// Answers a query without the actor's turn, when nothing is in its way; see `Replica::answer_here`.
    pub(crate) fn answer_here(
        &self,
        to: &Address,
        verb: (&KindSpec, &VerbSpec),
        body: &[u8],
        clock: Clock,
    ) -> Option<Outcome> {
        self.with_replica(|replica| replica.answer_here(to, verb, body, clock.mono(), Timestamp::wall()))?
    }

    /// The last entry that the replica has applied, when nobody is at work on it.
    pub(crate) fn applied(&self) -> Option<u64> {
        self.with_replica(|replica| replica.applied())
    }

    /// Takes a system input. Raft messages, near reads and effects are dropped at their bounds; the rest always fits.
    pub fn system(&self, input: SystemInput) {
        let wakes = match &input {
            SystemInput::Raft(messages) => self.rest().wakes_for(messages),
            _ => true,
        };
        if self.put(input) && wakes {
            self.wake();
        }
    }

    /// Puts a system input where the next turn takes it; false when it was dropped.
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

    /// The Raft clock moved, which may have something said to peers.
    pub(super) fn tick(&self, beat: bool, world: &ShardWorld, say: &mut dyn FnMut(NodeId, Envelope)) {
        if !self.is_connected() {
            return;
        }
        let ticks = self.ticks.fetch_add(1, Ordering::Relaxed) + 1;
        self.beat.fetch_or(beat, Ordering::Relaxed);
        let rest = self.rest();
        if rest == Rest::Leads && beat {
            self.turn_in_place(world.clock, world.raft.heartbeat_ticks, say);
        } else if rest.wakes_at(beat, ticks, world.raft.heartbeat_ticks) {
            self.wake();
        }
    }

    /// Ticks since this was asked last, and whether a beat was among them.
    pub(super) fn take_ticks(&self, heartbeat_ticks: u16) -> (u32, bool) {
        let ticks = self.ticks.swap(0, Ordering::Relaxed).min(Rest::ticks_max(heartbeat_ticks));
        (ticks, self.beat.swap(false, Ordering::Relaxed))
    }

    pub(super) fn rest(&self) -> Rest {
        Rest::from_bits(self.rest.load(Ordering::Acquire))
    }

    /// What the actor need not be woken for until its next turn. What arrived during this one was judged by how it was
    /// before; an actor that rests less now is woken for it.
    pub(super) fn set_rest(&self, rest: Rest) {
        let before = Rest::from_bits(self.rest.swap(rest.to_bits(), Ordering::AcqRel));
        if before == Rest::Leads && rest != Rest::Leads && !self.lanes().system.is_empty() {
            self.wake();
        }
    }

    /// Whether a replica takes from it.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.seat.load().is_some()
    }

    /// Requests waiting here and in the replica.
    #[must_use]
    pub fn depth(&self) -> u32 {
        u32::try_from(self.lanes().user_asks).unwrap_or(u32::MAX)
    }

    /// Connects an incarnation of the actor; what waited for the one before is dropped unless it is a request.
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

    /// The actor is gone: requests are refused until the next incarnation, those waiting are answered by their
    /// callers' deadlines.
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

    /// Everything for the system, and requests while the replica has room for them.
    pub(super) fn drain(&self, backlog: usize) -> (VecDeque<SystemInput>, Vec<Request>) {
        // Cleared first: what arrives while draining wakes the actor once more, which is harmless.
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

    /// What the replica holds of what it was given, in asks and in bytes.
    pub(super) fn set_backlog(&self, asks: usize, bytes: u64) {
        self.backlog.store(u32::try_from(asks).unwrap_or(u32::MAX), Ordering::Relaxed);
        self.backlog_bytes.store(bytes, Ordering::Relaxed);
    }

    /// What waits, where nothing but system inputs of one sort does.
    pub(super) fn drain_if(&self, fits: impl Fn(&SystemInput) -> bool) -> Option<VecDeque<SystemInput>> {
        let mut lanes = self.lanes();
        if !lanes.user.is_empty() || !lanes.system.iter().all(fits) {
            return None;
        }
        self.awake.store(false, Ordering::Release);
        Some(std::mem::take(&mut lanes.system))
    }

    /// Looks at the replica when nobody is at work on it.
    pub(super) fn with_replica<T>(&self, look: impl FnOnce(&mut Replica) -> T) -> Option<T> {
        let seat = self.seat.load();
        let mut replica = seat.as_ref()?.replica.try_lock().ok()?;
        Some(look(&mut replica))
    }

    fn wake(&self) {
        if self.claim() {
            self.cast();
        }
    }

    /// Whoever is told true sees to it that what is there is taken.
    pub(super) fn claim(&self) -> bool {
        !self.awake.swap(true, Ordering::AcqRel)
    }

    /// Wakes the actor, once that is claimed or whether or not it is.
    pub(super) fn cast(&self) {
        if let Some(seat) = &*self.seat.load() {
            // A dead actor is noticed by its supervisor, not here.
            let _ = seat.actor.cast(ShardMessage::Wake);
        }
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
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
    fn what_the_replica_still_holds_counts_against_the_bounds_and_what_it_has_taken_does_not() {
        let config =
            ShardConfig { mailbox_asks_max: 100, mailbox_bytes_max: 10_000, ..ShardConfig::default() };
        let mailbox = Mailbox::new(ShardId(1), &config);
        let full = |request| mailbox.hold(request).is_err();
        assert!(!full(request(1, 6_000)) && full(request(1, 6_000)));
        mailbox.drain(0);
        mailbox.set_backlog(1, 6_064);
        assert!(full(request(1, 6_000)), "it is held by the replica now");
        assert!(!full(request(30, 0)));
        // The replica has no room for it yet.
        assert!(!full(request(1, 100)));
        let (_, taken) = mailbox.drain(100);
        assert!(taken.is_empty());
        mailbox.drain(40);
        mailbox.set_backlog(0, 0);
        assert!(!full(request(1, 6_000)), "what was taken is not counted for ever");
    }
}
