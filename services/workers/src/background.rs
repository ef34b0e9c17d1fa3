//! Work in the background as an actor in the node's supervision tree.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::task::JoinHandle;
use troupe_runtime::supervised::{ChildSpec, Restart};

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;
type Begin = Arc<dyn Fn() -> Work + Send + Sync>;

/// The actor takes no messages.
#[derive(Debug)]
enum Nothing {}
impl ractor::Message for Nothing {}

struct Worker;

impl Actor for Worker {
    type Msg = Nothing;
    type State = JoinHandle<()>;
    type Arguments = Begin;

    async fn pre_start(
        &self,
        myself: ActorRef<Nothing>,
        begin: Begin,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(tokio::spawn(async move {
            let guard = Abort(tokio::spawn(begin()));
            if guard.panicked().await {
                myself.kill();
            }
        }))
    }

    async fn post_stop(
        &self,
        _: ActorRef<Nothing>,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        state.abort();
        Ok(())
    }
}

struct Abort(JoinHandle<()>);

impl Abort {
    /// Waits for the end of the work. Only a panic is a reason to start it again.
    async fn panicked(mut self) -> bool {
        (&mut self.0).await.is_err()
    }
}

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A child that runs the future of `begin` until it is stopped. After a panic its supervisor starts it again.
pub(crate) fn child<F>(name: &str, begin: impl Fn() -> F + Send + Sync + 'static) -> ChildSpec
where
    F: Future<Output = ()> + Send + 'static,
{
    let begin: Begin = Arc::new(move || Box::pin(begin()));
    ChildSpec {
        name: name.to_owned(),
        restart: Restart::Permanent,
        start: Arc::new(move |supervisor| {
            let begin = begin.clone();
            Box::pin(async move {
                let (actor, _) = match supervisor {
                    Some(supervisor) => Actor::spawn_linked(None, Worker, begin, supervisor).await?,
                    None => Actor::spawn(None, Worker, begin).await?,
                };
                Ok(actor.get_cell())
            })
        }),
    }
}
