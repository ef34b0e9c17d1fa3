//! Turns of a replica at rest, done by whoever brings it the time or a heartbeat.
//!
//! An idle node would spend much of its time on waking actors for a turn that takes microseconds. A turn that holds nothing but ticks and
//! heartbeats is done in place; whatever else comes of it, or takes long, is left to the actor.

use std::panic::{AssertUnwindSafe, catch_unwind};

use protobuf::Message as _;
use raft::eraftpb::{Message, MessageType};

use super::mailbox::{Mailbox, SystemInput};
use super::output::Outputs;
use super::replica::Replica;
use crate::NodeId;
use crate::replication::Mono;
use crate::time::{Clock, Timestamp};
use crate::transport::{Envelope, Transport};

impl Mailbox {
    /// Takes a peer's Raft messages. Heartbeats for a follower at rest are answered here and now.
    pub(crate) fn raft(
        &self,
        messages: Vec<Vec<u8>>,
        transport: &dyn Transport,
        clock: Clock,
        heartbeat_ticks: u16,
    ) {
        let in_place = self.rest().answers_in_place(&messages);
        if in_place {
            self.put(SystemInput::Raft(messages));
            self.turn_in_place(clock, heartbeat_ticks, &mut |node, envelope| {
                // What cannot be sent is lost, which Raft tolerates.
                let _ = transport.send(node, &envelope);
            });
        } else {
            self.system(SystemInput::Raft(messages));
        }
    }

    /// One turn without the actor, or with it where there is more to do than this may.
    pub(super) fn turn_in_place(
        &self,
        clock: Clock,
        heartbeat_ticks: u16,
        say: &mut dyn FnMut(NodeId, Envelope),
    ) {
        if !self.claim() {
            // The actor is on its way, and takes what is there.
            return;
        }
        match self.try_turn(clock, heartbeat_ticks) {
            Some(messages) => {
                for (node, message) in messages {
                    say(node, Envelope::Raft { shard: self.shard(), messages: vec![message] });
                }
            }
            None => self.cast(),
        }
    }

    /// The messages that came of the turn; none where the actor must be woken, whether or not there was one.
    fn try_turn(&self, clock: Clock, heartbeat_ticks: u16) -> Option<Vec<(NodeId, Vec<u8>)>> {
        self.with_replica_caught(|replica| {
            let now = clock.mono();
            if !replica.is_calm(now) {
                return None;
            }
            let inputs = self.drain_if(|waiting| replica.takes_calmly(waiting))?;
            let (ticks, beat) = self.take_ticks(heartbeat_ticks);
            let leader = replica.leader();
            replica.advance(ticks, beat, now);
            for input in inputs {
                if let SystemInput::Raft(messages) = input {
                    replica.step(&messages);
                }
            }
            replica.turn(now, Timestamp::wall());
            self.set_rest(replica.rest());
            let quiet = replica.only_speaks() && replica.leader() == leader;
            quiet.then(|| std::mem::take(&mut replica.out.messages))
        })?
    }

    /// A panic ends the replica and not the caller's task: it is caught outside of the lock, which is poisoned by it, and
    /// the actor's next turn reports that to its supervisor.
    fn with_replica_caught<T>(&self, turn: impl FnOnce(&mut Replica) -> T) -> Option<T> {
        catch_unwind(AssertUnwindSafe(|| self.with_replica(turn))).ok()?
    }
}

impl Replica {
    /// Whether a turn would find nothing that takes long.
    fn is_calm(&self, now: Mono) -> bool {
        self.broken.is_none()
            && !self.passivates(now)
            && !self.checkpoint_wanted
            && !self.checkpoint_is_due(now)
    }

    /// Whether these inputs bring heartbeats and answers to them, and no news.
    fn takes_calmly(&self, inputs: &SystemInput) -> bool {
        let SystemInput::Raft(messages) = inputs else { return false };
        messages.iter().all(|message| {
            Message::parse_from_bytes(message).is_ok_and(|message| match message.msg_type {
                MessageType::MsgHeartbeat => message.commit <= self.applied(),
                MessageType::MsgHeartbeatResponse => true,
                _ => false,
            })
        })
    }

