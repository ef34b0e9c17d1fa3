//! Inline turns of a quiescent replica: the task that brings a tick or a heartbeat runs the turn itself.
//!
//! Waking an actor for a turn that takes microseconds costs an idle node much of its time. A turn of ticks and
//! heartbeats alone runs inline. A turn that may take long, or that yields more than Raft messages, is left to the
//! actor.

use std::panic::{AssertUnwindSafe, catch_unwind};

use protobuf::Message as _;
use raft::eraftpb::{Message, MessageType};

use super::mailbox::{Mailbox, SystemInput};
use super::replica::Replica;
use crate::NodeId;
use crate::time::{Clock, Timestamp};
use crate::transport::{Envelope, Transport};

impl Mailbox {
    /// Takes a peer's Raft messages. Heartbeats for a quiescent follower are answered inline.
    pub(crate) fn raft(
        &self,
        messages: Vec<Vec<u8>>,
        transport: &dyn Transport,
        clock: Clock,
        heartbeat_ticks: u16,
    ) {
        let inline = self.quiescence().answers_inline(&messages);
        if inline {
            self.put(SystemInput::Raft(messages));
            self.turn_inline(clock, heartbeat_ticks, &mut |node, envelope| {
                // Raft tolerates the loss of a message that cannot be sent.
                let _ = transport.send(node, &envelope);
            });
        } else {
            self.system(SystemInput::Raft(messages));
        }
    }

    /// Runs one turn inline, or wakes the actor if the turn has more to do.
    pub(super) fn turn_inline(
        &self,
        clock: Clock,
        heartbeat_ticks: u16,
        send: &mut dyn FnMut(NodeId, Envelope),
    ) {
        if !self.claim() {
            // The actor is woken already and takes what is in the mailbox.
            return;
        }
        match self.try_turn(clock, heartbeat_ticks) {
            Some(messages) => {
                for (node, message) in messages {
                    send(node, Envelope::Raft { shard: self.shard(), messages: vec![message] });
                }
            }
            None => self.cast(),
        }
    }

    /// Messages of the turn; `None` if the actor must be woken, with or without a turn having run.
    fn try_turn(&self, clock: Clock, heartbeat_ticks: u16) -> Option<Vec<(NodeId, Vec<u8>)>> {
        self.with_replica_caught(|replica| {
            let now = clock.mono();
            if replica.broken().is_some() || !replica.machine.is_quick(now) {
                return None;
            }
            let inputs = self.drain_if(|waiting| is_heartbeat(waiting, replica.applied()))?;
            let (ticks, beat) = self.take_ticks(heartbeat_ticks);
            let leader = replica.leader();
            replica.advance(ticks, beat, now);
            for input in inputs {
                if let SystemInput::Raft(messages) = input {
                    replica.step(&messages);
                }
            }
            replica.turn(now, Timestamp::wall());
            self.follow(replica);
            let quiet = replica.sink.holds_messages_only() && replica.leader() == leader;
            quiet.then(|| std::mem::take(&mut replica.sink.out.messages))
        })?
    }

    /// Runs a turn. A panic ends the replica and not the caller's task: it is caught outside of the lock and poisons
    /// it, and the actor's next turn reports that to its supervisor.
    fn with_replica_caught<T>(&self, turn: impl FnOnce(&mut Replica) -> T) -> Option<T> {
        catch_unwind(AssertUnwindSafe(|| self.with_replica(turn))).ok()?
    }
}

