//! The cluster's dispatcher: follows hints, forwards asks and retries what is safe.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use tokio::sync::oneshot;

use super::attempts::{ATTEMPT_MAX, Attempts, may_repeat};
use super::peers::Peers;
use super::router::Dispatch;
use crate::address::{Address, NodeId, ShardId};
use crate::entity::{KindSpec, Placement, Registry, VerbSpec};
use crate::error::AskError;
use crate::rpc::{Calls, OpenCall};
use crate::shard::{Directory, Mailbox, NearAnswer, NearAsk, ReplyTo, Request, SystemInput};
use crate::time::Clock;
use crate::transport::{AskBatch, AskOne, Envelope, Outcome, SendError, Transport};

/// Asks in one envelope; a larger group is split.
const BATCH_ASKS_MAX: usize = 1_024;
/// Sends asks from this node to the leaders of their shards.
#[derive(Clone)]
pub struct ClusterDispatch {
    /// This node.
    pub here: NodeId,
    /// Every node, this one included.
    pub peers: Arc<Peers>,
    /// Data shards.
    pub shards: u32,
    /// The process's clock.
    pub clock: Clock,
    /// Kinds.
    pub registry: Arc<Registry>,
    /// Mailboxes and leaders.
    pub directory: Arc<Directory>,
    /// Calls that wait for peers.
    pub calls: Arc<Calls>,
    /// Peers.
    pub transport: Arc<dyn Transport>,
}

impl Dispatch for ClusterDispatch {
    fn ask_many(&self, asks: Vec<AskOne>, within: Duration) -> BoxFuture<'static, Vec<Outcome>> {
        let this = self.clone();
        Box::pin(async move { this.run(asks, within).await })
    }

    fn answer_here(
        &self,
        to: &Address,
        shard: ShardId,
        verb: (&KindSpec, &VerbSpec),
        body: &[u8],
    ) -> Option<Outcome> {
        self.directory.mailbox(shard)?.answer_here(to, verb, body, self.clock)
    }

    fn ask_near(
        &self,
        ask: AskOne,
        shard: ShardId,
        age_max: Duration,
        within: Duration,
    ) -> BoxFuture<'static, Option<Result<NearAnswer, AskError>>> {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX / 2);
        let here = self.directory.mailbox(shard).filter(|mailbox| mailbox.is_connected()).cloned();
        let (asked, age_max) = (self.clock.mono(), micros(age_max));
        let deadline = asked + micros(within);
        if let Some(near) = here.as_ref().and_then(|here| self.answer_near(here, &ask, age_max)) {
            return Box::pin(std::future::ready(Some(Ok(near))));
        }
        Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            let AskOne { to, verb, body, .. } = ask;
            here?.system(SystemInput::Near(NearAsk { to, verb, body, asked, age_max, deadline, reply }));
            // A replica that stopped in the meantime dropped the sender: another node may know.
            tokio::time::timeout(within, answer).await.map_or(Some(Err(AskError::Expired)), Result::ok)
        })
    }
}

/// Asks for one shard, with their positions among all asks.
struct Group {
    shard: ShardId,
    places: Vec<usize>,
    asks: Vec<AskOne>,
}

/// A running attempt: the source of its answers.
enum Started {
    Here(oneshot::Receiver<Vec<Outcome>>),
    There(OpenCall),
}

impl ClusterDispatch {
    /// A follower read in the caller's task; `None` if it takes the shard's turn.
    fn answer_near(&self, here: &Mailbox, ask: &AskOne, age_max: u64) -> Option<NearAnswer> {
        let kind = self.registry.get(&ask.to.kind)?;
        let verb = kind.verbs.get(ask.verb.as_str())?;
        here.answer_near(&ask.to, (kind, verb), &ask.body, age_max, self.clock)
    }

    async fn run(&self, asks: Vec<AskOne>, within: Duration) -> Vec<Outcome> {
        let deadline = self.clock.mono() + u64::try_from(within.as_micros()).unwrap_or(u64::MAX / 2);
        let count = asks.len();
        let groups = self.by_shard(asks);
        let answered = join_all(groups.into_iter().map(|group| async move {
            let outcomes = self.ask_shard(group.shard, group.asks, deadline).await;
            (group.places, outcomes)
        }))
        .await;
        let mut out: Vec<Option<Outcome>> = vec![None; count];
        for (places, outcomes) in answered {
            for (place, outcome) in places.into_iter().zip(outcomes) {
                out[place] = Some(outcome);
            }
        }
        let lost = || Err(AskError::Unknown("the shard gave no answer".to_owned()));
        out.into_iter().map(|outcome| outcome.unwrap_or_else(lost)).collect()
    }

