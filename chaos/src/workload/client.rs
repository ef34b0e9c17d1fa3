//! One client.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::attempt::{Gateway, Outcome, Request};
use super::clients::{Effect, RunState};
use super::draw::{Draw, Next};
use super::tally::Success;
use crate::history::{Call, End, Operation};

/// How long a roaming client retries one call.
const TRY_FOR: Duration = Duration::from_secs(10);
/// Deadline of each attempt of a roaming client. Shorter than a failover, so that a frozen or partitioned gateway does not
/// hide that the other gateways answer.
const ATTEMPT: Duration = Duration::from_millis(500);
/// Pause before the next attempt.
const PAUSE: Duration = Duration::from_millis(40);
/// Deadlines of clients that stay. The long ones outlast a short freeze of the node.
const DEADLINES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(12)];

pub(super) struct Client {
    pub(super) number: u32,
    /// The gateway at which it stays or starts.
    pub(super) home: usize,
    pub(super) roams: bool,
    /// Time between the starts of two calls.
    pub(super) pace: Duration,
    pub(super) draw: Draw,
    pub(super) gateways: Vec<Gateway>,
    pub(super) run: Arc<RunState>,
}

impl Client {
    /// Sends calls one after the other until `stopped` is set. The last call is completed.
    pub(super) async fn run(mut self, stopped: Arc<AtomicBool>) {
        let mut due = Instant::now();
        let mut count = 0_u64;
        while !stopped.load(Ordering::Relaxed) {
            tokio::time::sleep_until(due).await;
            // Missed calls are not caught up.
            due = (due + self.pace).max(Instant::now());
            count += 1;
            let next = self.draw.next(self.run.since());
            let once = format!("chaos-{}-{count}", self.number);
            let sent = self.run.now();
            let end = if self.roams { self.roam(&next, &once).await } else { self.stay(&next, &once).await };
            self.keep(next, sent, end);
        }
    }

    /// One attempt at the home gateway.
    async fn stay(&mut self, next: &Next, once: &str) -> End {
        let deadline = DEADLINES[usize::try_from(self.draw.pick(0..3)).unwrap_or(0)];
        let outcome = self.attempt(self.home, next, once, deadline).await;
        let end = self.ended(&outcome);
        if !matches!(end, End::Ok { .. }) {
            tokio::time::sleep(PAUSE).await;
        }
        end
    }

    /// Attempts at one gateway after the other. After an attempt in doubt only an answer ends the doubt, because that
    /// attempt may still be in flight.
    async fn roam(&mut self, next: &Next, once: &str) -> End {
        let until = Instant::now() + TRY_FOR;
        let mut doubt = false;
        loop {
            let outcome = self.attempt(self.home, next, once, ATTEMPT).await;
            let end = self.ended(&outcome);
            match (&end, &outcome) {
                (End::Ok { .. }, _) => return end,
                (End::Unknown, _) => doubt = true,
                (End::Fail, Outcome::Fail { retryable: false, .. }) if !doubt => return End::Fail,
                (End::Fail, _) => {}
            }
            if Instant::now() > until {
                self.run.tally.gave_up();
                return if doubt { End::Unknown } else { End::Fail };
            }
            self.home = (self.home + 1) % self.gateways.len();
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn attempt(&self, node: usize, next: &Next, once: &str, within: Duration) -> Outcome {
        let request =
            Request { key: &next.key, call: &next.call, forward: next.forward.as_deref(), once, within };
        let watch = self.run.excuses.watch(node);
        let outcome = self.gateways[node].ask(&request).await;
        self.run.tally.attempt(&outcome, self.run.excuses.excused(node, watch));
        outcome
    }

    fn ended(&self, outcome: &Outcome) -> End {
        match outcome {
            Outcome::Ok(answer) => End::Ok { at: self.run.now(), answer: answer.clone() },
            Outcome::Fail { .. } | Outcome::NotSent => End::Fail,
            Outcome::Unknown { .. } | Outcome::Broken | Outcome::Silent | Outcome::Untyped(_) => End::Unknown,
        }
    }

    fn keep(&mut self, next: Next, sent: u64, end: End) {
        if let End::Ok { at, answer } = &end {
            self.draw.saw(&next.key, answer);
            self.run.tally.success(Success { client: self.number, roams: self.roams, sent, at: *at });
        }
        if let (Some(to), Some(value)) = (&next.forward, next.call.written()) {
            let from = next.key.clone();
            self.run.effect(Effect { from, to: to.clone(), value, end: end.clone() });
            if end != End::Fail {
                // The client gets no reply about the time of the effect, so its end is unknown.
                let (key, call) = (to.clone(), Call::Append(value));
                self.run.log.push(Operation { client: self.number, key, call, sent, end: End::Unknown });
            }
        }
        self.run.log.push(Operation { client: self.number, key: next.key, call: next.call, sent, end });
    }
}
