//! The simulated world: one event queue, and faults that begin and end.

use std::collections::VecDeque;
use std::sync::Arc;

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};

use super::bystanders::check_alarms;
use super::clients::{Clients, home};
use super::kinds::registry;
use super::network::{Mail, Weather};
use super::node::Node;
use super::options::Options;
use super::plan::{Fault, Group, Timed};
use super::shared::{Event, Shared};
use crate::membership::with_cluster;
use crate::transport::{Envelope, ReplyBatch};
use crate::{AskError, ShardId};

/// Time within which the cluster must be healthy after the last fault, in microseconds.
const WELL_WITHIN: u64 = 40_000_000;
/// Duration of a planned stop.
const HANDED_OVER_IN: u64 = 100_000;
/// Period of checks whether the cluster is healthy.
const LOOKED_EVERY: u64 = 500_000;

pub(super) struct World {
    pub(super) s: Shared,
    pub(super) nodes: Vec<Node>,
    pub(super) clients: Clients,
    plan: Vec<Timed>,
    /// Skipped faults, because another replica was being rebuilt.
    pub(super) left_out: u32,
}

impl World {
    pub(super) fn new(seed: u64, options: Options, plan: Vec<Timed>) -> Self {
        let nodes = (1..=options.nodes).map(|n| Node::new(n, options.shards, options.planted)).collect();
        let clients = Clients::new(options.clients);
        let registry = Arc::new(with_cluster(registry()));
        let s = Shared::new(options, SmallRng::seed_from_u64(seed), registry);
        Self { s, nodes, clients, plan, left_out: 0 }
    }

    /// Runs the plan; the error is the violated property.
    pub(super) fn run(&mut self) -> Result<(), String> {
        for number in 1..=self.s.options.nodes {
            let delay = self.s.between(0, 50_000);
            self.s.after(delay, Event::Boot { node: number, boot: 0 });
        }
        for at in 0..usize::from(self.s.options.clients) {
            let delay = self.s.between(700_000, 1_200_000);
            self.clients.wake(at, delay, &mut self.s);
        }
        if self.s.options.faults.contains(&Group::Membership) {
            self.s.after(500_000, Event::Operate);
        }
        for (at, timed) in self.plan.iter().enumerate() {
            self.s.at(timed.at, Event::Fault(at));
        }
        let until = self.s.options.seconds * 1_000_000;
        self.until(until)?;
        self.heal();
        self.clients.stop();
        let last = until + WELL_WITHIN;
        self.settle(last)?;
        self.clients.read_all(&mut self.s);
        self.settle(last + WELL_WITHIN)?;
        self.agree()?;
        self.clients.check(&self.s.nears)
    }

    fn until(&mut self, until: u64) -> Result<(), String> {
        while let Some(event) = self.s.next(until) {
            self.happen(event);
            if let Some(why) = self.s.watch.failure() {
                return Err(why.to_owned());
            }
        }
        Ok(())
    }

    /// Runs until the cluster is healthy, which must happen in time.
    fn settle(&mut self, last: u64) -> Result<(), String> {
        loop {
            let until = self.s.now + LOOKED_EVERY;
            self.until(until)?;
            let Err(why) = self.well() else { return Ok(()) };
            if self.s.now > last {
                return Err(format!("not well {} s after the last fault: {why}", WELL_WITHIN / 1_000_000));
            }
        }
    }