    fn by_shard(&self, asks: Vec<AskOne>) -> Vec<Group> {
        let mut open: Vec<Option<usize>> = vec![None; self.shards as usize + 1];
        let mut groups: Vec<Group> = Vec::new();
        for (place, ask) in asks.into_iter().enumerate() {
            let shard = match self.registry.get(&ask.to.kind).map(|kind| kind.placement) {
                Some(Placement::Control) => ShardId::CONTROL,
                _ => ask.to.shard(self.shards),
            };
            let slot = &mut open[shard.0 as usize];
            let at = match *slot {
                Some(at) if groups[at].asks.len() < BATCH_ASKS_MAX => at,
                _ => {
                    groups.push(Group { shard, places: Vec::new(), asks: Vec::new() });
                    groups.len() - 1
                }
            };
            *slot = Some(at);
            groups[at].places.push(place);
            groups[at].asks.push(ask);
        }
        groups
    }

    /// Asks one shard until every ask has a final answer or the deadline passes.
    async fn ask_shard(&self, shard: ShardId, mut asks: Vec<AskOne>, deadline: u64) -> Vec<Outcome> {
        let mut attempts = Attempts::new(asks.len(), usize::from(self.here.0));
        while !attempts.left().is_empty() && self.clock.mono() < deadline {
            let to = attempts
                .target(self.directory.leader(shard), |turn| self.peers.nth(turn).unwrap_or(self.here));
            let asked = attempts.left().len();
            let repeatable = attempts.left().iter().all(|at| may_repeat(&self.registry, &asks[*at]));
            let patience = repeatable.then_some(ATTEMPT_MAX);
            let answers = match self.start(to, shard, &mut asks, attempts.left(), deadline) {
                Ok(started) => self.wait(started, asked, deadline, patience).await,
                Err(error) => vec![Err(error); asked],
            };
            let pause = attempts.answered(to, answers, |at| may_repeat(&self.registry, &asks[at]));
            self.learn(shard, to, attempts.hint(), attempts.left().len() < asked);
            if let Some(pause) = pause.filter(|pause| !pause.is_zero()) {
                let room = Duration::from_micros(deadline.saturating_sub(self.clock.mono()));
                tokio::time::sleep(pause.min(room)).await;
            }
        }
        attempts.outcomes()
    }

    /// Remembers the leader of a shard without a replica here; a local replica knows its leader itself.
    fn learn(&self, shard: ShardId, asked: NodeId, hint: Option<NodeId>, answered: bool) {
        if self.directory.runs(shard) {
            return;
        }
        let leader = if answered { Some(asked) } else { hint };
        if self.directory.leader(shard) != leader {
            self.directory.set_leader(shard, leader);
        }
    }

    /// The answers to one attempt at one node.
    async fn wait(
        &self,
        mut started: Started,
        count: usize,
        deadline: u64,
        patience: Option<Duration>,
    ) -> Vec<Outcome> {
        let left = Duration::from_micros(deadline.saturating_sub(self.clock.mono()));
        let wait = patience.map_or(left, |patience| left.min(patience));
        let answers = match &mut started {
            Started::Here(answers) => answers,
            Started::There(open) => &mut open.replies,
        };
        match tokio::time::timeout(wait, answers).await {
            Ok(Ok(outcomes)) => outcomes,
            Ok(Err(_)) => {
                vec![
                    Err(AskError::Unknown("the shard's replica stopped while it held the call".into()));
                    count
                ]
            }
            Err(_) => vec![Err(AskError::Unknown("no answer in time".into())); count],
        }
    }

    /// Sends the asks in `left`. A peer gets all asks of the group without a copy; only a local replica needs copies.
    fn start(
        &self,
        to: NodeId,
        shard: ShardId,
        asks: &mut Vec<AskOne>,
        left: &[usize],
        deadline: u64,
    ) -> Result<Started, AskError> {
        let copies = |asks: &[AskOne]| left.iter().map(|at| asks[*at].clone()).collect();
        if to == self.here {
            let mailbox = self
                .directory
                .mailbox(shard)
                .ok_or_else(|| AskError::NotSent(format!("no replica of shard {shard} on this node")))?;
            let (reply, receiver) = oneshot::channel();
            let request = Request { asks: copies(asks), deadline, reply: ReplyTo::Local(reply) };
            mailbox.ask(request).map_err(|(error, _)| error)?;
            return Ok(Started::Here(receiver));
        }
        let open = self.calls.open(to, left.len())?;
        let left_ms = deadline.saturating_sub(self.clock.mono()) / 1_000;
        let left_ms = u32::try_from(left_ms).unwrap_or(u32::MAX);
        let whole = left.len() == asks.len();
        let these = if whole { std::mem::take(asks) } else { copies(asks) };
        let envelope = Envelope::Ask(AskBatch { call: open.number(), shard, left_ms, asks: these });
        let sent = self.transport.send(to, &envelope);
        if let Envelope::Ask(batch) = envelope
            && whole
        {
            *asks = batch.asks;
        }
        if let Err(error) = sent {
            return Err(match error {
                SendError::Full => AskError::busy("peer", Duration::from_millis(50)),
                other => AskError::NotSent(format!("node {to}: {other}")),
            });
        }
        Ok(Started::There(open))
    }
}
