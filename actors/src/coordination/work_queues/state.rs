//! The state of a work queue, and its decisions.

use std::collections::{BTreeMap, VecDeque};

use bincode::{Decode, Encode};
use serde::Serialize;
use troupe_runtime::entity::{Answer, Timer};
use troupe_runtime::text::cut;
use troupe_runtime::{Command, Context, Decide, Decision, Entity, Refused, Timestamp};

use super::messages::{
    Beat, Claim, Failure, Finish, Finished, GetQueue, Grant, Granted, Offer, Outcome, Progress, QueueView,
    Sweep, TaskView, Waiting, WaitingView, Withdraw,
};

/// Maximum number of tasks of one queue; backpressure for offers beyond it.
pub const TASKS_MAX: usize = 2_000;
/// Largest spec, and largest output, of a task in bytes of JSON.
pub const SPEC_BYTES_MAX: usize = 64 << 10;
/// Duration of a lease without a heartbeat, in milliseconds.
pub const LEASE_MS: u64 = 5_000;
/// Maximum number of deliveries of a task; after that, the deaths of its workers count as its failure.
pub const DELIVERIES_MAX: u32 = 5;
/// Retention of the ids of ended tasks.
const ENDED_MAX: usize = 4_096;
/// Maximum number of tasks of one claim, so that a log entry does not grow with the queue.
const CLAIM_MAX: usize = 16;
/// Maximum number of tasks that one sweep ends or releases.
const SWEEP_MAX: usize = 64;
const TEXT_BYTES_MAX: usize = 256;
const WORDS_CHARS_MAX: usize = 400;
const TIMER: &str = "sweep";

#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
struct Lease {
    worker: String,
    until: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
struct Task {
    offer: Offer,
    at: Timestamp,
    deliveries: u32,
    fence: u64,
    lease: Option<Lease>,
    progress: Option<String>,
}

impl Task {
    fn deadline(&self) -> Timestamp {
        Timestamp(self.at.0.saturating_add(self.offer.timeout_ms))
    }

    /// Time at which a sweep must end or release it.
    fn due(&self) -> Timestamp {
        self.lease.as_ref().map_or_else(|| self.deadline(), |lease| lease.until.min(self.deadline()))
    }
}

/// One queue, keyed by its number.
#[derive(Debug, Default, Encode, Decode, Serialize)]
pub struct WorkQueue {
    /// The tasks, in the order of their offers.
    tasks: BTreeMap<u64, Task>,
    numbers: BTreeMap<String, u64>,
    next: u64,
    fence: u64,
    ended: VecDeque<String>,
    finished: u64,
}

/// What happened to a queue.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
pub enum Event {
    /// A task was offered.
    Offered(Box<Offer>, Timestamp),
    /// A task of this number was leased to a worker until this time.
    Claimed(u64, String, Timestamp),
    /// A task's lease was renewed until this time, with its progress if that was reported.
    Beaten(u64, Timestamp, Option<String>),
    /// A task's lease expired.
    Released(u64),
    /// A task ended.
    Ended(u64),
}

impl WorkQueue {
    fn known(&self, id: &str) -> bool {
        self.numbers.contains_key(id) || self.ended.iter().any(|ended| ended == id)
    }

    fn held(&self, id: &str, fence: u64) -> Option<(u64, &Task)> {
        let number = *self.numbers.get(id)?;
        let task = self.tasks.get(&number)?;
        (task.fence == fence && task.lease.is_some()).then_some((number, task))
    }

    /// Sets the timer for the earliest due task after the decision's events.
    fn timed<C: Command>(&self, decision: Decision<Self, C>) -> Decision<Self, C> {
        // Only tasks that the events touch can change their due time.
        let mut due: BTreeMap<u64, Option<Timestamp>> = BTreeMap::new();
        let mut next = self.next;
        for event in decision.events() {
            match event {
                Event::Offered(offer, at) => {
                    due.insert(next, Some(Timestamp(at.0.saturating_add(offer.timeout_ms))));
                    next += 1;
                }
                Event::Claimed(number, _, until) | Event::Beaten(number, until, _) => {
                    let deadline = self.tasks.get(number).map_or(*until, Task::deadline);
                    due.insert(*number, Some((*until).min(deadline)));
                }
                Event::Released(number) => {
                    due.insert(*number, self.tasks.get(number).map(Task::deadline));
                }
                Event::Ended(number) => {
                    due.insert(*number, None);
                }
            }
        }
        let others = self.tasks.iter().filter(|(number, _)| !due.contains_key(number));
        let first = others.map(|(_, task)| task.due()).chain(due.values().copied().flatten()).min();
        match first {
            Some(at) => decision.set_timer(TIMER, Timer::once(at, &Sweep {})),
            None => decision.cancel_timer(TIMER),
        }
    }

