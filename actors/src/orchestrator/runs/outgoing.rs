//! Messages that a run sends to other actors, as effects of the command that caused them.

use troupe_runtime::{Address, Command, Decision};

use super::breakpoints::SetBreakpoints;
use super::messages::{Begin, Ended, Forget, Stop};
use super::metadata_mirror::MirrorMessage;
use super::state::WorkflowRun;
use crate::coordination::signals::{Raise, Signal, Subscribe, Unsubscribe};
use crate::coordination::work_queues::{Offer, Withdraw, queue_of};
use crate::delivery::executions::{Cancel, Deployment};
use crate::delivery::pipelines::{Pipeline, RunFor};
use crate::orchestrator::permits::{Acquire, Permit, Release};
use crate::orchestrator::workflows::{StartWorkflow, StopInstance, Workflow};

/// One message, with the key of its target.
pub(super) enum Outgoing {
    Offer(Box<Offer>),
    Withdraw(String),
    Raise(String, Box<Raise>),
    Subscribe(String, Subscribe),
    Unsubscribe(String, Unsubscribe),
    Begin(String, Box<Begin>),
    Stop(String, Stop),
    Start(String, Box<StartWorkflow>),
    StopInstance(String, StopInstance),
    Forget(String),
    Ended(Address, Box<Ended>),
    Acquire(String, Acquire),
    Release(String, Release),
    Mirror(Box<MirrorMessage>),
    Deploy(String, Box<RunFor>),
    CancelDeployment(String, Cancel),
    Breakpoints(String, SetBreakpoints),
}

impl Outgoing {
    /// Adds the message to a decision.
    pub(super) fn send<C: Command>(self, decision: Decision<WorkflowRun, C>) -> Decision<WorkflowRun, C> {
        let run = |key: String| Address::of::<WorkflowRun>(key);
        let signal = |name: String| Address::of::<Signal>(name);
        match self {
            Self::Offer(offer) => decision.tell(queue_of(&offer.id), offer.as_ref()),
            Self::Withdraw(id) => decision.tell(queue_of(&id), &Withdraw { id }),
            Self::Raise(name, raise) => decision.tell(signal(name), raise.as_ref()),
            Self::Subscribe(name, subscribe) => decision.tell(signal(name), &subscribe),
            Self::Unsubscribe(name, unsubscribe) => decision.tell(signal(name), &unsubscribe),
            Self::Begin(key, begin) => decision.tell(run(key), begin.as_ref()),
            Self::Stop(key, stop) => decision.tell(run(key), &stop),
            Self::Forget(key) => decision.tell(run(key), &Forget {}),
            Self::Start(id, start) => decision.tell(Address::of::<Workflow>(id), start.as_ref()),
            Self::StopInstance(id, stop) => decision.tell(Address::of::<Workflow>(id), &stop),
            Self::Acquire(tag, acquire) => decision.tell(Address::of::<Permit>(tag), &acquire),
            Self::Release(tag, release) => decision.tell(Address::of::<Permit>(tag), &release),
            Self::Ended(to, ended) => decision.tell(to, ended.as_ref()),
            Self::Mirror(message) => message.send(decision),
            Self::Deploy(pipeline, run) => decision.tell(Address::of::<Pipeline>(pipeline), run.as_ref()),
            Self::Breakpoints(key, set) => decision.tell(run(key), &set),
            Self::CancelDeployment(execution, cancel) => {
                decision.tell(Address::of::<Deployment>(execution), &cancel)
            }
        }
    }
}
