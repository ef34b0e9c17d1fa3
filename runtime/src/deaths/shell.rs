//! Polls between nodes, and the journal as the source of deaths.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::{Context, Poll as Ready, ready};
use std::time::Duration;

use futures::future::FutureExt as _;
use tokio::sync::{oneshot, watch};

use super::subject::{Death, Ending, Subject};
use super::watched::{Owed, Poll, Watched};
use super::watching::{News, Watching};
use crate::address::{NodeId, ShardId};
use crate::error::AskError;
use crate::observe::{Journal, Lifecycle};
use crate::routing::Router;
use crate::rpc::{ServiceClient, ServiceHandler};
use crate::shard::Directory;
use crate::time::Clock;
use crate::transport::Outcome;
use crate::wire;

/// The service's name.
pub(crate) const SERVICE: &str = "deaths";
/// How long a poll is held when there is nothing to say.
const HOLD: Duration = Duration::from_secs(1);
/// What an answer may take beyond that.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);
/// Between two looks at where shards are led, and two polls of a node that does not answer.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What death watch needs of the node that it runs on.
pub(crate) struct Host {
    pub(crate) here: NodeId,
    pub(crate) incarnation: u64,
    pub(crate) clock: Clock,
    pub(crate) router: Router,
    pub(crate) directory: Arc<Directory>,
    pub(crate) client: ServiceClient,
}

/// Tells which actors of a node are gone.
pub trait Census: Send + Sync + 'static {
    /// How the actor at this path ended, if it is not there and nobody starts it again.
    fn gone(&self, path: &str) -> Option<(Ending, String)>;
}

/// A watch that has begun. It is over when it is dropped.
#[derive(Debug)]
pub struct Watch {
    died: oneshot::Receiver<Death>,
    _open: Open,
}

impl Future for Watch {
    type Output = Death;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Ready<Death> {
        match ready!(Pin::new(&mut self.died).poll(context)) {
            Ok(death) => Ready::Ready(death),
            // This node's runtime is gone, and the watcher goes with it.
            Err(_) => Ready::Pending,
        }
    }
}

struct Open {
    id: u64,
    deaths: Weak<Deaths>,
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "watch {}", self.id)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(deaths) = self.deaths.upgrade() {
            let mut state = deaths.state();
            state.waiters.remove(&self.id);
            state.watching.let_go(self.id);
        }
    }
}

struct Waiter {
    begun: Option<oneshot::Sender<()>>,
    died: oneshot::Sender<Death>,
}

#[derive(Default)]
struct State {
    watching: Watching,
    waiters: HashMap<u64, Waiter>,
    /// Nodes that a task polls.
    polled: BTreeSet<NodeId>,
    /// Whether a task looks at where entities are.
    looks: bool,
}

/// A node's part in death watch, in both directions. It stands before the journal and hears what it is told.
pub(crate) struct Deaths {
    journal: Arc<dyn Journal>,
    census: OnceLock<Arc<dyn Census>>,
    watched: Mutex<Watched>,
    /// Changes when a death is owed to someone.
    owed: watch::Sender<()>,
    /// Changes when a watch begins or ends here.
    changed: watch::Sender<()>,
    state: Mutex<State>,
}

impl Journal for Deaths {
    fn record(&self, record: Lifecycle) {
        if let Some(ending) = Ending::of(&record)
            && self.watched().ended(&record.subject, ending, &record.reason)
        {
            self.owed.send_replace(());
        }
        self.journal.record(record);
    }

    fn newest(&self, limit: usize) -> Vec<Lifecycle> {
        self.journal.newest(limit)
    }
}

impl Deaths {
    pub(crate) fn new(journal: Arc<dyn Journal>) -> Self {
        Self {
            journal,
            census: OnceLock::new(),
            watched: Mutex::default(),
            owed: watch::Sender::new(()),
            changed: watch::Sender::new(()),
            state: Mutex::default(),
        }
    }

    /// Who knows which actors there are; a second one is ignored.
    pub(crate) fn set_census(&self, census: Arc<dyn Census>) {
        let _ = self.census.set(census);
    }

    /// The cluster has these nodes now.
    pub(crate) fn set_nodes(&self, nodes: &BTreeSet<NodeId>) {
        self.watched().retain(nodes);
    }

    /// Watches that this node remembers for all nodes, itself included.
    pub(crate) fn held(&self) -> usize {
        self.watched().len()
    }

