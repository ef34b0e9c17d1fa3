//! Bootstrap of a shard's replica: from its log, from the initial configuration, or from its peers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bincode::{Decode, Encode};
use futures::StreamExt as _;
use futures::future::FutureExt as _;
use futures::stream::FuturesUnordered;
use tokio::sync::oneshot;

use super::identity::{BootstrapMode, Greeting, bootstrap_mode};
use super::inspect::look;
use super::runtime::Runtime;
use crate::address::{NodeId, ShardId};
use crate::background;
use crate::error::AskError;
use crate::observe::Lifecycle;
use crate::replication::{ReplicaId, SnapshotMark, Start};
use crate::rpc::ServiceHandler;
use crate::shard::{Replica, Unread};
use crate::storage::{GroupLog, Record};
use crate::time::Timestamp;
use crate::transport::Outcome;
use crate::wire;

/// The service's name.
pub(super) const SERVICE: &str = "arrival";
/// Timeout of one question, and the pause between two rounds.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(200);
/// Time after which waiting is reported, and the period of further reports.
const SAID_AFTER: Duration = Duration::from_secs(1);
const SAID_EVERY: Duration = Duration::from_secs(10);
/// Rounds in which a change of membership must be committed before it is proposed again.
const ADMITTED_WITHIN: u32 = 10;

/// Questions of a starting node to another.
#[derive(Debug, Encode, Decode)]
enum Question {
    /// Whether the peer has met this disk.
    Greet { node: NodeId, disk: u128 },
    /// Admits the node's replica of a shard. Answered by the shard's leader.
    Readmit { shard: ShardId, node: NodeId },
    /// Whether this replica is a member. Answered by the shard's leader.
    Standing { shard: ShardId, id: ReplicaId },
    /// The shards that the peer leads.
    Led,
}

/// The standing of a replica in its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(super) struct Standing {
    /// Whether it is a member.
    pub(super) member: bool,
    /// The term of the leader that answered.
    pub(super) term: u64,
}

/// Answers starting nodes.
pub(super) fn handler(runtime: Arc<Runtime>) -> ServiceHandler {
    Arc::new(move |body| {
        let runtime = runtime.clone();
        async move { answer(&runtime, &body).await }.boxed()
    })
}

async fn answer(runtime: &Arc<Runtime>, body: &[u8]) -> Outcome {
    match wire::decode::<Question>(body).map_err(AskError::BadBody)? {
        Question::Greet { node, disk } => {
            let identity = runtime.recovered().identity.clone();
            let greeted = tokio::task::spawn_blocking(move || identity.greet(node, disk)).await;
            runtime.recovered().identity.introduced.send_replace(());
            let greeting = greeted.map_err(|error| error.to_string()).flatten().map_err(AskError::Fault)?;
            Ok(wire::encode(&(greeting, runtime.recovered().identity.disk())))
        }
        Question::Readmit { shard, node } => {
            let id = on_leader(runtime, shard, move |replica| replica.admit(node)).await?;
            Ok(wire::encode(&id))
        }
        Question::Standing { shard, id } => {
            let standing = on_leader(runtime, shard, move |replica| match replica.decides() {
                true => Ok(Standing { member: replica.admitted(id), term: replica.id_and_term().1 }),
                false => Err(AskError::NotLeader { hint: replica.leader().map(|node| node.0) }),
            });
            Ok(wire::encode(&standing.await?))
        }
        Question::Led => {
            let (directory, here) = (runtime.directory(), runtime.spec().here);
            let led: Vec<ShardId> = directory
                .shards()
                .filter(|s| directory.runs(*s) && directory.leader(*s) == Some(here))
                .collect();
            Ok(wire::encode(&led))
        }
    }
}

async fn on_leader<T: Send + 'static>(
    runtime: &Arc<Runtime>,
    shard: ShardId,
    see: impl FnOnce(&mut Replica) -> Result<T, AskError> + Send + 'static,
) -> Result<T, AskError> {
    let missing = || AskError::NotSent(format!("no replica of shard {shard} on this node"));
    let mailbox = runtime.directory().mailbox(shard).ok_or_else(missing)?;
    look(mailbox, move |replica, _| see(replica)).await?
}