    fn end<C: Command>(
        decision: Decision<Self, C>,
        number: u64,
        task: &Task,
        outcome: Outcome,
    ) -> Decision<Self, C> {
        let finished = Finished { id: task.offer.id.clone(), outcome };
        decision.and(Event::Ended(number)).tell(task.offer.owner.clone(), &finished)
    }
}

fn words(text: &str) -> String {
    cut(text, WORDS_CHARS_MAX)
}

fn json_bytes(value: &serde_json::Value) -> usize {
    serde_json::to_vec(value).map_or(usize::MAX, |bytes| bytes.len())
}

/// The outcome within size limits, so that the log entry does not grow with a worker's output.
fn bounded(outcome: &Outcome) -> Outcome {
    match outcome {
        Outcome::Done { output } if json_bytes(&output.0) > SPEC_BYTES_MAX => Outcome::Failed {
            why: format!(
                "its output is larger than {SPEC_BYTES_MAX} bytes: put it into the lake and name it"
            ),
            kind: Failure::Fatal,
        },
        Outcome::Failed { why, kind } => Outcome::Failed { why: words(why), kind: *kind },
        outcome => outcome.clone(),
    }
}

impl Entity for WorkQueue {
    const KIND: &'static str = "tasks";
    type Event = Event;

    fn create(_key: &str) -> Self {
        Self::default()
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::Offered(offer, at) => {
                self.numbers.insert(offer.id.clone(), self.next);
                let task = Task {
                    offer: offer.as_ref().clone(),
                    at: *at,
                    deliveries: 0,
                    fence: 0,
                    lease: None,
                    progress: None,
                };
                self.tasks.insert(self.next, task);
                self.next += 1;
            }
            Event::Claimed(number, worker, until) => {
                self.fence += 1;
                if let Some(task) = self.tasks.get_mut(number) {
                    task.deliveries += 1;
                    task.fence = self.fence;
                    task.lease = Some(Lease { worker: worker.clone(), until: *until });
                }
            }
            Event::Beaten(number, until, progress) => {
                if let Some(task) = self.tasks.get_mut(number) {
                    if let Some(lease) = &mut task.lease {
                        lease.until = *until;
                    }
                    if progress.is_some() {
                        task.progress.clone_from(progress);
                    }
                }
            }
            Event::Released(number) => {
                if let Some(task) = self.tasks.get_mut(number) {
                    task.lease = None;
                }
            }
            Event::Ended(number) => {
                if let Some(task) = self.tasks.remove(number) {
                    self.numbers.remove(&task.offer.id);
                    self.ended.push_back(task.offer.id);
                    self.finished += 1;
                    if self.ended.len() > ENDED_MAX {
                        self.ended.pop_front();
                    }
                }
            }
        }
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.tasks.len() * 1_200 + self.ended.len() * 64
    }
}

impl Decide<Offer> for WorkQueue {
    fn decide(&self, ask: &Offer, ctx: &Context<'_>) -> Decision<Self, Offer> {
        if self.known(&ask.id) {
            return Decision::unchanged().reply(());
        }
        let wrong =
            if ask.id.is_empty() || ask.id.len() > TEXT_BYTES_MAX || ask.executor.len() > TEXT_BYTES_MAX {
                Some((format!("its id and executor must be 1 to {TEXT_BYTES_MAX} bytes"), Failure::Fatal))
            } else if json_bytes(&ask.spec.0) > SPEC_BYTES_MAX {
                let why = format!(
                    "its spec is larger than {SPEC_BYTES_MAX} bytes: put it into the lake and name it"
                );
                Some((why, Failure::Fatal))
            } else if self.tasks.len() >= TASKS_MAX {
                Some((format!("{TASKS_MAX} tasks wait in this queue: try again later"), Failure::Platform))
            } else {
                None
            };
        if let Some((why, kind)) = wrong {
            let finished = Finished { id: ask.id.clone(), outcome: Outcome::Failed { why, kind } };
            return Decision::unchanged().tell(ask.owner.clone(), &finished).reply(());
        }
        self.timed(Decision::event(Event::Offered(Box::new(ask.clone()), ctx.now))).reply(())
    }
}

impl Decide<Withdraw> for WorkQueue {
    fn decide(&self, ask: &Withdraw, _ctx: &Context<'_>) -> Decision<Self, Withdraw> {
        match self.numbers.get(&ask.id) {
            Some(number) => self.timed(Decision::event(Event::Ended(*number))).reply(()),
            None => Decision::unchanged().reply(()),
        }
    }
}