    /// Begins a watch, and returns once the node of the watched knows of it.
    pub(crate) async fn watch(
        self: &Arc<Self>,
        host: &Arc<Host>,
        subject: Subject,
    ) -> Result<Watch, AskError> {
        let shard = match &subject {
            Subject::Entity(address) => Some(host.router.shard_of(address)?),
            Subject::Node(_) | Subject::Actor { .. } => None,
        };
        let (begun, has_begun) = oneshot::channel();
        let (died, dies) = oneshot::channel();
        let open = {
            let mut state = self.state();
            let full = || AskError::busy("watches", Duration::from_secs(1));
            let id = state.watching.begin(subject, shard).ok_or_else(full)?;
            state.waiters.insert(id, Waiter { begun: Some(begun), died });
            if !std::mem::replace(&mut state.looks, true) {
                tokio::spawn(look(self.clone(), Arc::downgrade(host)));
            }
            Open { id, deaths: Arc::downgrade(self) }
        };
        self.changed.send_replace(());
        let _ = has_begun.await;
        Ok(Watch { died: dies, _open: open })
    }

    /// Answers a poll of another node, or of this one.
    pub(crate) fn handler(self: &Arc<Self>, host: &Arc<Host>) -> ServiceHandler {
        let (this, host) = (self.clone(), Arc::downgrade(host));
        Arc::new(move |body| {
            let (this, host) = (this.clone(), host.clone());
            async move {
                let gone = || AskError::NotSent("this node is stopping".to_owned());
                this.answer(&host.upgrade().ok_or_else(gone)?, &body).await
            }
            .boxed()
        })
    }

    async fn answer(&self, host: &Arc<Host>, body: &[u8]) -> Outcome {
        let (poll, hold) = wire::decode::<(Poll, bool)>(body).map_err(AskError::BadBody)?;
        let mut owed = self.owed.subscribe();
        let here = host.here;
        let leads = |shard: ShardId| host.directory.leader(shard) == Some(here);
        let gone = |name: &str| self.census.get()?.gone(name);
        let refused = self.watched().take(&poll, gone, leads);
        let deadline = tokio::time::Instant::now() + HOLD;
        let deaths = loop {
            let deaths = self.watched().owed(poll.from);
            if !hold || !deaths.is_empty() {
                break deaths;
            }
            match tokio::time::timeout_at(deadline, owed.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => break deaths,
            }
        };
        Ok(wire::encode(&Owed { incarnation: host.incarnation, deaths, refused }))
    }

    fn tell(&self, state: &mut State, news: Vec<News>) {
        for one in news {
            match one {
                News::Begun(id) => {
                    let begun = state.waiters.get_mut(&id).and_then(|waiter| waiter.begun.take());
                    begun.map(|begun| begun.send(()));
                }
                News::Died(id, death) => {
                    tracing::debug!(subject = %death.subject, ending = ?death.ending, reason = death.reason, "watched");
                    if let Some(waiter) = state.waiters.remove(&id) {
                        waiter.begun.map(|begun| begun.send(()));
                        let _ = waiter.died.send(death);
                    }
                }
            }
        }
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sees to it that every node with something watched on it is polled, for as long as anything is watched.
async fn look(deaths: Arc<Deaths>, host: Weak<Host>) {
    let mut changed = deaths.changed.subscribe();
    loop {
        {
            let Some(host) = host.upgrade() else { return };
            let mut state = deaths.state();
            let nodes = state.watching.settle(|shard| host.directory.leader(shard));
            for node in nodes {
                if state.polled.insert(node) {
                    tokio::spawn(poll(deaths.clone(), Arc::downgrade(&host), node));
                }
            }
            if state.watching.is_empty() {
                state.looks = false;
                return;
            }
        }
        let _ = tokio::time::timeout(LOOK_EVERY, changed.changed()).await;
    }
}

/// Polls one node for as long as anything is watched on it.
async fn poll(deaths: Arc<Deaths>, host: Weak<Host>, node: NodeId) {
    let mut changed = deaths.changed.subscribe();
    loop {
        let Some(host) = host.upgrade() else { return };
        let next = {
            let mut state = deaths.state();
            let next = state.watching.poll(node, host.here, host.incarnation);
            if next.is_none() {
                state.polled.remove(&node);
                return;
            }
            next
        };
        let Some((poll, hold)) = next else { return };
        let within = if hold { HOLD + ANSWER_WITHIN } else { ANSWER_WITHIN };
        let asking = host.clone();
        let body = wire::encode(&(&poll, hold));
        // In a task of its own: it ends by its time also when it is no longer waited for.
        let call = tokio::spawn(async move { asking.client.call(node, SERVICE, body, within).await });
        let answer = tokio::select! {
            answer = call => answer.map_err(|error| error.to_string()),
            _ = changed.changed(), if hold => continue,
        };
        let answer = answer.and_then(|outcome| outcome.map_err(|error| error.to_string()));
        let answer = answer.and_then(|bytes| wire::decode::<Owed>(&bytes));
        let failed = answer.is_err();
        {
            let now = host.clock.mono();
            let mut state = deaths.state();
            let news = match answer {
                Ok(owed) => state.watching.answered(node, &poll, owed),
                Err(why) => state.watching.unanswered(node, now, &why),
            };
            deaths.tell(&mut state, news);
        }
        drop(host);
        if failed {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}