/// Finds the start of a shard's replica. Waits for peers if only they can answer.
///
/// # Errors
/// The disk.
pub(super) async fn find(runtime: Arc<Runtime>, shard: ShardId) -> Result<Start, String> {
    if let Some(why) = runtime.recovered().trouble(shard) {
        placed(&runtime, shard).await;
        return rejoin(&runtime, shard, why).await;
    }
    let first = runtime.recovered().take_log(shard);
    let world = runtime.world().clone();
    let read = tokio::task::spawn_blocking(move || {
        let log = match first {
            Some(first) => Ok(first),
            None => world.log.reread(shard),
        };
        log.and_then(|log| {
            let mark = Replica::stored_mark(&*world.store, shard)?;
            Ok((mark, log))
        })
    });
    let (mark, log) = match read.await.map_err(|error| error.to_string())? {
        Ok(found) => found,
        Err(Unread::Lost(why)) => return rejoin(&runtime, shard, why).await,
        // Nothing is lost; the supervisor restarts the shard.
        Err(Unread::Unavailable(why)) => return Err(why),
    };
    let founders = founders(&runtime, shard);
    if log.replica.is_none() {
        // A node of the initial configuration greets its peers once for all shards.
        let founder = founders.iter().any(|replica| replica.node() == runtime.spec().here);
        let founds = mode(&runtime).await == BootstrapMode::Init;
        if !founder || !founds {
            placed(&runtime, shard).await;
            let why = if founder { "its log is lost" } else { "it was placed here" };
            return rejoin(&runtime, shard, why.to_owned()).await;
        }
    }
    if log.is_without(mark.index) {
        let why = format!("the log begins after {} but the checkpoint ends at {}", log.cut.0, mark.index);
        return rejoin(&runtime, shard, why).await;
    }
    let id = log.replica.map_or_else(|| ReplicaId::new(runtime.spec().here, 0), ReplicaId);
    Ok(Start { shard, id, founders, log, mark: SnapshotMark::default() })
}

/// Waits until this node is to have a replica of the shard.
async fn placed(runtime: &Arc<Runtime>, shard: ShardId) {
    let mut published = runtime.globals().subscribe();
    loop {
        published.borrow_and_update();
        if runtime.holds(shard) {
            return;
        }
        // The runtime holds the sender.
        let _ = published.changed().await;
    }
}

fn founders(runtime: &Runtime, shard: ShardId) -> Vec<ReplicaId> {
    runtime.founders(shard).iter().map(|node| ReplicaId::new(*node, 0)).collect()
}

/// Whether this disk may initialise the cluster, as its peers remember it. Decided once for all shards.
async fn mode(runtime: &Arc<Runtime>) -> BootstrapMode {
    // An initialised cluster was started with or without this disk.
    if runtime.recovered().identity.settled() {
        return BootstrapMode::Rejoin;
    }
    if runtime.recovered().mode.get().is_none() && runtime.target(ShardId::CONTROL).is_some() {
        return BootstrapMode::Rejoin;
    }
    *runtime.recovered().mode.get_or_init(|| greet_all(runtime)).await
}

async fn greet_all(runtime: &Arc<Runtime>) -> BootstrapMode {
    let here = runtime.spec().here;
    let peers: Vec<NodeId> =
        runtime.spec().nodes.iter().map(|node| node.id).filter(|id| *id != here).collect();
    let mut greetings_due: FuturesUnordered<_> = peers.iter().map(|peer| greet(runtime, *peer)).collect();
    let mut greetings: BTreeMap<NodeId, Greeting> = BTreeMap::new();
    let mut patience = SAID_AFTER;
    loop {
        if let Some(mode) = bootstrap_mode(&peers, &greetings) {
            return mode;
        }
        match tokio::time::timeout(patience, greetings_due.next()).await {
            Ok(answer) => greetings.extend(answer),
            Err(_) => {
                let missing = peers.iter().filter(|peer| !greetings.contains_key(peer));
                let missing: Vec<String> = missing.map(ToString::to_string).collect();
                let why =
                    format!("this disk is empty, and node {} may know an earlier one", missing.join(" or "));
                note(runtime, "node".to_owned(), "waiting_to_found", why);
                patience = SAID_EVERY;
            }
        }
    }
}

