//! The caller's handle, for typed and untyped asks.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, join_all};

use crate::address::{Address, KEY_BYTES_MAX, ShardId};
use crate::entity::{Command, KindSpec, Placement, Query, Registry, VerbSpec};
use crate::error::AskError;
use crate::shard::NearAnswer;
use crate::transport::{AskOne, Outcome};
use crate::wire;

/// Queries of one call that are answered in the caller's task, which they hold for their sum.
const INLINE_QUERIES_MAX: usize = 256;

/// How one logical call is made.
#[derive(Debug, Clone, Copy)]
pub struct AskOptions {
    /// Deadline of the call, including all retries.
    pub within: Duration,
    /// Idempotency key: a command that is sent again takes effect once.
    pub key: Option<u128>,
}

impl Default for AskOptions {
    fn default() -> Self {
        Self { within: Duration::from_secs(5), key: None }
    }
}

impl AskOptions {
    /// Options with this deadline and no key.
    #[must_use]
    pub const fn within(within: Duration) -> Self {
        Self { within, key: None }
    }
}

/// Sends asks to the leaders of their shards: follows hints, and retries what is safe within the deadline.
pub trait Dispatch: Send + Sync + 'static {
    /// Answers in the order of the asks; each ask succeeds or fails on its own.
    fn ask_many(&self, asks: Vec<AskOne>, within: Duration) -> BoxFuture<'static, Vec<Outcome>>;

    /// Answers a query in the caller's task if its entity is led on this node and nothing is in its way. `None` leaves
    /// the query to [`Dispatch::ask_many`].
    fn answer_here(
        &self,
        to: &Address,
        shard: ShardId,
        verb: (&KindSpec, &VerbSpec),
        body: &[u8],
    ) -> Option<Outcome>;

    /// A follower read: asks a query of the replica on this node, from a state of at most this age. `None` if this node
    /// has no replica of the shard, or leads it.
    fn ask_near(
        &self,
        ask: AskOne,
        shard: ShardId,
        age_max: Duration,
        within: Duration,
    ) -> BoxFuture<'static, Option<Result<NearAnswer, AskError>>>;
}

/// A reply and the age of the state that it was read from, at the time of the ask. The state contains every write
/// acknowledged before that age.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aged<T> {
    /// The reply.
    pub reply: T,
    /// Age of the state; zero for a read at the leader.
    pub age: Duration,
}

/// Location-transparent access to every entity of the cluster. Cheap to clone.
#[derive(Clone)]
pub struct Router {
    dispatch: Arc<dyn Dispatch>,
    registry: Arc<Registry>,
    shards: u32,
}

impl Router {
    /// A router over a dispatcher.
    #[must_use]
    pub fn new(dispatch: Arc<dyn Dispatch>, registry: Arc<Registry>, shards: u32) -> Self {
        Self { dispatch, registry, shards }
    }

    /// What carries its asks, for a dispatcher that decorates it.
    #[must_use]
    pub fn dispatch(&self) -> &dyn Dispatch {
        self.dispatch.as_ref()
    }

    /// The kinds it can reach.
    #[must_use]
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// The shard of an address.
    ///
    /// # Errors
    /// [`AskError::UnknownKind`].
    pub fn shard_of(&self, to: &Address) -> Result<ShardId, AskError> {
        let kind = self.registry.get(&to.kind).ok_or_else(|| AskError::UnknownKind(to.kind.clone()))?;
        Ok(match kind.placement {
            Placement::Control => ShardId::CONTROL,
            Placement::Sharded => to.shard(self.shards),
        })
    }

