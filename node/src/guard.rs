//! What no client may do: publish an artifact that does not load, or change the cluster itself.
//!
//! The guard stands in front of the router of every entrance: the gateway's APIs and the tasks of workers. It looks at
//! commands alone; queries pass it on the short way that the router gives them.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::Instant;
use troupe_actors::models::{Model, Publish};
use troupe_inference::Recommender;
use troupe_runtime::entity::{KindSpec, VerbSpec};
use troupe_runtime::membership::{Cluster, GetCluster};
use troupe_runtime::routing::Dispatch;
use troupe_runtime::shard::NearAnswer;
use troupe_runtime::transport::{AskOne, Outcome};
use troupe_runtime::{Address, AskError, Command, Entity, Query as _, Refused, Router, ShardId, wire};

/// A router that tries artifacts before it publishes them.
pub(crate) struct Guard {
    pub(crate) inner: Router,
    pub(crate) recommender: Recommender,
}

impl Dispatch for Guard {
    fn ask_many(&self, asks: Vec<AskOne>, within: Duration) -> BoxFuture<'static, Vec<Outcome>> {
        let publishes = |ask: &AskOne| ask.to.kind == Model::KIND && ask.verb == Publish::VERB;
        let ours = |ask: &AskOne| ask.to.kind == Cluster::KIND && ask.verb != GetCluster::VERB;
        if asks.iter().any(ours) {
            let why = "the cluster itself is changed through the admin API: see `troupe drain --help`";
            let refused = AskError::Refused(Refused::new("NOT_PUBLIC", why));
            return Box::pin(async move { vec![Err(refused); asks.len()] });
        }
        let inner = self.inner.clone();
        if !asks.iter().any(publishes) {
            return Box::pin(async move { inner.ask_many(asks, within).await });
        }
        let recommender = self.recommender.clone();
        Box::pin(async move {
            let until = Instant::now() + within;
            let mut outcomes = Vec::with_capacity(asks.len());
            for ask in asks {
                let sound = if publishes(&ask) {
                    // Nothing has been sent by then, so a trial that takes too long has surely not happened.
                    let trial = tokio::time::timeout_at(until, verify(&recommender, &ask)).await;
                    trial.unwrap_or(Err(AskError::Expired))
                } else {
                    Ok(())
                };
                outcomes.push(match sound {
                    Ok(()) => inner.ask_raw(ask, until.saturating_duration_since(Instant::now())).await,
                    Err(error) => Err(error),
                });
            }
            outcomes
        })
    }

    fn answer_here(
        &self,
        to: &Address,
        shard: ShardId,
        verb: (&KindSpec, &VerbSpec),
        body: &[u8],
    ) -> Option<Outcome> {
        self.inner.dispatch().answer_here(to, shard, verb, body)
    }

    fn ask_near(
        &self,
        ask: AskOne,
        shard: ShardId,
        age_max: Duration,
        within: Duration,
    ) -> BoxFuture<'static, Option<Result<NearAnswer, AskError>>> {
        self.inner.dispatch().ask_near(ask, shard, age_max, within)
    }
}

async fn verify(recommender: &Recommender, ask: &AskOne) -> Result<(), AskError> {
    let publish: Publish = wire::decode(&ask.body).map_err(AskError::BadBody)?;
    match recommender.verify(&publish.artifact, &publish.vocabulary).await {
        Ok(verified) if u32::try_from(verified.items) != Ok(publish.items) => {
            let why = format!("the vocabulary names {} contents, not {}", verified.items, publish.items);
            Err(AskError::Refused(Refused::field("BAD_ITEMS", "items", why)))
        }
        Ok(_) => Ok(()),
        Err(error) if error.is_ours() => Err(AskError::NotSent(error.to_string())),
        Err(error) => Err(AskError::Refused(Refused::from(error))),
    }
}

/// Wraps a router.
pub(crate) fn guarded(inner: Router, recommender: Recommender, shards: u32) -> Router {
    let registry = inner.registry().clone();
    Router::new(Arc::new(Guard { inner, recommender }), registry, shards)
}

