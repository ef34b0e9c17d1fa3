//! The bounded queue in which requests wait for a replica, and the count of replicas woken for it.
//!
//! Requests do not travel through the factory. The factory only forwards a wake, and the woken replica takes one batch.
//! `called` wakes are in flight; `running` wakes have taken a batch. A new wake is sent only if the wakes in flight
//! cannot take all queued requests. So batches fill up, instead of single requests spreading over all replicas.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use tokio::sync::oneshot;
use troupe_runtime::locks::lock;

use super::error::ServeError;
use super::timing::Timing;

/// A ranked answer, by position in the vocabulary.
#[derive(Debug)]
pub(super) struct Scored {
    pub(super) ranked: Vec<(u32, f32)>,
    pub(super) timing: Timing,
}

/// One queued request.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) positions: Vec<u32>,
    pub(super) exclude_history: bool,
    pub(super) k: usize,
    pub(super) arrived: Instant,
    pub(super) deadline: Option<Instant>,
    pub(super) ahead: u32,
    pub(super) reply: oneshot::Sender<Result<Scored, ServeError>>,
}

#[derive(Debug, Default)]
struct State {
    requests: VecDeque<Request>,
    called: usize,
    running: usize,
    closed: Option<ServeError>,
}

/// The queue of one pool, at most `queue_max` requests.
#[derive(Debug)]
pub(super) struct BatchQueue {
    model: String,
    replicas: usize,
    batch_max: usize,
    queue_max: usize,
    state: Mutex<State>,
}

/// One woken replica, from the wake to the end of its batch. Its drop corrects the counts, also after a crash.
#[derive(Debug)]
pub(super) struct Wake {
    queue: Arc<BatchQueue>,
    running: bool,
}

impl BatchQueue {
    pub(super) fn new(model: String, replicas: usize, batch_max: usize, queue_max: usize) -> Arc<Self> {
        Arc::new(Self { model, replicas, batch_max, queue_max, state: Mutex::default() })
    }

    /// Queues a request. Returns a wake if a replica has to be woken for it.
    ///
    /// # Errors
    /// [`ServeError::Busy`] at `queue_max`, or the error of [`Self::close`].
    pub(super) fn push(self: &Arc<Self>, mut request: Request) -> Result<Option<Wake>, ServeError> {
        let mut state = self.lock();
        if let Some(error) = &state.closed {
            return Err(error.clone());
        }
        let waiting = state.requests.len();
        if waiting >= self.queue_max {
            return Err(ServeError::Busy { model: self.model.clone(), waiting });
        }
        request.ahead = u32::try_from(waiting).unwrap_or(u32::MAX);
        state.requests.push_back(request);
        Ok(self.call(&mut state))
    }

    /// Wakes a replica if more requests are queued than the wakes in flight can take.
    pub(super) fn wake(self: &Arc<Self>) -> Option<Wake> {
        self.call(&mut self.lock())
    }

    /// Requests in the queue.
    pub(super) fn waiting(&self) -> usize {
        self.lock().requests.len()
    }

    /// Answers every queued and every later request with this error.
    pub(super) fn close(&self, error: &ServeError) {
        let waiting = {
            let mut state = self.lock();
            state.closed = Some(error.clone());
            std::mem::take(&mut state.requests)
        };
        for request in waiting {
            let _ = request.reply.send(Err(error.clone()));
        }
    }