    /// Sends a command and waits for its durable outcome.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn ask<C: Command>(
        &self,
        to: &Address,
        command: &C,
        options: AskOptions,
    ) -> Result<C::Reply, AskError> {
        let ask = AskOne {
            to: to.clone(),
            verb: C::VERB.to_owned(),
            body: wire::encode(command),
            key: options.key,
        };
        decode_reply(self.ask_raw(ask, options.within).await?)
    }

    /// Asks a query; the answer is linearizable.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn query<Q: Query>(
        &self,
        to: &Address,
        query: &Q,
        within: Duration,
    ) -> Result<Q::Reply, AskError> {
        let body = wire::encode(query);
        if let Some(answered) = self.answer_here(to, Q::VERB, &body) {
            return decode_reply(answered?);
        }
        let ask = AskOne { to: to.clone(), verb: Q::VERB.to_owned(), body, key: None };
        decode_reply(self.ask_many_one(ask, within).await?)
    }

    /// Follower read with bounded staleness: the answer may lack writes that were acknowledged within `age_max`
    /// before the ask, and carries its age. Without a local follower the leader answers.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn query_near<Q: Query>(
        &self,
        to: &Address,
        query: &Q,
        age_max: Duration,
        within: Duration,
    ) -> Result<Aged<Q::Reply>, AskError> {
        let ask = AskOne { to: to.clone(), verb: Q::VERB.to_owned(), body: wire::encode(query), key: None };
        let Aged { reply, age } = self.ask_near(ask, age_max, within).await?;
        Ok(Aged { reply: decode_reply(reply)?, age })
    }

    /// [`Router::query_near`] by verb name with an encoded body.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn ask_near(
        &self,
        ask: AskOne,
        age_max: Duration,
        within: Duration,
    ) -> Result<Aged<Vec<u8>>, AskError> {
        let mut answers = self.ask_many_near(vec![ask], age_max, within).await;
        answers.pop().unwrap_or_else(|| Err(lost()))
    }

    /// [`Router::ask_near`] for many queries at once; answers in their order. The leaders answer those whose shard has no
    /// follower here.
    pub async fn ask_many_near(
        &self,
        asks: Vec<AskOne>,
        age_max: Duration,
        within: Duration,
    ) -> Vec<Result<Aged<Vec<u8>>, AskError>> {
        let begun = tokio::time::Instant::now();
        let mut outcomes = Vec::with_capacity(asks.len());
        // Reads in the caller's task hold it for their sum.
        for few in asks.chunks(INLINE_QUERIES_MAX) {
            if !outcomes.is_empty() {
                tokio::task::yield_now().await;
            }
            // One deadline holds for all of them.
            let left = within.saturating_sub(begun.elapsed());
            outcomes.extend(join_all(few.iter().map(|ask| self.near_or_none(ask, age_max, left))).await);
        }
        let at_leaders: Vec<AskOne> =
            asks.into_iter().zip(&outcomes).filter(|(_, near)| near.is_none()).map(|(ask, _)| ask).collect();
        let left = within.saturating_sub(begun.elapsed());
        let mut answers = match at_leaders.len() {
            0 => Vec::new().into_iter(),
            _ => self.ask_many(at_leaders, left).await.into_iter(),
        };
        let mut led =
            || answers.next().unwrap_or_else(no_answer).map(|reply| Aged { reply, age: Duration::ZERO });
        outcomes.into_iter().map(|near| near.unwrap_or_else(&mut led)).collect()
    }

    /// A query from here, led or followed; `None` leaves it to the leader's node.
    async fn near_or_none(
        &self,
        ask: &AskOne,
        age_max: Duration,
        within: Duration,
    ) -> Option<Result<Aged<Vec<u8>>, AskError>> {
        let shard = match self.check(ask).and_then(|()| self.shard_of(&ask.to)) {
            Ok(shard) => shard,
            Err(error) => return Some(Err(error)),
        };
        if let Some(led) = self.answer_here(&ask.to, &ask.verb, &ask.body) {
            return Some(led.map(|reply| Aged { reply, age: Duration::ZERO }));
        }
        match self.dispatch.ask_near(ask.clone(), shard, age_max, within).await? {
            Ok(NearAnswer { outcome, age }) => {
                Some(outcome.map(|reply| Aged { reply, age: Duration::from_micros(age) }))
            }
            Err(AskError::NotLeader { .. } | AskError::NotSent(_)) => None,
            Err(error) => Some(Err(error)),
        }
    }

    /// One ask by verb name with an encoded body.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn ask_raw(&self, ask: AskOne, within: Duration) -> Outcome {
        match self.answer_here(&ask.to, &ask.verb, &ask.body) {
            Some(answered) => answered,
            None => self.ask_many_one(ask, within).await,
        }
    }

    /// Tries a query on this node. `None` if it cannot be answered here.
    fn answer_here(&self, to: &Address, verb: &str, body: &[u8]) -> Option<Outcome> {
        let kind = self.registry.get(&to.kind)?;
        let verb = kind.verbs.get(verb).filter(|verb| !verb.is_command())?;
        let shard = match kind.placement {
            Placement::Control => ShardId::CONTROL,
            Placement::Sharded => to.shard(self.shards),
        };
        self.dispatch.answer_here(to, shard, (kind, verb), body)
    }

    async fn ask_many_one(&self, ask: AskOne, within: Duration) -> Outcome {
        self.ask_many(vec![ask], within).await.pop().unwrap_or_else(no_answer)
    }

    /// Many asks at once, one message to each shard concerned; answers in their order. Where all of them are queries,
    /// those that need no message are answered at once.
    pub async fn ask_many(&self, asks: Vec<AskOne>, within: Duration) -> Vec<Outcome> {
        let inline = self.only_queries(&asks);
        // An ask that fails its check is answered here and costs no message.
        let mut outcomes: Vec<Option<Outcome>> = Vec::with_capacity(asks.len());
        let mut sound = Vec::with_capacity(asks.len());
        for ask in asks {
            match self.check(&ask) {
                Ok(()) => {
                    let inline = inline && outcomes.len() < INLINE_QUERIES_MAX;
                    let answered = inline.then(|| self.answer_here(&ask.to, &ask.verb, &ask.body)).flatten();
                    if answered.is_none() {
                        sound.push(ask);
                    }
                    outcomes.push(answered);
                }
                Err(error) => outcomes.push(Some(Err(error))),
            }
        }
        let mut answers = if sound.is_empty() {
            Vec::new().into_iter()
        } else {
            self.dispatch.ask_many(sound, within).await.into_iter()
        };
        outcomes
            .into_iter()
            .map(|outcome| outcome.or_else(|| answers.next()).unwrap_or_else(no_answer))
            .collect()
    }

    /// Asks by verb name with JSON in and out, for the gateway.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn ask_json(
        &self,
        to: Address,
        verb: &str,
        body: &serde_json::Value,
        options: AskOptions,
    ) -> Result<serde_json::Value, AskError> {
        let spec = self.verb(&to, verb)?.clone();
        let body = (spec.body_from_json)(body).map_err(|error| AskError::BadBody(error.to_string()))?;
        let ask = AskOne { to, verb: verb.to_owned(), body, key: options.key };
        let reply = self.ask_raw(ask, options.within).await?;
        (spec.reply_to_json)(&reply).map_err(|error| AskError::Fault(error.to_string()))
    }

    /// A query behind a command of the same call must see what the command did, so it keeps its place in the mailbox.
    fn only_queries(&self, asks: &[AskOne]) -> bool {
        asks.iter().all(|ask| self.verb(&ask.to, &ask.verb).is_ok_and(|verb| !verb.is_command()))
    }

    fn check(&self, ask: &AskOne) -> Result<(), AskError> {
        self.verb(&ask.to, &ask.verb)?;
        if ask.to.key.is_empty() || ask.to.key.len() > KEY_BYTES_MAX {
            return Err(AskError::BadKey(format!("key must be 1 to {KEY_BYTES_MAX} bytes")));
        }
        Ok(())
    }

    fn verb(&self, to: &Address, verb: &str) -> Result<&crate::entity::VerbSpec, AskError> {
        let kind = self.registry.get(&to.kind).ok_or_else(|| AskError::UnknownKind(to.kind.clone()))?;
        kind.verbs
            .get(verb)
            .ok_or_else(|| AskError::UnknownVerb { kind: to.kind.clone(), verb: verb.to_owned() })
    }
}

