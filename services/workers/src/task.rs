//! One task, from its grant to its outcome.

use std::time::Duration;

use tokio::time::Instant;
use troupe_actors::coordination::work_queues::{Beat, Failure, Finish, Grant, Outcome, queue_of};
use troupe_runtime::{AskOptions, Router, Timestamp};

use super::executors::Executors;
use super::progress::Progress;

/// Between beats, as a part of the lease.
const BEATS_A_LEASE: u32 = 4;
/// Between tries to say how it ended.
const AGAIN: Duration = Duration::from_millis(200);

/// Executes a task with heartbeats and reports the outcome; drops it when its lease is lost or its time is over.
pub(super) async fn serve(router: Router, executors: Executors, grant: Grant, lease: Duration) {
    let progress = Progress::default();
    let left = Duration::from_millis(grant.until.0.saturating_sub(Timestamp::wall().0));
    let work = executors.run(&grant, progress.clone());
    let outcome = tokio::select! {
        done = tokio::time::timeout(left, work) => done.unwrap_or(Outcome::TimedOut),
        () = beat(&router, &grant, &progress, lease) => {
            tracing::debug!(task = grant.id, "dropped: the lease is lost, or the task was canceled");
            return;
        }
    };
    let finish = Finish { id: grant.id.clone(), fence: grant.fence, outcome };
    // After the lease the queue ignores this worker's outcome.
    let until = Instant::now() + lease;
    while Instant::now() < until {
        match router.ask(&queue_of(&grant.id), &finish, AskOptions::within(lease)).await {
            Ok(_) => return,
            Err(error) => {
                tracing::debug!(task = grant.id, %error, "could not report the end of a task; trying again");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

/// Returns when the lease is lost.
async fn beat(router: &Router, grant: &Grant, progress: &Progress, lease: Duration) {
    let every = lease / BEATS_A_LEASE;
    let mut heard = Instant::now();
    loop {
        tokio::time::sleep(every).await;
        let said = progress.take();
        let (progress, share) = said.map_or((None, None), |(words, share)| (Some(words), share));
        let beat = Beat { id: grant.id.clone(), fence: grant.fence, progress, share };
        match router.ask(&queue_of(&grant.id), &beat, AskOptions::within(every)).await {
            Ok(true) => heard = Instant::now(),
            Ok(false) => return,
            // The queue may be on its way to another node: the lease still counts, and its end is known here.
            Err(_) if heard.elapsed() < lease => {}
            Err(_) => return,
        }
    }
}

/// A failure of the work itself.
pub(super) fn failed(why: impl Into<String>, kind: Failure) -> Outcome {
    Outcome::Failed { why: why.into(), kind }
}
