//! The supervised actor around a replica: its clock, its mailbox, and its access to disk and peers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;

use super::mailbox::{Mailbox, ReplyTo, SystemInput};
use super::output::Outputs;
use super::parts::ReplicaParts;
use super::replica::Replica;
use super::store_thread::StoreJob;
use super::world::{FindStart, ShardArguments, ShardWorld};
use crate::address::ShardId;
use crate::background;
use crate::observe::Lifecycle;
use crate::replication::Start;
use crate::storage::Record;
use crate::time::Timestamp;

/// Messages of the actor. All other inputs are in its mailbox.
#[derive(Debug)]
pub enum ShardMessage {
    /// The replica's start was found, or could not be found.
    Start(Box<Result<Start, String>>),
    /// The mailbox holds an input, or the Raft clock moved.
    Wake,
}

impl ractor::Message for ShardMessage {}

/// The actor.
pub struct ShardActor;

/// The actor's state.
pub enum ShardState {
    /// Its start is not found yet.
    Waiting(Option<Waiting>),
    /// Its replica runs.
    Running(Box<Running>),
}

/// Arguments that wait until the start is found.
#[derive(Clone)]
pub struct Waiting {
    world: Arc<ShardWorld>,
    mailbox: Arc<Mailbox>,
    shard: ShardId,
    start: FindStart,
    recorded: Arc<dyn Fn() + Send + Sync>,
    starts: Arc<AtomicU32>,
}

/// A running replica.
pub struct Running {
    pub(super) replica: Arc<Mutex<Replica>>,
    pub(super) world: Arc<ShardWorld>,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) replies: HashMap<u64, ReplyTo>,
    actor: ractor::ActorId,
    pub(super) transfers: u64,
    /// The group has removed it.
    dismissed: bool,
    /// Arguments of the next replica of this shard.
    waiting: Waiting,
}

impl Actor for ShardActor {
    type Msg = ShardMessage;
    type State = ShardState;
    type Arguments = ShardArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: ShardArguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let ShardArguments { world, mailbox, shard, start, recorded, starts } = arguments;
        let waiting = Waiting { world, mailbox, shard, start, recorded, starts };
        Ok(waiting.begin(&myself))
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match (state, message) {
            (state @ ShardState::Running(_), _) => {
                let ShardState::Running(running) = state else { return Ok(()) };
                running.turn()?;
                if running.dismissed {
                    let waiting = running.leave().await?;
                    *state = waiting.begin(&myself);
                }
                Ok(())
            }
            (state, ShardMessage::Start(start)) => {
                let ShardState::Waiting(waiting) = state else { return Ok(()) };
                let Some(waiting) = waiting.take() else { return Ok(()) };
                *state = ShardState::Running(Box::new(waiting.run(&myself, (*start)?)?));
                Ok(())
            }
            (ShardState::Waiting(_), _) => Ok(()),
        }
    }

    async fn post_stop(
        &self,
        _myself: ActorRef<Self::Msg>,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        if let ShardState::Running(running) = state {
            running.mailbox.disconnect(running.actor);
            running.world.directory.set_leader(running.mailbox.shard(), None);
        }
        Ok(())
    }
}

impl Waiting {
    /// Searches for a start, which may take until the shard is placed here.
    fn begin(self, myself: &ActorRef<ShardMessage>) -> ShardState {
        let (actor, start) = (myself.clone(), (self.start)());
        tokio::spawn(async move {
            // An actor that has ended meanwhile does not need it.
            let _ = actor.cast(ShardMessage::Start(Box::new(start.await)));
        });
        ShardState::Waiting(Some(self))
    }