fn lost() -> AskError {
    AskError::Unknown("the dispatcher gave no answer".into())
}

fn no_answer() -> Outcome {
    Err(lost())
}

fn decode_reply<R: bincode::Decode<()>>(bytes: Vec<u8>) -> Result<R, AskError> {
    wire::decode(&bytes).map_err(|error| AskError::Fault(format!("reply does not decode: {error}")))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::locks::lock;
    use crate::membership::{Cluster, GetCluster, with_cluster};

    /// Followers that never answer, and the time that each read was given.
    #[derive(Default)]
    struct Silent(Mutex<Vec<Duration>>);

    impl Dispatch for Silent {
        fn ask_many(&self, asks: Vec<AskOne>, _: Duration) -> BoxFuture<'static, Vec<Outcome>> {
            Box::pin(std::future::ready(vec![Err(AskError::Expired); asks.len()]))
        }

        fn answer_here(
            &self,
            _: &Address,
            _: ShardId,
            _: (&KindSpec, &VerbSpec),
            _: &[u8],
        ) -> Option<Outcome> {
            None
        }

        fn ask_near(
            &self,
            _: AskOne,
            _: ShardId,
            _: Duration,
            within: Duration,
        ) -> BoxFuture<'static, Option<Result<NearAnswer, AskError>>> {
            lock(&self.0).push(within);
            Box::pin(async move {
                tokio::time::sleep(within).await;
                Some(Err(AskError::Expired))
            })
        }
    }

    /// Many reads are asked in parts, one after the other; all of them share one deadline.
    #[tokio::test]
    async fn many_follower_reads_end_by_one_deadline() {
        let silent = Arc::new(Silent::default());
        let router = Router::new(silent.clone(), Arc::new(with_cluster(Registry::default())), 4);
        let to = Address::of::<Cluster>(Cluster::KEY);
        let ask = AskOne { to, verb: GetCluster::VERB.to_owned(), body: Vec::new(), key: None };
        let within = Duration::from_millis(20);
        let answers = router.ask_many_near(vec![ask; 2 * INLINE_QUERIES_MAX], Duration::ZERO, within).await;
        assert_eq!(answers, vec![Err(AskError::Expired); 2 * INLINE_QUERIES_MAX]);
        let given = lock(&silent.0);
        assert!(given[INLINE_QUERIES_MAX - 1] <= within);
        assert_eq!(given[INLINE_QUERIES_MAX], Duration::ZERO, "the first part took all of the time");
    }
}