#[cfg(test)]
mod tests {
    use troupe_actors::profiles::members::{GetProfile, Member, ProfileView};
    use troupe_inference::{Engine, ServingConfig};
    use troupe_lake::{Lake, LakeConfig};
    use troupe_runtime::NodeId;
    use troupe_runtime::entity::Globals;

    use super::*;

    /// Answers queries only in the caller's task: as their leader, or as a follower.
    struct Near {
        leads: bool,
    }

    fn profile() -> Vec<u8> {
        wire::encode(&ProfileView { profile: None, recorded: 7, exposures: Vec::new() })
    }

    impl Dispatch for Near {
        fn ask_many(&self, asks: Vec<AskOne>, _: Duration) -> BoxFuture<'static, Vec<Outcome>> {
            let long_way = || Err(AskError::NotSent("the long way".to_owned()));
            Box::pin(std::future::ready(asks.iter().map(|_| long_way()).collect()))
        }

        fn answer_here(
            &self,
            _: &Address,
            _: ShardId,
            _: (&KindSpec, &VerbSpec),
            _: &[u8],
        ) -> Option<Outcome> {
            self.leads.then(|| Ok(profile()))
        }

        fn ask_near(
            &self,
            _: AskOne,
            _: ShardId,
            _: Duration,
            _: Duration,
        ) -> BoxFuture<'static, Option<Result<NearAnswer, AskError>>> {
            Box::pin(std::future::ready(Some(Ok(NearAnswer { outcome: Ok(profile()), age: 7_000 }))))
        }
    }

    fn guarded_near(lake: &std::path::Path, leads: bool) -> Router {
        let config = ServingConfig::default();
        let lake = LakeConfig { dir: lake.to_owned(), ..LakeConfig::default() };
        let lake = Lake::with_config(&lake).expect("a lake");
        let engine = Engine::load(&config, None);
        let globals = Arc::new(Globals::default());
        let recommender = Recommender::new(NodeId(1), engine, lake, config, globals, None);
        let inner = Router::new(Arc::new(Near { leads }), Arc::new(troupe_actors::registry()), 4);
        guarded(inner, recommender, 4)
    }

    /// Without the forwarding every query of an HTTP client would travel through mailboxes, and no follower would answer.
    #[tokio::test]
    async fn queries_behind_the_guard_keep_the_short_way_and_the_followers() {
        let dir = tempfile::tempdir().expect("a folder");
        let router = guarded_near(dir.path(), true);
        let (to, within) = (Address::of::<Member>("42"), Duration::from_secs(1));
        router.query(&to, &GetProfile {}, within).await.expect("answered in place");
        let ask = || AskOne {
            to: to.clone(),
            verb: GetProfile::VERB.to_owned(),
            body: wire::encode(&GetProfile {}),
            key: None,
        };
        let many = router.ask_many(vec![ask(), ask()], within).await;
        assert_eq!(many, vec![Ok(profile()), Ok(profile())]);
        let router = guarded_near(dir.path(), false);
        let near = router.query_near(&to, &GetProfile {}, within, within).await.expect("a follower's answer");
        assert_eq!(near.age, Duration::from_millis(7));
    }

    #[tokio::test]
    async fn commands_behind_the_guard_are_checked_and_take_the_mailbox() {
        let dir = tempfile::tempdir().expect("a folder");
        let router = guarded_near(dir.path(), true);
        let ask = |kind: &str, verb: &str| AskOne {
            to: Address { kind: kind.to_owned(), key: "main".to_owned() },
            verb: verb.to_owned(),
            body: Vec::new(),
            key: None,
        };
        let within = Duration::from_secs(1);
        let command = router.ask_raw(ask(Member::KIND, "set-profile.v1"), within).await;
        assert!(matches!(command, Err(AskError::NotSent(_))), "{command:?}");
        let garbled = router.ask_raw(ask(Model::KIND, Publish::VERB), within).await;
        assert!(matches!(garbled, Err(AskError::BadBody(_))), "{garbled:?}");
    }
}
