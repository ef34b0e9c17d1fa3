//! The bounded room where requests wait for a replica, and the count of replicas called to it.
//!
//! Requests do not travel through the factory: it is only woken, and the replica that comes takes as many as fit in a
//! batch. `called` wakes are on their way, `running` ones have taken a batch; a new wake is sent only while those on their
//! way could not take all that waits, so that a lull fills batches instead of spreading single requests over replicas.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::error::ServeError;

/// Where a request's time went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Timing {
    /// Microseconds it waited for a free replica.
    pub queue_us: u64,
    /// Microseconds of the run that scored its batch, the ranking included.
    pub compute_us: u64,
    /// Requests in that batch. One means that nothing else waited.
    pub batch: u32,
    /// Requests that already waited when it came.
    pub ahead: u32,
}

/// A ranked answer, by position in the vocabulary.
#[derive(Debug)]
pub(super) struct Scored {
    pub(super) ranked: Vec<(u32, f32)>,
    pub(super) timing: Timing,
}

/// One request that waits.
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
struct Inside {
    queue: VecDeque<Request>,
    called: usize,
    running: usize,
    closed: Option<ServeError>,
}

/// The room of one pool.
#[derive(Debug)]
pub(super) struct WaitingRoom {
    model: String,
    replicas: usize,
    batch_max: usize,
    queue_max: usize,
    inside: Mutex<Inside>,
}

/// One replica called to the room, from the call to the end of its batch. Dropped anywhere, a crash included, it leaves
/// the counts right.
#[derive(Debug)]
pub(super) struct Wake {
    room: Arc<WaitingRoom>,
    running: bool,
}

impl WaitingRoom {
    pub(super) fn new(model: String, replicas: usize, batch_max: usize, queue_max: usize) -> Arc<Self> {
        Arc::new(Self { model, replicas, batch_max, queue_max, inside: Mutex::default() })
    }

    /// Lets a request in, and tells whether a replica has to be called for it.
    ///
    /// # Errors
    /// [`ServeError::Busy`] at the bound, or why the room is closed.
    pub(super) fn enter(self: &Arc<Self>, mut request: Request) -> Result<Option<Wake>, ServeError> {
        let mut inside = self.lock();
        if let Some(error) = &inside.closed {
            return Err(error.clone());
        }
        let waiting = inside.queue.len();
        if waiting >= self.queue_max {
            return Err(ServeError::Busy { model: self.model.clone(), waiting });
        }
        request.ahead = u32::try_from(waiting).unwrap_or(u32::MAX);
        inside.queue.push_back(request);
        Ok(self.call(&mut inside))
    }

    /// Calls a replica if more waits than those on their way will take.
    pub(super) fn wake(self: &Arc<Self>) -> Option<Wake> {
        self.call(&mut self.lock())
    }

    /// Requests waiting.
    pub(super) fn waiting(&self) -> usize {
        self.lock().queue.len()
    }

    /// Answers everything that waits, and all that comes, with this error.
    pub(super) fn close(&self, error: &ServeError) {
        let waiting = {
            let mut inside = self.lock();
            inside.closed = Some(error.clone());
            std::mem::take(&mut inside.queue)
        };
        for request in waiting {
            let _ = request.reply.send(Err(error.clone()));
        }
    }