    /// Opens the replica and connects its mailbox.
    fn run(self, myself: &ActorRef<ShardMessage>, start: Start) -> Result<Running, ActorProcessingErr> {
        let waiting = self.clone();
        let Self { world, mailbox, shard, recorded, starts, .. } = self;
        let now = world.clock.mono();
        let seed = Timestamp::wall().millis() ^ (u64::from(world.here.0) << 48) ^ u64::from(shard.0) << 32;
        let fresh = start.log.replica.is_none();
        let parts = ReplicaParts {
            start,
            shards: world.shards,
            registry: world.registry.clone(),
            store: world.store.clone(),
            globals: world.globals.clone(),
            raft: world.raft.clone(),
            shard: world.shard.clone(),
            seed,
        };
        let mut replica = Replica::open(parts, now)?;
        let records = replica.first_records(fresh);
        if fresh {
            // From here on a log of this group exists: an empty log found later means that the log was lost.
            let done = move |outcome: Result<(), String>| {
                if outcome.is_ok() {
                    recorded();
                }
            };
            world.log.append(shard, records, Box::new(done))?;
        } else {
            if !records.is_empty() {
                world.log.append(shard, records, Box::new(|_| {}))?;
            }
            recorded();
        }
        starts.fetch_add(1, Ordering::Relaxed);
        let outputs = replica.outputs();
        let replica = Arc::new(Mutex::new(replica));
        mailbox.connect(myself.clone(), replica.clone());
        let mut running = Running {
            replica,
            world,
            mailbox,
            replies: HashMap::new(),
            actor: myself.get_id(),
            transfers: now,
            dismissed: false,
            waiting,
        };
        running.perform(outputs)?;
        Ok(running)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Also after a panic, when `post_stop` is not called.
        self.mailbox.disconnect(self.actor);
    }
}

impl Running {
    fn turn(&mut self) -> Result<(), ActorProcessingErr> {
        // Held for the whole turn: queries that would be answered past it wait in the mailbox.
        let replica = self.replica.clone();
        let mut replica = replica.lock().map_err(|_| "the replica panicked in an earlier turn")?;
        let (system, requests) = self.mailbox.drain(replica.backlog());
        // Taken after draining and counted before the inputs: a tick from before a heartbeat must not count after it.
        let (ticks, beat) = self.mailbox.take_ticks(self.world.raft.heartbeat_ticks);
        // Read after draining: the lease is checked at a time after each drained query was asked.
        let now = self.world.clock.mono();
        let wall = Timestamp::wall();
        if ticks > 0 || beat {
            replica.advance(ticks, beat, now);
        }
        // A snapshot is decoded and written as a whole: other tasks of this worker thread move to other threads meanwhile.
        let heavy = system.iter().any(|input| matches!(input, SystemInput::Snapshot(_)));
        let turning: &mut Replica = &mut replica;
        aside(heavy, || -> Result<(), ActorProcessingErr> {
            for input in system {
                self.take(turning, input, now)?;
            }
            for request in requests {
                let token = turning.ask(request.asks, request.deadline, now);
                self.replies.insert(token, request.reply);
            }
            turning.turn(now, wall);
            Ok(())
        })?;
        let outputs = replica.outputs();
        self.mailbox.set_backlog(replica.backlog(), replica.backlog_bytes());
        self.mailbox.follow(&replica);
        let (leader, broken) = (replica.leader(), replica.broken().map(ToOwned::to_owned));
        drop(replica);
        self.perform(outputs)?;
        self.world.directory.set_leader(self.mailbox.shard(), leader);
        broken.map_or(Ok(()), |why| Err(why.into()))
    }

    /// Deletes the log and the state of a replica that its group has removed, so that it never takes part again.
    async fn leave(&mut self) -> Result<Waiting, ActorProcessingErr> {
        let (world, shard) = (self.world.clone(), self.mailbox.shard());
        self.mailbox.disconnect(self.actor);
        self.replica.lock().map_err(|_| "the replica panicked in an earlier turn")?.retire();
        let (done, durable) = oneshot::channel();
        let report = Box::new(move |outcome| {
            let _ = done.send(outcome);
        });
        // The log first: a store without a log does not count, and a log without its store would look like a loss.
        world.log.append(shard, vec![Record::Gone], report)?;
        durable.await??;
        let clearing = world.clone();
        let cleared = background::done("troupe-clear", move || clearing.store.clear(shard)).await?;
        cleared.map_err(|error| error.to_string())?;
        world.directory.set_leader(shard, None);
        let (at, node) = (Timestamp::wall(), world.here);
        let (subject, change) = (format!("shard-{shard}"), "left".to_owned());
        let reason = "its group has removed this replica".to_owned();
        tracing::info!(subject, change, reason, "lifecycle");
        world.journal.record(Lifecycle { at, node, subject, change, reason });
        Ok(self.waiting.clone())
    }