/// Whether this input holds heartbeats and answers to them alone, and commits nothing beyond `applied`.
fn is_heartbeat(input: &SystemInput, applied: u64) -> bool {
    let SystemInput::Raft(messages) = input else { return false };
    messages.iter().all(|message| {
        Message::parse_from_bytes(message).is_ok_and(|message| match message.msg_type {
            MessageType::MsgHeartbeat => message.commit <= applied,
            MessageType::MsgHeartbeatResponse => true,
            _ => false,
        })
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use ractor::{Actor, ActorProcessingErr, ActorRef};
    use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
    use tokio::sync::oneshot;

    use super::*;
    use crate::address::ShardId;
    use crate::replication::{Mono, RaftConfig, ReplicaId, SnapshotMark, Start};
    use crate::shard::actor::ShardMessage;
    use crate::shard::config::ShardConfig;
    use crate::shard::mailbox::{ReplyTo, Request};
    use crate::shard::parts::ReplicaParts;
    use crate::shard::quiescence::Quiescence;
    use crate::sim::MemoryStore;
    use crate::storage::GroupLog;

    const SHARD: ShardId = ShardId(1);
    /// The replica is opened at a time that the clock does not reach, so that no upkeep is due.
    const LATER: Mono = 3_600_000_000;

    /// An actor that reports each message: true for a wake, false for the test's own message.
    struct Bell;

    impl Actor for Bell {
        type Msg = ShardMessage;
        type State = UnboundedSender<bool>;
        type Arguments = UnboundedSender<bool>;

        async fn pre_start(
            &self,
            _: ActorRef<ShardMessage>,
            rings: Self::Arguments,
        ) -> Result<Self::State, ActorProcessingErr> {
            Ok(rings)
        }

        async fn handle(
            &self,
            _: ActorRef<ShardMessage>,
            message: ShardMessage,
            rings: &mut Self::State,
        ) -> Result<(), ActorProcessingErr> {
            Ok(rings.send(matches!(message, ShardMessage::Wake))?)
        }
    }

    /// A quiescent follower on node 2, its mailbox, and the messages that wake its actor.
    struct Fixture {
        mailbox: Arc<Mailbox>,
        replica: Arc<Mutex<Replica>>,
        actor: ActorRef<ShardMessage>,
        rings: UnboundedReceiver<bool>,
        clock: Clock,
    }

    impl Fixture {
        async fn new() -> Self {
            let (raft, shard) = (RaftConfig::default(), ShardConfig::default());
            let id = |node| ReplicaId::new(NodeId(node), 0);
            let start = Start {
                shard: SHARD,
                id: id(2),
                founders: (1..=3).map(id).collect(),
                log: GroupLog::default(),
                mark: SnapshotMark::default(),
            };
            let parts = ReplicaParts {
                start,
                shards: 4,
                registry: Arc::default(),
                store: Arc::<MemoryStore>::default(),
                globals: Arc::default(),
                raft,
                shard: shard.clone(),
                seed: 7,
            };
            let mut replica = Replica::open(parts, LATER).unwrap();
            replica.step(&[beat(0)]);
            replica.turn(LATER, Timestamp(1));
            for (number, _) in replica.outputs().append {
                replica.persisted(number);
            }
            replica.outputs();
            assert_eq!(replica.quiescence(), Quiescence::Follows);
            let (ring, mut rings) = unbounded_channel();
            let (actor, _) = Actor::spawn(None, Bell, ring).await.unwrap();
            let mailbox = Mailbox::new(SHARD, &shard);
            let replica = Arc::new(Mutex::new(replica));
            mailbox.connect(actor.clone(), replica.clone());
            assert_eq!(rings.recv().await, Some(true), "woken when it is connected");
            mailbox.drain(0);
            Self { mailbox, replica, actor, rings, clock: Clock::start() }
        }

        /// How many messages a turn over these sends, and whether the actor was woken.
        async fn turn(&mut self, messages: &[Vec<u8>]) -> (usize, bool) {
            (self.put(messages), self.woken().await)
        }

        fn put(&self, messages: &[Vec<u8>]) -> usize {
            self.mailbox.put(SystemInput::Raft(messages.to_vec()));
            let (heartbeat_ticks, mut sent) = (RaftConfig::default().heartbeat_ticks, 0);
            self.mailbox.turn_inline(self.clock, heartbeat_ticks, &mut |_, _| sent += 1);
            sent
        }

        async fn woken(&mut self) -> bool {
            // Arrives after the messages that woke it.
            self.actor.cast(ShardMessage::Start(Box::new(Err("the test's own".to_owned())))).unwrap();
            let mut woken = false;
            while self.rings.recv().await.unwrap() {
                woken = true;
            }
            woken
        }

        /// System inputs that the actor would find.
        fn left(&self) -> usize {
            self.mailbox.drain(0).0.len()
        }

        fn set(&self, change: impl FnOnce(&mut Replica)) {
            change(&mut self.replica.lock().unwrap());
        }
    }

    fn message(msg_type: MessageType, commit: u64) -> Vec<u8> {
        let id = |node| ReplicaId::new(NodeId(node), 0).0;
        Message { msg_type, to: id(2), from: id(1), term: 2, commit, ..Default::default() }
            .write_to_bytes()
            .unwrap()
    }

    fn beat(commit: u64) -> Vec<u8> {
        message(MessageType::MsgHeartbeat, commit)
    }

    #[tokio::test]
    async fn heartbeats_are_answered_without_the_actor() {
        let mut shard = Fixture::new().await;
        assert_eq!(shard.turn(&[beat(0), beat(0)]).await, (2, false));
        assert_eq!(shard.left(), 0);
    }

    #[tokio::test]
    async fn messages_beyond_heartbeats_wait_for_the_actor_as_a_whole() {
        for more in
            [beat(2), message(MessageType::MsgAppend, 0), message(MessageType::MsgTimeoutNow, 0), vec![1]]
        {
            let mut shard = Fixture::new().await;
            assert_eq!(shard.turn(&[beat(0), more]).await, (0, true));
            assert_eq!(shard.left(), 1);
        }
    }

    #[tokio::test]
    async fn messages_for_a_busy_replica_wait_for_the_actor() {
        let mut shard = Fixture::new().await;
        let replica = shard.replica.clone();
        let sent = {
            let _busy = replica.lock().unwrap();
            shard.put(&[beat(0)])
        };
        assert_eq!((sent, shard.woken().await), (0, true));
        assert_eq!(shard.left(), 1);
    }

    #[tokio::test]
    async fn a_request_that_waits_is_left_to_the_actor() {
        let mut shard = Fixture::new().await;
        let (reply, _answer) = oneshot::channel();
        let request = Request { asks: Vec::new(), deadline: LATER, reply: ReplyTo::Local(reply) };
        assert!(shard.mailbox.ask(request).is_ok());
        // The request has woken the actor: no other task may run the turn.
        assert_eq!(shard.turn(&[beat(0)]).await, (0, true));
        let (system, requests) = shard.mailbox.drain(0);
        assert_eq!((system.len(), requests.len()), (1, 1));
    }

    #[tokio::test]
    async fn upkeep_that_is_due_is_left_to_the_actor() {
        type Due = fn(&mut Replica);
        let due: [(&str, Due); 3] = [
            ("a checkpoint that is wanted", |replica| replica.machine.checkpoints.want()),
            ("idle entities", |replica| replica.machine.entities.passivated_at = 0),
            ("a replica that cannot go on", |replica| replica.sink.fail("damaged".to_owned())),
        ];
        for (what, due) in due {
            let mut shard = Fixture::new().await;
            shard.clock = Clock::started_before(std::time::Duration::from_secs(2));
            shard.set(due);
            assert_eq!(shard.turn(&[beat(0)]).await, (0, true), "{what}");
            assert_eq!(shard.left(), 1, "{what}");
        }
    }

    #[tokio::test]
    async fn a_panic_ends_the_replica_and_the_actor_reports_it() {
        let mut shard = Fixture::new().await;
        let caught = shard.mailbox.with_replica_caught(|_| -> () { panic!("planted") });
        assert!(caught.is_none());
        assert!(shard.replica.is_poisoned());
        assert_eq!(shard.turn(&[beat(0)]).await, (0, true));
    }
}