    fn call(self: &Arc<Self>, state: &mut State) -> Option<Wake> {
        let free = state.called + state.running < self.replicas;
        let unserved = state.requests.len() > state.called * self.batch_max;
        (free && unserved).then(|| {
            state.called += 1;
            Wake { queue: self.clone(), running: false }
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Wake {
    /// Takes the oldest requests, at most one batch. Expired requests are answered and left out, requests without a
    /// caller are dropped.
    pub(super) fn take(&mut self, now: Instant) -> Vec<Request> {
        let mut expired = Vec::new();
        let mut batch = Vec::new();
        {
            let mut state = self.queue.lock();
            if !self.running {
                self.running = true;
                state.called -= 1;
                state.running += 1;
            }
            while batch.len() < self.queue.batch_max {
                let Some(request) = state.requests.pop_front() else { break };
                if request.deadline.is_some_and(|deadline| deadline <= now) {
                    expired.push(request);
                } else if !request.reply.is_closed() {
                    batch.push(request);
                }
            }
        }
        for request in expired {
            let _ = request.reply.send(Err(ServeError::Expired));
        }
        batch
    }

    /// Ends this batch. Returns the next wake if more requests are queued.
    pub(super) fn finish(self) -> Option<Wake> {
        let queue = self.queue.clone();
        drop(self);
        queue.wake()
    }

    /// Whether the queue holds a full batch.
    pub(super) fn full(&self) -> bool {
        self.queue.waiting() >= self.queue.batch_max
    }
}

impl Drop for Wake {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        if self.running {
            state.running -= 1;
        } else {
            state.called -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    type Answer = oneshot::Receiver<Result<Scored, ServeError>>;

    fn request(now: Instant, deadline: Option<Instant>) -> (Request, Answer) {
        let (reply, answer) = oneshot::channel();
        let request = Request {
            positions: Vec::new(),
            exclude_history: true,
            k: 1,
            arrived: now,
            deadline,
            ahead: 0,
            reply,
        };
        (request, answer)
    }

    #[test]
    fn a_replica_is_called_once_for_a_batch_and_again_for_what_does_not_fit() {
        let now = Instant::now();
        let queue = BatchQueue::new("m".into(), 2, 3, 100);
        let mut answers = Vec::new();
        let mut wakes = Vec::new();
        for _ in 0..7 {
            let (request, answer) = request(now, None);
            wakes.push(queue.push(request).unwrap());
            answers.push(answer);
        }
        let called: Vec<bool> = wakes.iter().map(Option::is_some).collect();
        assert_eq!(called, [true, false, false, true, false, false, false], "two replicas, three a batch");
        let mut wakes: Vec<Wake> = wakes.into_iter().flatten().collect();
        assert_eq!(wakes[0].take(now).len(), 3);
        assert_eq!(wakes[1].take(now).len(), 3);
        assert!(queue.wake().is_none(), "both replicas run");
        let mut last = wakes.remove(0).finish().expect("one still waits");
        assert_eq!(last.take(now).iter().map(|request| request.ahead).collect::<Vec<_>>(), [6]);
        assert!(last.finish().is_none());
    }

    #[test]
    fn a_wake_lost_in_a_crash_can_be_called_again() {
        let now = Instant::now();
        let queue = BatchQueue::new("m".into(), 1, 3, 100);
        let (first, _answer) = request(now, None);
        drop(queue.push(first).unwrap());
        let mut wake = queue.wake().expect("the first call was lost on its way");
        assert_eq!(wake.take(now).len(), 1);
        let (second, _answer) = request(now, None);
        assert!(queue.push(second).unwrap().is_none(), "the only replica runs");
        drop(wake);
        assert!(queue.wake().is_some(), "the run was lost");
    }

    #[test]
    fn the_queue_has_a_bound_and_expired_or_abandoned_requests_take_no_place_in_a_batch() {
        let now = Instant::now();
        let queue = BatchQueue::new("m".into(), 1, 8, 3);
        let (late, mut late_answer) = request(now, Some(now));
        let (gone, gone_answer) = request(now, None);
        let (good, _good_answer) = request(now, Some(now + Duration::from_secs(1)));
        let mut wake = queue.push(late).unwrap().unwrap();
        drop(gone_answer);
        queue.push(gone).unwrap();
        queue.push(good).unwrap();
        let (over, _over_answer) = request(now, None);
        let busy = ServeError::Busy { model: "m".into(), waiting: 3 };
        assert_eq!(queue.push(over).unwrap_err(), busy);
        assert_eq!(wake.take(now).len(), 1);
        assert_eq!(late_answer.try_recv().unwrap().unwrap_err(), ServeError::Expired);
    }

    #[test]
    fn a_closed_queue_answers_its_requests_and_later_ones() {
        let now = Instant::now();
        let queue = BatchQueue::new("m".into(), 1, 8, 3);
        let (inside, mut answer) = request(now, None);
        let _wake = queue.push(inside).unwrap();
        let error = ServeError::Failed { model: "m".into(), why: "given up".into() };
        queue.close(&error);
        assert_eq!(answer.try_recv().unwrap().unwrap_err(), error);
        assert_eq!(queue.push(request(now, None).0).unwrap_err(), error);
    }
}