    fn take(
        &mut self,
        replica: &mut Replica,
        input: SystemInput,
        now: u64,
    ) -> Result<(), ActorProcessingErr> {
        match input {
            SystemInput::Raft(messages) => replica.step(&messages),
            SystemInput::Persisted(number, Ok(())) => replica.persisted(number),
            SystemInput::Persisted(_, Err(why)) => {
                return Err(format!("the write-ahead log failed: {why}").into());
            }
            SystemInput::Checkpointed(outcome) => replica.checkpointed(outcome),
            SystemInput::Effects(batch) => {
                if replica.decides() {
                    replica.effects(batch);
                } else {
                    // One hop: a sender with an old hint reaches the leader through this node.
                    self.world.directory.forward_effects(&*self.world.transport, self.world.here, batch);
                }
            }
            SystemInput::Taken { by, seq } if replica.decides() => replica.taken(by, seq, now),
            SystemInput::Taken { by, seq } => {
                let from = self.mailbox.shard();
                self.world.directory.forward_taken(&*self.world.transport, self.world.here, from, by, seq);
            }
            SystemInput::Dismissed => self.dismissed = true,
            SystemInput::Snapshot(blob) => replica.snapshot(&blob),
            SystemInput::SnapshotFailed(to, why) => replica.snapshot_failed(to, why),
            SystemInput::Near(ask) => replica.ask_near(ask),
            SystemInput::Inspect(inspect) => inspect(replica, now),
        }
        Ok(())
    }

    fn perform(&mut self, outputs: Outputs) -> Result<(), ActorProcessingErr> {
        for (number, records) in outputs.append {
            let mailbox = self.mailbox.clone();
            let done = move |outcome: Result<(), String>| {
                if number > 0 || outcome.is_err() {
                    mailbox.system(SystemInput::Persisted(number, outcome));
                }
            };
            self.world.log.append(self.mailbox.shard(), records, Box::new(done))?;
        }
        if let Some((index, term)) = outputs.covered {
            self.world.log.covered(self.mailbox.shard(), index, term);
        }
        self.send_raft(outputs.messages);
        for (token, outcomes) in outputs.answers {
            self.reply(token, outcomes);
        }
        for batch in outputs.effects {
            self.world.directory.send_effects(&*self.world.transport, self.world.here, batch);
        }
        let by = self.mailbox.shard();
        for (from, seq) in outputs.taken {
            self.world.directory.send_taken(&*self.world.transport, self.world.here, from, by, seq);
        }
        if let Some(job) = outputs.checkpoint {
            let mailbox = self.mailbox.clone();
            let done = move |outcome| mailbox.system(SystemInput::Checkpointed(outcome));
            self.world.store_thread.submit(StoreJob::Checkpoint(job, Box::new(done)));
        }
        for job in outputs.snapshots {
            self.send_snapshot(job);
        }
        self.world.globals.publish(outputs.published);
        for note in outputs.notes {
            let at = Timestamp::wall();
            let (subject, change) = (note.subject, note.change.to_owned());
            tracing::info!(subject, change, reason = note.reason, "lifecycle");
            let node = self.world.here;
            self.world.journal.record(Lifecycle { at, node, subject, change, reason: note.reason });
        }
        Ok(())
    }
}

/// Runs work. If it is `heavy`, other tasks of the same worker thread move to other threads.
fn aside<T: Send>(heavy: bool, work: impl FnOnce() -> T + Send) -> T {
    let threads = tokio::runtime::Handle::try_current().map(|tasks| tasks.runtime_flavor());
    match threads {
        Ok(tokio::runtime::RuntimeFlavor::MultiThread) if heavy => {
            tokio::task::block_in_place(|| background::wait_for("troupe-install", work))
        }
        _ => work(),
    }
}
