//! Load besides the clients' calls: reads of followers, queries that panic, and timers.

use rand::Rng as _;
use tokio::sync::oneshot;

use super::clients::KEYS;
use super::kinds::{Alarms, List, Read, SetAlarm, Stumble};
use super::lists;
use super::node::Node;
use super::shared::Shared;
use crate::entity::Command;
use crate::error::AskError;
use crate::shard::{Held, NearAnswer, NearAsk};
use crate::transport::AskOne;
use crate::{Address, Query, ShardId, wire};

/// Ticks between two asks to a node's replicas.
const ASKED_EVERY: u64 = 8;
/// Largest age of a follower read, in microseconds.
const AGE_MAX: u64 = 400_000;
/// How much faster than the simulation's clock a node's clock may run, in percent; and the longest turn, in
/// microseconds.
const FASTER: u64 = 5;
const TURN: u64 = 1_000;
/// Longest time until a timer is due, in milliseconds.
const ALARM_MS: u64 = 3_000;

/// A follower read without an answer yet.
pub(super) struct NearCall {
    key: u64,
    asked: u64,
    answer: oneshot::Receiver<Result<NearAnswer, AskError>>,
}

/// A follower's answer about a list, and the age that it reported.
pub(super) struct NearRead {
    pub(super) key: u64,
    /// Time of the ask, by the simulation's clock.
    pub(super) asked: u64,
    age: u64,
    pub(super) seen: Vec<u64>,
}

/// A node's reads of followers that are not answered yet.
#[derive(Default)]
pub(super) struct NearCalls(Vec<NearCall>);

impl NearCalls {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Collects the answers that have come.
    fn collect(&mut self, s: &mut Shared) {
        self.0.retain_mut(|call| match call.answer.try_recv() {
            Err(oneshot::error::TryRecvError::Empty) => true,
            Ok(Ok(NearAnswer { outcome: Ok(bytes), age })) => {
                if let Ok(seen) = wire::decode(&bytes) {
                    s.nears.push(NearRead { key: call.key, asked: call.asked, age, seen });
                }
                false
            }
            _ => false,
        });
    }
}

impl Shared {
    /// Draws an ask for a leader: a timer to set, a query that panics, or none.
    fn draw_leader_ask(&mut self, shard: ShardId) -> Option<AskOne> {
        match self.dice.random_range(0..3) {
            0 => {
                self.alarms += 1;
                let set = SetAlarm { id: self.alarms, after_ms: self.dice.random_range(0..ALARM_MS) };
                let to = Address::of::<Alarms>(alarms_of(shard, self.options.shards));
                Some(AskOne { to, verb: SetAlarm::VERB.to_owned(), body: wire::encode(&set), key: None })
            }
            1 => {
                let (to, _) = list_of(shard, self)?;
                let body = wire::encode(&Stumble {});
                Some(AskOne { to, verb: Stumble::VERB.to_owned(), body, key: None })
            }
            _ => None,
        }
    }
}

impl Node {
    /// Asks this node's replicas what no client asks.
    pub(super) fn stand_by(&mut self, s: &mut Shared) {
        self.nears.collect(s);
        if !s.options.bystanders || s.healed || !self.ticks.is_multiple_of(ASKED_EVERY) {
            return;
        }
        for shard in (1..=s.options.shards).map(ShardId) {
            let Some(replica) = self.replicas.get(shard) else { continue };
            if replica.decides() {
                self.ask_leader(shard, s);
            } else if !replica.probe().leads {
                self.ask_near(shard, s);
            }
        }
    }

    fn ask_leader(&mut self, shard: ShardId, s: &mut Shared) {
        let Some(ask) = s.draw_leader_ask(shard) else { return };
        let deadline = self.clock.mono(s.now) + 1_000_000;
        // The answer is dropped.
        self.on(shard, |replica, now| _ = replica.ask(vec![ask], deadline, now), s);
    }