    /// Whether a turn came to messages at most.
    fn only_speaks(&self) -> bool {
        let Outputs {
            append,
            messages: _,
            answers,
            effects,
            taken,
            covered,
            checkpoint,
            snapshots,
            published,
            notes,
        } = &self.out;
        self.broken.is_none()
            && append.is_empty()
            && answers.is_empty()
            && effects.is_empty()
            && taken.is_empty()
            && covered.is_none()
            && checkpoint.is_none()
            && snapshots.is_empty()
            && published.is_empty()
            && notes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use ractor::{Actor, ActorProcessingErr, ActorRef};
    use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
    use tokio::sync::oneshot;

    use super::*;
    use crate::address::ShardId;
    use crate::replication::{RaftConfig, ReplicaId, SnapshotMark, Start};
    use crate::shard::actor::ShardMessage;
    use crate::shard::config::ShardConfig;
    use crate::shard::mailbox::{ReplyTo, Request};
    use crate::shard::parts::ReplicaParts;
    use crate::shard::rest::Rest;
    use crate::sim::MemoryStore;
    use crate::storage::GroupLog;

    const SHARD: ShardId = ShardId(1);
    /// Opened at a time that the clock does not reach, so that nothing of the replica is due by it.
    const LATER: Mono = 3_600_000_000;

    /// An actor that tells of its messages: whether each woke it, or is the test's own.
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

    /// A follower on node 2 at rest, its mailbox, and what wakes its actor.
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
            assert_eq!(replica.rest(), Rest::Follows);
            let (ring, mut rings) = unbounded_channel();
            let (actor, _) = Actor::spawn(None, Bell, ring).await.unwrap();
            let mailbox = Mailbox::new(SHARD, &shard);
            let replica = Arc::new(Mutex::new(replica));
            mailbox.connect(actor.clone(), replica.clone());
            assert_eq!(rings.recv().await, Some(true), "woken when it is connected");
            mailbox.drain(0);
            Self { mailbox, replica, actor, rings, clock: Clock::start() }
        }

        /// How many messages a turn over these says, and whether the actor was woken.
        async fn turn(&mut self, messages: &[Vec<u8>]) -> (usize, bool) {
            (self.tell(messages), self.woken().await)
        }

        fn tell(&self, messages: &[Vec<u8>]) -> usize {
            self.mailbox.put(SystemInput::Raft(messages.to_vec()));
            let (heartbeat_ticks, mut said) = (RaftConfig::default().heartbeat_ticks, 0);
            self.mailbox.turn_in_place(self.clock, heartbeat_ticks, &mut |_, _| said += 1);
            said
        }

        async fn woken(&mut self) -> bool {
            // Comes after whatever woke it.
            self.actor.cast(ShardMessage::Found(Box::new(Err("the test's own".to_owned())))).unwrap();
            let mut woken = false;
            while self.rings.recv().await.unwrap() {
                woken = true;
            }
            woken
        }

        /// What the actor would find.
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
    async fn what_is_more_than_a_heartbeat_is_the_actors_and_waits_for_it_whole() {
        for more in
            [beat(2), message(MessageType::MsgAppend, 0), message(MessageType::MsgTimeoutNow, 0), vec![1]]
        {
            let mut shard = Fixture::new().await;
            assert_eq!(shard.turn(&[beat(0), more]).await, (0, true));
            assert_eq!(shard.left(), 1);
        }
    }

    #[tokio::test]
    async fn what_a_busy_replica_is_told_waits_for_the_actor() {
        let mut shard = Fixture::new().await;
        let replica = shard.replica.clone();
        let said = {
            let _busy = replica.lock().unwrap();
            shard.tell(&[beat(0)])
        };
        assert_eq!((said, shard.woken().await), (0, true));
        assert_eq!(shard.left(), 1);
    }

    #[tokio::test]
    async fn a_request_that_waits_is_the_actors() {
        let mut shard = Fixture::new().await;
        let (reply, _answer) = oneshot::channel();
        let request = Request { asks: Vec::new(), deadline: LATER, reply: ReplyTo::Local(reply) };
        assert!(shard.mailbox.ask(request).is_ok());
        // The request has woken it, and nobody else is to take the turn.
        assert_eq!(shard.turn(&[beat(0)]).await, (0, true));
        let (system, requests) = shard.mailbox.drain(0);
        assert_eq!((system.len(), requests.len()), (1, 1));
    }

    #[tokio::test]
    async fn upkeep_that_is_due_is_the_actors() {
        type Due = fn(&mut Replica);
        let due: [(&str, Due); 3] = [
            ("a checkpoint that somebody wants", |replica| replica.checkpoint_wanted = true),
            ("idle entities", |replica| replica.passivated_at = 0),
            ("a replica that cannot go on", |replica| replica.broken = Some("damaged".to_owned())),
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
    async fn a_panic_ends_the_replica_and_is_left_for_the_actor_to_report() {
        let mut shard = Fixture::new().await;
        let caught = shard.mailbox.with_replica_caught(|_| -> () { panic!("planted") });
        assert!(caught.is_none());
        assert!(shard.replica.is_poisoned());
        assert_eq!(shard.turn(&[beat(0)]).await, (0, true));
    }
}
