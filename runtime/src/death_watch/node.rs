//! The polls between nodes, and the journal as the source of notices.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};
use std::task::{Context, Poll as Ready, ready};
use std::time::Duration;

use futures::future::FutureExt as _;
use tokio::sync::{oneshot, watch};

use super::subject::{Death, Ending, Subject};
use super::watched::{PendingNotices, Poll, Watched};
use super::watching::{News, Watching};
use crate::address::{NodeId, ShardId};
use crate::error::AskError;
use crate::locks::lock;
use crate::observe::{Journal, Lifecycle};
use crate::routing::Router;
use crate::rpc::{ServiceClient, ServiceHandler};
use crate::shard::Directory;
use crate::time::Clock;
use crate::transport::Outcome;
use crate::wire;

/// The service's name.
pub(crate) const SERVICE: &str = "deaths";
/// Time for which a poll waits for a notice.
const HOLD: Duration = Duration::from_secs(1);
/// Additional timeout of a poll's answer.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);
/// Period of checks for moved leaders, and pause after a poll without an answer.
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

/// Knows which actors of a node have ended.
pub trait Census: Send + Sync + 'static {
    /// How the actor at this path ended; `None` if it runs or will be restarted.
    fn gone(&self, path: &str) -> Option<(Ending, String)>;
}

/// A running watch; dropping it ends the watch.
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
            // This node's runtime has ended, and the watcher with it.
            Err(_) => Ready::Pending,
        }
    }
}

struct Open {
    id: u64,
    deaths: Weak<DeathWatch>,
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
    /// Nodes polled by a task.
    polled: BTreeSet<NodeId>,
    /// Whether a task follows the leaders of watched entities.
    looks: bool,
}

/// Death watch of one node, as watcher and as watched. It wraps the journal and reads every record.
pub(crate) struct DeathWatch {
    journal: Arc<dyn Journal>,
    census: OnceLock<Arc<dyn Census>>,
    watched: Mutex<Watched>,
    /// Changes when a notice becomes pending.
    pending: watch::Sender<()>,
    /// Changes when a watch begins or ends on this node.
    changed: watch::Sender<()>,
    state: Mutex<State>,
}

impl Journal for DeathWatch {
    fn record(&self, record: Lifecycle) {
        if let Some(ending) = Ending::of(&record)
            && self.watched().ended(&record.subject, ending, &record.reason)
        {
            self.pending.send_replace(());
        }
        self.journal.record(record);
    }

    fn newest(&self, limit: usize) -> Vec<Lifecycle> {
        self.journal.newest(limit)
    }
}

impl DeathWatch {
    pub(crate) fn new(journal: Arc<dyn Journal>) -> Self {
        Self {
            journal,
            census: OnceLock::new(),
            watched: Mutex::default(),
            pending: watch::Sender::new(()),
            changed: watch::Sender::new(()),
            state: Mutex::default(),
        }
    }

    /// Sets the census of actors; a second call is ignored.
    pub(crate) fn set_census(&self, census: Arc<dyn Census>) {
        let _ = self.census.set(census);
    }

    /// Drops the watches of nodes that have left the cluster.
    pub(crate) fn set_nodes(&self, nodes: &BTreeSet<NodeId>) {
        self.watched().retain(nodes);
    }

    /// Number of watches held for all nodes, this one included.
    pub(crate) fn held(&self) -> usize {
        self.watched().len()
    }

    /// Begins a watch; returns once the subject's node knows of it.
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

    /// Answers polls of any node.
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
        let mut pending = self.pending.subscribe();
        let here = host.here;
        let leads = |shard: ShardId| host.directory.leader(shard) == Some(here);
        let gone = |name: &str| self.census.get()?.gone(name);
        let refused = self.watched().take(&poll, gone, leads);
        let deadline = tokio::time::Instant::now() + HOLD;
        let deaths = loop {
            let deaths = self.watched().pending(poll.from);
            if !hold || !deaths.is_empty() {
                break deaths;
            }
            match tokio::time::timeout_at(deadline, pending.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => break deaths,
            }
        };
        Ok(wire::encode(&PendingNotices { incarnation: host.incarnation, deaths, refused }))
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
        lock(&self.watched)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

/// Polls every node with a watched subject while any watch is open.
async fn look(deaths: Arc<DeathWatch>, host: Weak<Host>) {
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

/// Polls one node while a subject on it is watched.
async fn poll(deaths: Arc<DeathWatch>, host: Weak<Host>, node: NodeId) {
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
        // The call runs in its own task, so that it ends by its timeout even if this future is dropped.
        let call = tokio::spawn(async move { asking.client.call(node, SERVICE, body, within).await });
        let answer = tokio::select! {
            answer = call => answer.map_err(|error| error.to_string()),
            _ = changed.changed(), if hold => continue,
        };
        let answer = answer.and_then(|outcome| outcome.map_err(|error| error.to_string()));
        let answer = answer.and_then(|bytes| wire::decode::<PendingNotices>(&bytes));
        let failed = answer.is_err();
        {
            let now = host.clock.mono();
            let mut state = deaths.state();
            let news = match answer {
                Ok(pending) => state.watching.answered(node, &poll, pending),
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
