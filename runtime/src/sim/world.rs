//! The world: one queue of events, and faults that begin and end.

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

/// Simulated time in which everything must be well after the last heal.
const WELL_WITHIN: u64 = 40_000_000;
/// From the beginning of a planned stop to its end.
const HANDED_OVER_IN: u64 = 100_000;
/// Between two looks at whether everything is.
const LOOKED_EVERY: u64 = 500_000;

pub(super) struct World {
    pub(super) s: Shared,
    pub(super) nodes: Vec<Node>,
    pub(super) clients: Clients,
    plan: Vec<Timed>,
    /// Faults left out, because another replica was being rebuilt.
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

    /// Runs everything; what failed, if anything did.
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

    /// Until everything is well, which must come in time.
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

    /// A client goes on, unless the node that it runs on stands still.
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
            // The system's socket buffers take what the process does not.
            if place.held.len() < 50_000 {
                place.held.push_back(Event::Frame { from, to, mails });
            }
        } else {
            place.frame(from, mails, &mut self.s);
            self.fates(to);
        }
    }

    /// A node that is to die dies after what it did last.
    fn fates(&mut self, number: u16) {
        let node = self.node(number);
        if let Some(down) = node.dying.take() {
            self.crash(number, down);
        } else if let Some((down, candidate)) = node.sprung.take() {
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
        // Clients outlive the process that they run in: they stand for those that its next incarnation has.
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
                self.node(node).vote_trap = Some((until, down));
            }
            Fault::Pause { node, lasts: time } => {
                self.node(node).frozen = self.node(node).up;
                lasts = Some(time);
            }
            Fault::Isolate { lasts: time, .. }
            | Fault::OneWay { lasts: time, .. }
            | Fault::CutPair { lasts: time, .. } => {
                self.cut(&fault, true);
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
                    self.node(node).fragile = Some(down);
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
            Fault::WallJump { node, by } => self.node(node).wall += by,
            Fault::ClockRate { node, ppm, lasts: time } => {
                let now = self.s.now;
                self.node(node).set_rate(now, ppm);
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
        // After the heal there is nothing left to mend.
        let Some(fault) = self.plan.get(at).map(|timed| timed.fault.clone()) else { return };
        match fault {
            Fault::Pause { node, .. } => self.thaw(node),
            Fault::Isolate { .. } | Fault::OneWay { .. } | Fault::CutPair { .. } => self.cut(&fault, false),
            Fault::Lossy { .. } => self.s.network.weather = Weather::default(),
            Fault::SlowDisk { node, .. } => self.node(node).disk.slow = 0,
            Fault::DiskFull { node, .. } => self.node(node).disk.full = false,
            Fault::StoreError { node, .. } => self.node(node).disk.store.fail(false),
            Fault::ClockRate { node, .. } => {
                let now = self.s.now;
                self.node(node).set_rate(now, 0);
            }
            Fault::Drain { node, down } => self.crash(node, down),
            _ => {}
        }
    }

    /// Goes on with everything that it missed: what came over one link in its order, the links in any.
    fn thaw(&mut self, number: u16) {
        if !std::mem::take(&mut self.node(number).frozen) {
            return;
        }
        // The last lane is the node's own.
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
            // A socket is read for as long as there is something, or not.
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

    fn cut(&mut self, fault: &Fault, on: bool) {
        let network = &mut self.s.network;
        match fault {
            Fault::Isolate { nodes, clients, .. } => {
                for inside in nodes {
                    for outside in (0..=self.s.options.nodes).filter(|node| !nodes.contains(node)) {
                        if outside == 0 && *clients {
                            continue;
                        }
                        network.cut(*inside, outside, on);
                        network.cut(outside, *inside, on);
                    }
                }
            }
            Fault::OneWay { from, to, .. } if from != to => network.cut(*from, *to, on),
            Fault::CutPair { a, b, .. } if a != b => {
                network.cut(*a, *b, on);
                network.cut(*b, *a, on);
            }
            _ => {}
        }
    }

    /// Hands over what it leads; it stops soon after, whether or not that was enough.
    fn drain(&mut self, number: u16) {
        let node = self.node(number);
        if !node.up || node.frozen {
            return;
        }
        for slot in &mut node.slots {
            if let Some(replica) = &mut slot.replica {
                replica.hand_over();
            }
        }
    }

    /// Whether a disk may be lost: only one at a time may forget, and only where a majority remembers.
    fn may_forget(&mut self, node: u16) -> bool {
        let whole = self.s.options.replicas >= 3
            && self.nodes.iter().all(|node| node.up && !node.frozen)
            && self.node(node).up
            && self.members_are_whole().is_ok();
        self.left_out += u32::from(!whole);
        whole
    }

    /// Everything works again.
    fn heal(&mut self) {
        self.s.network.heal();
        self.s.healed = true;
        self.plan.clear();
        for at in 0..self.nodes.len() {
            let number = u16::try_from(at + 1).unwrap_or(1);
            let node = &mut self.nodes[at];
            (node.vote_trap, node.fragile) = (None, None);
            node.disk.slow = 0;
            (node.disk.full, node.disk.failing) = (false, false);
            node.disk.store.fail(false);
            let now = self.s.now;
            self.nodes[at].set_rate(now, 0);
            if self.s.options.bystanders {
                // No shard's time is ahead of it any more, however clocks have jumped: timers are due.
                self.nodes[at].wall = 3_600_000;
            }
            self.thaw(number);
        }
    }

    /// Whether everything works: leaders, members, and nothing under way.
    fn well(&self) -> Result<(), String> {
        if !self.clients.idle() {
            return Err("a client's call is not over".to_owned());
        }
        self.members_are_whole()?;
        for (shard, placed) in self.s.placement.iter().enumerate() {
            let mut applied = None;
            for node in placed {
                let slot = &self.nodes[usize::from(*node) - 1].slots[shard];
                let Some(replica) = &slot.replica else { return Err(format!("shard {shard} is not open")) };
                let probe = replica.probe();
                let same = *applied.get_or_insert(probe.applied) == probe.applied;
                if !same || probe.inflight > 0 || probe.last != probe.applied {
                    return Err(format!(
                        "replicas of shard {shard} have not converged: node {node} is at {probe:?}"
                    ));
                }
                let held = replica.held()?;
                if held.ledger.outbox.values().any(|outgoing| !outgoing.waiting.is_empty()) {
                    return Err(format!("effects of shard {shard} are on their way"));
                }
                if held.ledger.timers.len() > 0 {
                    return Err(format!("timers of shard {shard} are set"));
                }
            }
        }
        Ok(())
    }

    /// Whether all replicas hold the same.
    fn agree(&self) -> Result<(), String> {
        for (shard, placed) in self.s.placement.iter().enumerate() {
            let mut first = None;
            for node in placed {
                let slot = &self.nodes[usize::from(*node) - 1].slots[shard];
                let Some(replica) = &slot.replica else { continue };
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

/// A node that is down refuses connections.
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