    fn node(&mut self, number: u16) -> &mut Node {
        &mut self.nodes[usize::from(number) - 1]
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Frame { from, to, mails } => {
                self.s.network.landed(from, to);
                self.arrive(from, to, mails);
            }
            Event::Node { node, boot, what } => {
                let place = &mut self.nodes[usize::from(node) - 1];
                if place.boot != boot || !place.up {
                    return;
                }
                if place.frozen {
                    place.held.push_back(Event::Node { node, boot, what });
                    return;
                }
                place.handle(what, &mut self.s);
                self.fates(node);
            }
            Event::Boot { node, boot } => {
                let place = &mut self.nodes[usize::from(node) - 1];
                if place.boot == boot && !place.up {
                    place.start(&mut self.s);
                }
            }
            Event::Client { client, serial } => self.go_on(client, serial),
            Event::Fault(at) => self.begin(at),
            Event::Mended(at) => self.mend(at),
            Event::Operate => self.operate(),
        }
    }

    /// A client continues, unless its node is frozen.
    fn go_on(&mut self, client: u16, serial: u64) {
        let at = usize::from(client);
        if let Some(home) = home(at, self.s.options.nodes) {
            let place = self.node(home);
            if place.frozen {
                return place.held.push_back(Event::Client { client, serial });
            }
        }
        self.clients.proceed(at, serial, &mut self.s);
        for (to, mail) in std::mem::take(&mut self.s.at_home) {
            self.arrive(0, to, vec![mail]);
        }
    }

    fn arrive(&mut self, from: u16, to: u16, mails: Vec<Mail>) {
        if to == 0 {
            for mail in mails {
                if let Mail::Envelope(Envelope::Reply(reply)) = mail {
                    self.clients.reply(reply, &mut self.s);
                }
            }
            return;
        }
        let place = &mut self.nodes[usize::from(to) - 1];
        if !place.up {
            refuse(to, from, mails, &mut self.s);
        } else if place.frozen {
            // Socket buffers of the operating system take what the process does not read.
            if place.held.len() < 50_000 {
                place.held.push_back(Event::Frame { from, to, mails });
            }
        } else {
            place.frame(from, mails, &mut self.s);
            self.fates(to);
        }
    }

    /// Crashes a node with a triggered fault, after its last event.
    fn fates(&mut self, number: u16) {
        let node = self.node(number);
        if let Some(down) = node.fate.dying.take() {
            self.crash(number, down);
        } else if let Some((down, candidate)) = node.fate.sprung.take() {
            self.crash(number, down);
            self.s.network.cut(number, candidate, true);
            self.s.network.cut(candidate, number, true);
        }
    }

    fn crash(&mut self, number: u16, down: u64) {
        let at = usize::from(number) - 1;
        if !self.nodes[at].up {
            return;
        }
        // Clients survive the process that they run in; they stand for the clients of its next incarnation.
        for event in std::mem::take(&mut self.nodes[at].held) {
            if matches!(event, Event::Client { .. }) {
                self.s.after(0, event);
            }
        }
        let share = self.s.between(0, 1_001);
        let keep = |len: usize| usize::try_from(len as u64 * share / 1_000).unwrap_or(0);
        if let Err(why) = self.nodes[at].disk.crash(keep) {
            self.s.watch.fail(self.s.now, format!("node {number} after a crash: {why}"));
        }
        self.nodes[at].stop();
        let boot = self.nodes[at].boot;
        self.s.after(down, Event::Boot { node: number, boot });
    }

    fn begin(&mut self, at: usize) {
        self.s.note(&[at as u64]);
        let Some(fault) = self.plan.get(at).map(|timed| timed.fault.clone()) else { return };
        let mut lasts = None;
        match fault {
            Fault::Crash { node, down } => self.crash(node, down),
            Fault::CrashAll { down } => (1..=self.s.options.nodes).for_each(|node| self.crash(node, down)),
            Fault::CrashOnVote { node, within, down } => {
                let until = self.s.now + within;
                self.node(node).fate.vote_trap = Some((until, down));
            }
            Fault::Pause { node, lasts: time } => {
                self.node(node).frozen = self.node(node).up;
                lasts = Some(time);
            }
            Fault::Isolate { lasts: time, .. }
            | Fault::OneWay { lasts: time, .. }
            | Fault::CutPair { lasts: time, .. } => {
                self.s.network.apply(&fault, true);
                lasts = Some(time);
            }
            Fault::Lossy { drop, reorder, duplicate, delay, lasts: time } => {
                self.s.network.weather = Weather { drop, reorder, duplicate, delay };
                lasts = Some(time);
            }
            Fault::SlowDisk { node, sync, lasts: time } => {
                self.node(node).disk.slow = sync;
                lasts = Some(time);
            }
            Fault::DiskError { node, down } => {
                if self.node(node).up {
                    self.node(node).disk.failing = true;
                    self.node(node).fate.fragile = Some(down);
                }
            }
            Fault::DiskFull { node, lasts: time } => {
                self.node(node).disk.full = true;
                lasts = Some(time);
            }
            Fault::StoreError { node, lasts: time } => {
                self.node(node).disk.store.fail(true);
                lasts = Some(time);
            }
            Fault::Wipe { node, down } => {
                if self.may_forget(node) {
                    self.crash(node, down);
                    self.node(node).disk.wipe();
                }
            }
            Fault::Damage { node, shard, down } => {
                if self.s.placement[shard as usize].contains(&node) && self.may_forget(node) {
                    self.crash(node, down);
                    self.node(node).disk.damage(ShardId(shard));
                }
            }
            Fault::WallJump { node, by } => self.node(node).clock.wall_offset_ms += by,
            Fault::ClockRate { node, ppm, lasts: time } => {
                let now = self.s.now;
                self.node(node).clock.set_rate(now, ppm);
                lasts = Some(time);
            }
            Fault::Burst { shard, asks } => self.clients.burst(ShardId(shard), asks, &mut self.s),
            Fault::Drain { node, .. } => {
                self.drain(node);
                lasts = Some(HANDED_OVER_IN);
            }
            Fault::Place { shard, node, instead } => self.place(ShardId(shard), node, instead),
        }
        if let Some(time) = lasts {
            self.s.after(time, Event::Mended(at));
        }
    }

    fn mend(&mut self, at: usize) {
        // After the heal the plan is empty.
        let Some(fault) = self.plan.get(at).map(|timed| timed.fault.clone()) else { return };
        match fault {
            Fault::Pause { node, .. } => self.thaw(node),
            Fault::Isolate { .. } | Fault::OneWay { .. } | Fault::CutPair { .. } => {
                self.s.network.apply(&fault, false)
            }
            Fault::Lossy { .. } => self.s.network.weather = Weather::default(),
            Fault::SlowDisk { node, .. } => self.node(node).disk.slow = 0,
            Fault::DiskFull { node, .. } => self.node(node).disk.full = false,
            Fault::StoreError { node, .. } => self.node(node).disk.store.fail(false),
            Fault::ClockRate { node, .. } => {
                let now = self.s.now;
                self.node(node).clock.set_rate(now, 0);
            }
            Fault::Drain { node, down } => self.crash(node, down),
            _ => {}
        }
    }

    /// Delivers everything that a frozen node missed: in order for each link, interleaved between links.
    fn thaw(&mut self, number: u16) {
        if !std::mem::take(&mut self.node(number).frozen) {
            return;
        }
        // The last lane holds the node's own events.
        let own = usize::from(self.s.options.nodes) + 1;
        let mut lanes = (0..=own).map(|_| VecDeque::new()).collect::<Vec<_>>();
        for event in std::mem::take(&mut self.node(number).held) {
            let lane = if let Event::Frame { from, .. } = &event { usize::from(*from) } else { own };
            lanes[lane].push_back(event);
        }
        loop {
            lanes.retain(|lane| !lane.is_empty());
            if lanes.is_empty() {
                return;
            }
            let lane = self.s.rng.random_range(0..lanes.len());
            // A socket is read completely or in part.
            let most = lanes[lane].len();
            let some = self.s.rng.random_range(1..=most);
            for event in lanes[lane].drain(..some).collect::<Vec<_>>() {
                match event {
                    Event::Frame { from, to, mails } => self.arrive(from, to, mails),
                    other => self.happen(other),
                }
            }
        }
    }

    /// Transfers the leaderships of a node that stops soon after, whether the transfers succeed or not.
    fn drain(&mut self, number: u16) {
        let node = self.node(number);
        if !node.up || node.frozen {
            return;
        }
        node.replicas.hand_over();
    }

    /// Whether a disk may be lost: one at a time, and only with a healthy majority.
    fn may_forget(&mut self, node: u16) -> bool {
        let whole = self.s.options.replicas >= 3
            && self.nodes.iter().all(|node| node.up && !node.frozen)
            && self.node(node).up
            && self.members_are_whole().is_ok();
        self.left_out += u32::from(!whole);
        whole
    }

    /// Ends all faults.
    fn heal(&mut self) {
        self.s.network.heal();
        self.s.healed = true;
        self.plan.clear();
        for at in 0..self.nodes.len() {
            let number = u16::try_from(at + 1).unwrap_or(1);
            let node = &mut self.nodes[at];
            (node.fate.vote_trap, node.fate.fragile) = (None, None);
            node.disk.slow = 0;
            (node.disk.full, node.disk.failing) = (false, false);
            node.disk.store.fail(false);
            let now = self.s.now;
            self.nodes[at].clock.set_rate(now, 0);
            if self.s.options.bystanders {
                // The wall clocks pass the time of every shard, after any jump, so timers become due.
                self.nodes[at].clock.wall_offset_ms = 3_600_000;
            }
            self.thaw(number);
        }
    }

    /// Whether the cluster is healthy: leaders, members, and no open work.
    fn well(&self) -> Result<(), String> {
        if !self.clients.idle() {
            return Err("a client's call is not over".to_owned());
        }
        self.members_are_whole()?;
        for (shard, placed) in (0..).map(ShardId).zip(&self.s.placement) {
            let mut applied = None;
            for node in placed {
                let replica = self.nodes[usize::from(*node) - 1].replicas.get(shard);
                let Some(replica) = replica else { return Err(format!("shard {shard} is not open")) };
                let probe = replica.probe();
                let same = *applied.get_or_insert(probe.applied) == probe.applied;
                if !same || probe.inflight > 0 || probe.last != probe.applied {
                    return Err(format!(
                        "replicas of shard {shard} have not converged: node {node} is at {probe:?}"
                    ));
                }
                let held = replica.held()?;
                if held.meta.outbox.values().any(|outgoing| !outgoing.waiting.is_empty()) {
                    return Err(format!("effects of shard {shard} are on their way"));
                }
                if held.meta.timers.len() > 0 {
                    return Err(format!("timers of shard {shard} are set"));
                }
            }
        }
        Ok(())
    }

    /// Whether all replicas of a shard have the same state.
    fn agree(&self) -> Result<(), String> {
        for (shard, placed) in (0..).map(ShardId).zip(&self.s.placement) {
            let mut first = None;
            for node in placed {
                let replica = self.nodes[usize::from(*node) - 1].replicas.get(shard);
                let Some(replica) = replica else { continue };
                let held = replica.held()?;
                check_alarms(&held).map_err(|why| format!("shard {shard}: {why}"))?;
                if *first.get_or_insert_with(|| held.clone()) != held {
                    return Err(format!("replicas of shard {shard} hold different states"));
                }
            }
        }
        Ok(())
    }
}

/// A stopped node refuses connections.
fn refuse(node: u16, from: u16, mails: Vec<Mail>, s: &mut Shared) {
    for mail in mails {
        if let Mail::Envelope(Envelope::Ask(batch)) = mail {
            let error = AskError::NotSent("connection refused".to_owned());
            let outcomes = vec![Err(error); batch.asks.len()];
            let reply = ReplyBatch { call: batch.call, outcomes };
            s.send(node, from, vec![Mail::Envelope(Envelope::Reply(reply))]);
        }
    }
}
