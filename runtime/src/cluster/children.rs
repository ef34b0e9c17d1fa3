//! The child specs of a node's actors, for a supervisor.

use std::sync::Arc;

use futures::future::FutureExt as _;
use ractor::Actor as _;

use super::bootstrap;
use super::runtime::Runtime;
use crate::placement::{Reconciler, ReconcilerArguments};
use crate::shard::{Mailbox, ShardActor, ShardArguments};
use crate::supervised::{ChildSpec, Restart};

impl Runtime {
    /// The actors of the shards and the reconciler.
    #[must_use]
    pub fn children(self: &Arc<Self>) -> Vec<ChildSpec> {
        let mut children: Vec<ChildSpec> =
            self.directory().mailboxes().map(|mailbox| self.child(mailbox.clone())).collect();
        children.push(self.reconciler());
        children
    }

    fn reconciler(self: &Arc<Self>) -> ChildSpec {
        let runtime = self.clone();
        let start = move |supervisor: Option<ractor::ActorCell>| {
            let arguments = ReconcilerArguments { node: runtime.placement_handle() };
            async move {
                let (actor, _) = match supervisor {
                    Some(supervisor) => {
                        Reconciler::spawn_linked(None, Reconciler, arguments, supervisor).await?
                    }
                    None => Reconciler::spawn(None, Reconciler, arguments).await?,
                };
                Ok(actor.get_cell())
            }
            .boxed()
        };
        ChildSpec { name: "placement".to_owned(), restart: Restart::Permanent, start: Arc::new(start) }
    }

    fn child(self: &Arc<Self>, mailbox: Arc<Mailbox>) -> ChildSpec {
        let shard = mailbox.shard();
        let runtime = self.clone();
        let start = move |supervisor: Option<ractor::ActorCell>| {
            let (finding, recording) = (runtime.clone(), runtime.clone());
            let arguments = ShardArguments {
                world: runtime.world().clone(),
                mailbox: mailbox.clone(),
                shard,
                start: Arc::new(move || bootstrap::find(finding.clone(), shard).boxed()),
                recorded: Arc::new(move || recording.recovered().recorded(shard)),
                starts: runtime.count_of_starts(shard),
            };
            async move {
                let (actor, _) = match supervisor {
                    Some(supervisor) => {
                        ShardActor::spawn_linked(None, ShardActor, arguments, supervisor).await?
                    }
                    None => ShardActor::spawn(None, ShardActor, arguments).await?,
                };
                Ok(actor.get_cell())
            }
            .boxed()
        };
        ChildSpec { name: format!("shard-{shard}"), restart: Restart::Permanent, start: Arc::new(start) }
    }
}