/// Introduces this disk to a peer until it answers.
async fn greet(runtime: &Arc<Runtime>, peer: NodeId) -> (NodeId, Greeting) {
    let question = wire::encode(&Question::Greet {
        node: runtime.spec().here,
        disk: runtime.recovered().identity.disk(),
    });
    let mut introduced = runtime.recovered().identity.introduced.subscribe();
    loop {
        let (asking, question) = (runtime.clone(), question.clone());
        // The call runs in its own task, so that it ends by its timeout even if this future is dropped.
        let call = tokio::spawn(async move { asking.call(peer, SERVICE, question, ANSWER_WITHIN).await });
        // A peer that asks is reachable, and may have missed the first question: nodes that start together then
        // bootstrap together.
        let answer = tokio::select! {
            answer = call => answer.ok(),
            _ = introduced.changed() => continue,
        };
        let answer = answer.and_then(Result::ok);
        let answer = answer.and_then(|bytes| wire::decode::<(Greeting, u128)>(&bytes).ok());
        if let Some((greeting, disk)) = answer {
            let identity = runtime.recovered().identity.clone();
            let noted = tokio::task::spawn_blocking(move || identity.met(peer, disk)).await;
            match noted.map_err(|error| error.to_string()).flatten() {
                Ok(()) => return (peer, greeting),
                Err(error) => tracing::error!(error, "a peer's disk identity cannot be written"),
            }
        }
        let _ = tokio::time::timeout(PAUSE, introduced.changed()).await;
    }
}

/// Becomes a new replica of the shard: first a member, then a log that records the new id, then the state from its
/// peers.
async fn rejoin(runtime: &Arc<Runtime>, shard: ShardId, why: String) -> Result<Start, String> {
    runtime.recovered().set_trouble(shard, Some(format!("{why}; waiting for its peers to admit it")));
    note(runtime, format!("shard-{shard}"), "rebuilding", why);
    let id = admission(runtime, shard).await;
    let world = runtime.world().clone();
    let cleared = background::done("troupe-clear", move || world.store.clear(shard)).await;
    cleared.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    let (done, durable) = oneshot::channel();
    let on_durable = Box::new(move |outcome| {
        let _ = done.send(outcome);
    });
    runtime.world().log.append(shard, vec![Record::Replica { id: id.0 }], on_durable)?;
    durable.await.map_err(|error| error.to_string())??;
    runtime.recovered().set_trouble(shard, None);
    let log = GroupLog { replica: Some(id.0), ..GroupLog::default() };
    Ok(Start { shard, id, founders: founders(runtime, shard), log, mark: SnapshotMark::default() })
}

/// Asks until the shard's leader has admitted this node's new replica.
async fn admission(runtime: &Arc<Runtime>, shard: ShardId) -> ReplicaId {
    let node = runtime.spec().here;
    loop {
        if let Some(id) = ask_leader::<ReplicaId>(runtime, shard, &Question::Readmit { shard, node }).await {
            let question = Question::Standing { shard, id };
            for _ in 0..ADMITTED_WITHIN {
                let standing = ask_leader::<Standing>(runtime, shard, &question).await;
                if standing.is_some_and(|standing| standing.member) {
                    return id;
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Asks each peer in turn; the leader answers.
async fn ask_leader<T: Decode<()>>(runtime: &Arc<Runtime>, shard: ShardId, question: &Question) -> Option<T> {
    let here = runtime.spec().here;
    let body = wire::encode(question);
    // The node believed to lead is asked first.
    let believed = runtime.directory().leader(shard);
    let mut nodes: Vec<NodeId> =
        runtime.nodes().iter().map(|node| node.id).filter(|node| *node != here).collect();
    nodes.sort_by_key(|node| Some(*node) != believed);
    for node in nodes {
        match runtime.call(node, SERVICE, body.clone(), ANSWER_WITHIN).await {
            Ok(bytes) => return wire::decode(&bytes).ok(),
            Err(error) => tracing::debug!(%shard, %node, %error, "not admitted yet"),
        }
    }
    None
}

/// The standing of a replica of this node, by its group's leader.
pub(super) async fn standing(runtime: &Arc<Runtime>, shard: ShardId, id: ReplicaId) -> Option<Standing> {
    ask_leader(runtime, shard, &Question::Standing { shard, id }).await
}

/// Shards that a peer leads.
pub(super) async fn led(runtime: &Arc<Runtime>, peer: NodeId) -> Option<Vec<ShardId>> {
    let body = wire::encode(&Question::Led);
    wire::decode(&runtime.call(peer, SERVICE, body, ANSWER_WITHIN).await.ok()?).ok()
}

fn note(runtime: &Runtime, subject: String, change: &str, reason: String) {
    tracing::warn!(subject, change, reason, "lifecycle");
    let (at, node) = (Timestamp::wall(), runtime.spec().here);
    runtime.journal().record(Lifecycle { at, node, subject, change: change.to_owned(), reason });
}