    fn call(self: &Arc<Self>, inside: &mut Inside) -> Option<Wake> {
        let free = inside.called + inside.running < self.replicas;
        let unserved = inside.queue.len() > inside.called * self.batch_max;
        (free && unserved).then(|| {
            inside.called += 1;
            Wake { room: self.clone(), running: false }
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        // Nothing panics while holding it; were it so, the counts would still be whole.
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake {
    /// Takes the oldest requests, up to a batch. Those whose deadline has passed, or whose caller has gone, are answered
    /// and left out.
    pub(super) fn take(&mut self, now: Instant) -> Vec<Request> {
        let mut expired = Vec::new();
        let mut batch = Vec::new();
        {
            let mut inside = self.room.lock();
            if !self.running {
                self.running = true;
                inside.called -= 1;
                inside.running += 1;
            }
            while batch.len() < self.room.batch_max {
                let Some(request) = inside.queue.pop_front() else { break };
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

    /// Ends this batch, and calls again if more waits.
    pub(super) fn finish(self) -> Option<Wake> {
        let room = self.room.clone();
        drop(self);
        room.wake()
    }

    /// Whether a batch would be full already.
    pub(super) fn full(&self) -> bool {
        self.room.waiting() >= self.room.batch_max
    }
}

impl Drop for Wake {
    fn drop(&mut self) {
        let mut inside = self.room.lock();
        if self.running {
            inside.running -= 1;
        } else {
            inside.called -= 1;
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
        let room = WaitingRoom::new("m".into(), 2, 3, 100);
        let mut answers = Vec::new();
        let mut wakes = Vec::new();
        for _ in 0..7 {
            let (request, answer) = request(now, None);
            wakes.push(room.enter(request).unwrap());
            answers.push(answer);
        }
        let called: Vec<bool> = wakes.iter().map(Option::is_some).collect();
        assert_eq!(called, [true, false, false, true, false, false, false], "two replicas, three a batch");
        let mut wakes: Vec<Wake> = wakes.into_iter().flatten().collect();
        assert_eq!(wakes[0].take(now).len(), 3);
        assert_eq!(wakes[1].take(now).len(), 3);
        assert!(room.wake().is_none(), "both replicas run");
        let mut last = wakes.remove(0).finish().expect("one still waits");
        assert_eq!(last.take(now).iter().map(|request| request.ahead).collect::<Vec<_>>(), [6]);
        assert!(last.finish().is_none());
    }

    #[test]
    fn a_wake_lost_in_a_crash_can_be_called_again() {
        let now = Instant::now();
        let room = WaitingRoom::new("m".into(), 1, 3, 100);
        let (first, _answer) = request(now, None);
        drop(room.enter(first).unwrap());
        let mut wake = room.wake().expect("the first call was lost on its way");
        assert_eq!(wake.take(now).len(), 1);
        let (second, _answer) = request(now, None);
        assert!(room.enter(second).unwrap().is_none(), "the only replica runs");
        drop(wake);
        assert!(room.wake().is_some(), "the run was lost");
    }

    #[test]
    fn the_room_has_a_bound_and_expired_or_abandoned_requests_take_no_place_in_a_batch() {
        let now = Instant::now();
        let room = WaitingRoom::new("m".into(), 1, 8, 3);
        let (late, mut late_answer) = request(now, Some(now));
        let (gone, gone_answer) = request(now, None);
        let (good, _good_answer) = request(now, Some(now + Duration::from_secs(1)));
        let mut wake = room.enter(late).unwrap().unwrap();
        drop(gone_answer);
        room.enter(gone).unwrap();
        room.enter(good).unwrap();
        let (over, _over_answer) = request(now, None);
        let busy = ServeError::Busy { model: "m".into(), waiting: 3 };
        assert_eq!(room.enter(over).unwrap_err(), busy);
        assert_eq!(wake.take(now).len(), 1);
        assert_eq!(late_answer.try_recv().unwrap().unwrap_err(), ServeError::Expired);
    }

    #[test]
    fn a_closed_room_answers_those_inside_and_those_who_come() {
        let now = Instant::now();
        let room = WaitingRoom::new("m".into(), 1, 8, 3);
        let (inside, mut answer) = request(now, None);
        let _wake = room.enter(inside).unwrap();
        let error = ServeError::Failed { model: "m".into(), why: "given up".into() };
        room.close(&error);
        assert_eq!(answer.try_recv().unwrap().unwrap_err(), error);
        assert_eq!(room.enter(request(now, None).0).unwrap_err(), error);
    }
}