    fn ask_near(&mut self, shard: ShardId, s: &mut Shared) {
        let Some((to, key)) = list_of(shard, s) else { return };
        let (verb, body) = match s.dice.random_range(0..4) {
            0 => (Stumble::VERB, wire::encode(&Stumble {})),
            _ => (Read::VERB, wire::encode(&Read {})),
        };
        let (asked, age_max) = (self.clock.mono(s.now), s.dice.random_range(0..AGE_MAX));
        let (reply, answer) = oneshot::channel();
        let (verb, deadline) = (verb.to_owned(), asked + 1_000_000);
        let ask = NearAsk { to, verb, body, asked, age_max, deadline, reply };
        self.on(shard, |replica, _| replica.ask_near(ask), s);
        self.nears.0.push(NearCall { key, asked: s.now, answer });
    }
}

/// A list of the shard, if one of the drawn lists is in it.
fn list_of(shard: ShardId, s: &mut Shared) -> Option<(Address, u64)> {
    let first = s.dice.random_range(0..KEYS);
    (first..first + KEYS)
        .map(|key| key % KEYS)
        .map(|key| (Address::of::<List>(format!("l{key}")), key))
        .find(|(to, _)| to.shard(s.options.shards) == shard)
}

/// The key of the shard's alarms.
fn alarms_of(shard: ShardId, shards: u32) -> String {
    let mut keys = (0..).map(|n| format!("a{n}"));
    keys.find(|key| Address::of::<Alarms>(key.as_str()).shard(shards) == shard).unwrap_or_default()
}

/// Whether the answers of followers were as recent as they reported.
///
/// # Errors
/// The violated property.
pub(super) fn check_near(reads: &[&NearRead], calls: &[lists::Call], last: &[u64]) -> Result<(), String> {
    let mut acknowledged: Vec<(u64, usize)> = calls.iter().filter_map(lists::Call::acknowledged).collect();
    acknowledged.sort_unstable();
    let mut highest = 0;
    for (_, version) in &mut acknowledged {
        highest = highest.max(*version);
        *version = highest;
    }
    for NearRead { asked, age, seen, .. } in reads {
        if last.get(..seen.len()) != Some(seen) {
            return Err(format!("a follower asked at {asked} us showed what the list never was"));
        }
        let since = asked.saturating_sub(age + age * FASTER / 100 + TURN);
        let before = acknowledged.partition_point(|(at, _)| *at < since);
        let due = before.checked_sub(1).map_or(0, |at| acknowledged[at].1);
        if seen.len() < due {
            let shown = seen.len();
            return Err(format!(
                "a follower asked at {asked} us showed version {shown}, {age} us old, and {due} was acknowledged before"
            ));
        }
    }
    Ok(())
}

/// Whether every timer has fired, once and not before it was due.
///
/// # Errors
/// The violated property.
pub(super) fn check_alarms(held: &Held) -> Result<(), String> {
    for (key, value) in &held.entities {
        let Some(_) = key.get(1..).and_then(|key| key.strip_prefix(b"alarms\0")) else { continue };
        let Alarms { mut set, mut rang, early } = wire::decode(value)?;
        set.sort_unstable();
        rang.sort_unstable();
        if early > 0 {
            return Err(format!("{early} timers fired before they were due"));
        }
        if set != rang {
            let rarely = set.iter().find(|id| !rang.contains(id));
            return Err(format!("of {} timers {} fired; not: {rarely:?}", set.len(), rang.len()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::lists::{Call, Step};
    use super::*;

    #[test]
    fn a_follower_read_is_checked_against_its_reported_age() {
        let append = |from, to, id, length| Call { from, to: Some(to), step: Step::Append(id, Some(length)) };
        let calls = [append(1, 10_000, 7, 1), append(20_000, 30_000, 8, 2)];
        for (asked, age, seen, holds) in [
            (40_000, 0, vec![7, 8], true),
            (40_000, 0, vec![7], false),
            (40_000, 15_000, vec![7], true),
            (40_000, 50_000, vec![], true),
            (30_500, 0, vec![7], true),
            (40_000, 15_000, vec![], false),
            (40_000, 50_000, vec![8], false),
        ] {
            let read = NearRead { key: 1, asked, age, seen };
            let checked = check_near(&[&read], &calls, &[7, 8]);
            assert_eq!(checked.is_ok(), holds, "{asked} {age} {:?}: {checked:?}", read.seen);
        }
    }
}