impl Decide<Claim> for WorkQueue {
    fn decide(&self, ask: &Claim, ctx: &Context<'_>) -> Decision<Self, Claim> {
        if ask.worker.is_empty() || ask.worker.len() > TEXT_BYTES_MAX {
            let why = format!("worker must be 1 to {TEXT_BYTES_MAX} bytes");
            return Decision::refuse(Refused::field("BAD_WORKER", "worker", why));
        }
        let until = Timestamp(ctx.now.0 + LEASE_MS);
        let mut room = ask.room.clone();
        let mut decision = Decision::unchanged();
        let mut tasks: Vec<Grant> = Vec::new();
        for (number, task) in &self.tasks {
            let free = task.lease.is_none() && task.deadline() > ctx.now;
            let Some(left) = room.get_mut(&task.offer.executor).filter(|left| free && **left > 0) else {
                continue;
            };
            *left -= 1;
            decision = decision.and(Event::Claimed(*number, ask.worker.clone(), until));
            tasks.push(Grant {
                id: task.offer.id.clone(),
                fence: self.fence + 1 + tasks.len() as u64,
                delivery: task.deliveries + 1,
                executor: task.offer.executor.clone(),
                spec: task.offer.spec.clone(),
                owner: task.offer.owner.clone(),
                until: task.deadline(),
            });
            if tasks.len() == CLAIM_MAX {
                break;
            }
        }
        let decision = if tasks.is_empty() { decision } else { self.timed(decision) };
        decision.reply(Granted { tasks, lease_ms: LEASE_MS })
    }
}

impl Decide<Beat> for WorkQueue {
    fn decide(&self, ask: &Beat, ctx: &Context<'_>) -> Decision<Self, Beat> {
        let Some((number, task)) = self.held(&ask.id, ask.fence) else {
            return Decision::unchanged().reply(false);
        };
        let progress = ask.progress.as_deref().map(words).filter(|now| Some(now) != task.progress.as_ref());
        let until = Timestamp(ctx.now.0 + LEASE_MS);
        let decision = Decision::event(Event::Beaten(number, until, progress.clone()));
        let decision = match progress {
            Some(words) => {
                let share = ask.share.filter(|share| (0.0..=1.0).contains(share));
                decision.tell(task.offer.owner.clone(), &Progress { id: ask.id.clone(), words, share })
            }
            None => decision,
        };
        self.timed(decision).reply(true)
    }
}

impl Decide<Finish> for WorkQueue {
    fn decide(&self, ask: &Finish, _ctx: &Context<'_>) -> Decision<Self, Finish> {
        let Some((number, task)) = self.held(&ask.id, ask.fence) else {
            return Decision::unchanged().reply(false);
        };
        self.timed(Self::end(Decision::unchanged(), number, task, bounded(&ask.outcome))).reply(true)
    }
}

impl Decide<Sweep> for WorkQueue {
    fn decide(&self, _ask: &Sweep, ctx: &Context<'_>) -> Decision<Self, Sweep> {
        let mut decision = Decision::unchanged();
        let due = self.tasks.iter().filter(|(_, task)| task.due() <= ctx.now);
        for (number, task) in due.take(SWEEP_MAX) {
            decision = if task.deadline() <= ctx.now {
                Self::end(decision, *number, task, Outcome::TimedOut)
            } else if task.deliveries >= DELIVERIES_MAX {
                let why = format!("{} workers that had it stopped sending heartbeats", task.deliveries);
                Self::end(decision, *number, task, Outcome::Failed { why, kind: Failure::Platform })
            } else {
                decision.and(Event::Released(*number))
            };
        }
        self.timed(decision).reply(())
    }
}

impl Answer<Waiting> for WorkQueue {
    fn answer(&self, _ask: &Waiting, _ctx: &Context<'_>) -> Result<WaitingView, Refused> {
        let mut view = WaitingView::default();
        for task in self.tasks.values().filter(|task| task.lease.is_none()) {
            *view.tasks.entry(task.offer.executor.clone()).or_default() += 1;
        }
        Ok(view)
    }
}

impl Answer<GetQueue> for WorkQueue {
    fn answer(&self, _ask: &GetQueue, _ctx: &Context<'_>) -> Result<QueueView, Refused> {
        let view = |task: &Task| TaskView {
            id: task.offer.id.clone(),
            owner: task.offer.owner.clone(),
            executor: task.offer.executor.clone(),
            at: task.at,
            until: task.deadline(),
            deliveries: task.deliveries,
            worker: task.lease.as_ref().map(|lease| lease.worker.clone()),
            progress: task.progress.clone(),
        };
        Ok(QueueView { tasks: self.tasks.values().map(view).collect(), finished: self.finished })
    }
}
