//! One client.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::attempt::{Gateway, Outcome, Request};
use super::crowd::{Effect, Scene};
use super::draw::{Draw, Next};
use super::tally::Success;
use crate::history::{Call, End, Operation};

/// How long a roaming client tries one call.
const TRY_FOR: Duration = Duration::from_secs(10);
/// How long each of its attempts may take. Shorter than a failover, so that what it waits for is the cluster: a gateway that
/// is frozen or cut off holds nobody who knows of others.
const ATTEMPT: Duration = Duration::from_millis(500);
/// Before the next attempt.
const PAUSE: Duration = Duration::from_millis(40);
/// Deadlines of clients that stay. The long ones are still there when what they asked thaws.
const DEADLINES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(12)];

pub(super) struct Client {
    pub(super) number: u32,
    /// The gateway that it stays with, or begins at.
    pub(super) home: usize,
    pub(super) roams: bool,
    /// Between the beginnings of two calls.
    pub(super) pace: Duration,
    pub(super) draw: Draw,
    pub(super) gateways: Vec<Gateway>,
    pub(super) scene: Arc<Scene>,
}

impl Client {
    /// Calls, one after the other, until it is told to stop; the last one is ended in order.
    pub(super) async fn run(mut self, stopped: Arc<AtomicBool>) {
        let mut due = Instant::now();
        let mut count = 0_u64;
        while !stopped.load(Ordering::Relaxed) {
            tokio::time::sleep_until(due).await;
            // Calls that could not be made in time are not made up for.
            due = (due + self.pace).max(Instant::now());
            count += 1;
            let next = self.draw.next(self.scene.since());
            let once = format!("chaos-{}-{count}", self.number);
            let sent = self.scene.now();
            let end = if self.roams { self.roam(&next, &once).await } else { self.stay(&next, &once).await };
            self.keep(next, sent, end);
        }
    }

    /// One attempt, at home.
    async fn stay(&mut self, next: &Next, once: &str) -> End {
        let deadline = DEADLINES[usize::try_from(self.draw.pick(0..3)).unwrap_or(0)];
        let outcome = self.attempt(self.home, next, once, deadline).await;
        let end = self.ended(&outcome);
        if !matches!(end, End::Ok { .. }) {
            tokio::time::sleep(PAUSE).await;
        }
        end
    }

    /// Attempts at one gateway after the other. Once one of them is in doubt, only an answer ends the doubt: an earlier
    /// attempt may still be on its way.
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
                self.scene.tally.gave_up();
                return if doubt { End::Unknown } else { End::Fail };
            }
            self.home = (self.home + 1) % self.gateways.len();
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn attempt(&self, node: usize, next: &Next, once: &str, within: Duration) -> Outcome {
        let request =
            Request { key: &next.key, call: &next.call, forward: next.forward.as_deref(), once, within };
        let watch = self.scene.excuses.watch(node);
        let outcome = self.gateways[node].ask(&request).await;
        self.scene.tally.attempt(&outcome, self.scene.excuses.excused(node, watch));
        outcome
    }

    fn ended(&self, outcome: &Outcome) -> End {
        match outcome {
            Outcome::Ok(answer) => End::Ok { at: self.scene.now(), answer: answer.clone() },
            Outcome::Fail { .. } | Outcome::NotSent => End::Fail,
            Outcome::Unknown { .. } | Outcome::Broken | Outcome::Silent | Outcome::Untyped(_) => End::Unknown,
        }
    }

    fn keep(&mut self, next: Next, sent: u64, end: End) {
        if let End::Ok { at, answer } = &end {
            self.draw.saw(&next.key, answer);
            self.scene.tally.success(Success { client: self.number, roams: self.roams, sent, at: *at });
        }
        if let (Some(to), Some(value)) = (&next.forward, next.call.written()) {
            let from = next.key.clone();
            self.scene.effect(Effect { from, to: to.clone(), value, end: end.clone() });
            if end != End::Fail {
                // When it gets there nobody is told.
                let (key, call) = (to.clone(), Call::Append(value));
                self.scene.log.push(Operation { client: self.number, key, call, sent, end: End::Unknown });
            }
        }
        self.scene.log.push(Operation { client: self.number, key: next.key, call: next.call, sent, end });
    }
}
