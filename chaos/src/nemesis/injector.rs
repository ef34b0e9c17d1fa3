//! Injects the drawn faults and undoes them.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::time::Instant;

use super::disk;
use super::fault::{Ailment, Fault, Round, Whom};
use super::load;
use super::slow;
use crate::cluster::{AdminClient, Build, LocalCluster};
use crate::proxy::LinkConditions;
use crate::workload::Clients;

/// Time limit for a node of a rolling restart to become ready.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// Time limit for a drain and for a shard move.
const DRAINED_WITHIN: Duration = Duration::from_secs(60);
/// Interval at which the offset of a faulty clock is updated.
const CLOCK_STEP: Duration = Duration::from_millis(50);

/// The result of a round.
#[derive(Debug, Clone, Default)]
pub struct Done {
    /// The affected nodes.
    pub nodes: Vec<usize>,
    /// Why it was skipped; `None` if it was done.
    pub skipped: Option<String>,
    /// Observations during the round.
    pub notes: Vec<String>,
}

/// Injects faults into a cluster under load.
pub struct Injector<'a> {
    /// The cluster.
    pub cluster: &'a mut LocalCluster,
    /// Its consoles and gateways.
    pub admin: &'a AdminClient,
    /// Its clients.
    pub clients: &'a Clients,
    /// Seed of the draws that the round does not fix.
    pub seed: u64,
}

impl Injector<'_> {
    /// Runs a round from the fault to the heal. On return the fault is undone; the cluster may not have recovered yet.
    ///
    /// # Errors
    /// The system refused an operation that every system grants.
    pub async fn play(&mut self, round: &Round) -> anyhow::Result<Done> {
        let hold = round.hold;
        match round.fault {
            Fault::Kill(whom) => {
                let nodes = self.chosen(whom).await;
                self.kill(&nodes).await?;
                tokio::time::sleep(hold).await;
                self.start(&nodes)?;
                Ok(on(nodes))
            }
            Fault::Headless => self.behead(hold).await,
            Fault::Freeze(whom) => self.freeze(whom, hold).await,
            Fault::Cut(shape) => {
                self.cluster.links.set(shape.cuts(self.cluster.endpoints.len()), LinkConditions::cut());
                tokio::time::sleep(hold).await;
                self.cluster.links.set_all(LinkConditions::default());
                Ok(on(Vec::new()))
            }
            Fault::Link(conditions) => {
                self.cluster.links.set_all(conditions);
                tokio::time::sleep(hold).await;
                self.cluster.links.set_all(LinkConditions::default());
                Ok(on(Vec::new()))
            }
            Fault::Clock(node, clock) => {
                let start = Instant::now();
                while start.elapsed() < hold {
                    self.cluster.turn_clock(node, clock.offset_ms(start.elapsed()))?;
                    tokio::time::sleep(CLOCK_STEP).await;
                }
                self.cluster.turn_clock(node, 0)?;
                Ok(on(vec![node]))
            }
            Fault::Disk(node, ailment) => self.ail(node, ailment, hold).await,
            Fault::Roll => self.roll(None, Duration::ZERO).await,
            Fault::RollTo(build) => self.roll(Some(build), hold).await,
            Fault::Certificates => self.exchange_certificates(hold).await,
            Fault::Churn(node) => self.churn(node, hold).await,
            Fault::Overload => load::overload(&self.cluster.endpoints, hold, self.seed).await.map(noted),
            Fault::HotKey => load::hot_key(&self.cluster.endpoints, hold, self.seed).await.map(noted),
            Fault::SlowConsumers => slow::consumers(&self.cluster.endpoints, hold).await.map(noted),
        }
    }

    /// Restarts the nodes that died of their fault, as a process supervisor would. Returns these nodes.
    ///
    /// # Errors
    /// The binary did not start.
    pub fn mend(&mut self) -> anyhow::Result<Vec<usize>> {
        let dead: Vec<usize> =
            (0..self.cluster.endpoints.len()).filter(|node| !self.cluster.runs(*node)).collect();
        self.start(&dead)?;
        Ok(dead)
    }

    async fn chosen(&self, whom: Whom) -> Vec<usize> {
        let nodes = self.cluster.endpoints.len();
        match whom {
            Whom::One(node) => vec![node % nodes],
            Whom::ControlLeader => vec![self.admin.control_leader().await.unwrap_or(0)],
            Whom::Busiest => vec![self.admin.busiest().await.unwrap_or(0)],
            Whom::Majority => {
                let first = self.admin.busiest().await.unwrap_or(0);
                let some: BTreeSet<usize> = (0..=nodes / 2).map(|at| (first + at) % nodes).collect();
                some.into_iter().collect()
            }
            Whom::All => (0..nodes).collect(),
        }
    }

    async fn kill(&mut self, nodes: &[usize]) -> anyhow::Result<()> {
        for node in nodes {
            self.clients.excuses().begin(*node);
            self.cluster.kill(*node).await?;
        }
        Ok(())
    }

    fn start(&mut self, nodes: &[usize]) -> anyhow::Result<()> {
        for node in nodes {
            self.clients.excuses().begin(*node);
            self.cluster.run(*node)?;
        }
        Ok(())
    }

    /// Kills a majority of the control group, after every data shard was moved to other nodes.
    async fn behead(&mut self, hold: Duration) -> anyhow::Result<Done> {
        let sets = self.admin.sets().await?;
        let control = sets.first().context("the control group's nodes")?;
        let fallen = control[..=control.len() / 2].to_vec();
        let others: Vec<usize> =
            (0..self.cluster.endpoints.len()).filter(|node| !fallen.contains(node)).collect();
        let mut done = on(fallen.clone());
        let start = Instant::now();
        // Every shard is moved, because the balancer does not move back a shard that was moved by hand.
        for (shard, set) in sets.iter().enumerate().skip(1) {
            // Each move replaces one old replica, so after one move per replica all replicas are new.
            for at in 0..set.len() {
                let to = others[(shard + at) % others.len()];
                if !self.admin.move_shard(shard, to, DRAINED_WITHIN).await? {
                    return Ok(skipped(&format!("shard {shard} was not moved within {DRAINED_WITHIN:?}")));
                }
            }
        }
        done.notes.push(format!(
            "{} shards moved off the control group's majority in {} ms",
            sets.len() - 1,
            start.elapsed().as_millis()
        ));
        self.kill(&fallen).await?;
        tokio::time::sleep(hold / 2).await;
        let act = self.admin.act_on(others[0], "cordon", Duration::ZERO, &others[1..]).await;
        done.notes.push(match act {
            Ok(_) => "WRONG: a node was cordoned without a quorum of the control group".to_owned(),
            Err(why) => format!("cordon, meanwhile: {why:#}"),
        });
        tokio::time::sleep(hold / 2).await;
        self.start(&fallen)?;
        Ok(done)
    }

    async fn freeze(&mut self, whom: Whom, hold: Duration) -> anyhow::Result<Done> {
        let nodes = self.chosen(whom).await;
        for node in &nodes {
            self.clients.excuses().begin(*node);
            self.cluster.freeze(*node)?;
        }
        tokio::time::sleep(hold).await;
        for node in &nodes {
            self.cluster.thaw(*node)?;
        }
        Ok(on(nodes))
    }

    /// Rotates as an operator does, with pauses in which the nodes read the new files.
    async fn exchange_certificates(&mut self, hold: Duration) -> anyhow::Result<Done> {
        let steps = [&["rotate"][..], &["rotate", "--authority"], &["rotate"], &["retire"]];
        for step in steps {
            self.cluster.certs(step).await?;
            tokio::time::sleep(hold / 4).await;
        }
        self.roll(None, Duration::ZERO).await
    }

    /// Restarts one node after the other, with `pause` before the next, so that nodes of both builds serve together.
    async fn roll(&mut self, to: Option<Build>, pause: Duration) -> anyhow::Result<Done> {
        let mut done = Done::default();
        for node in 0..self.cluster.endpoints.len() {
            self.clients.excuses().begin(node);
            let start = Instant::now();
            if !self.cluster.stop(node).await {
                done.notes.push(format!(
                    "{} did not stop when asked and was killed",
                    self.cluster.endpoints[node].name
                ));
            }
            let stopped = start.elapsed();
            if let Some(build) = to {
                self.cluster.set_build(node, build);
            }
            self.cluster.run(node)?;
            self.until_ready(node).await?;
            self.clients.excuses().end(node);
            let back = start.elapsed().saturating_sub(stopped);
            done.notes.push(format!(
                "{} left in {} ms and was ready again in {} ms",
                self.cluster.endpoints[node].name,
                stopped.as_millis(),
                back.as_millis()
            ));
            done.nodes.push(node);
            tokio::time::sleep(pause).await;
        }
        Ok(done)
    }

    /// Drains and stops a node as an operator does, and restarts it with an empty disk.
    async fn churn(&mut self, node: usize, hold: Duration) -> anyhow::Result<Done> {
        let mut done = on(vec![node]);
        let name = self.cluster.endpoints[node].name.clone();
        let start = Instant::now();
        let drained = self.admin.act(node, "drain", DRAINED_WITHIN).await?;
        done.notes.push(match drained {
            true => format!(
                "{name} had given away what others could take after {} ms",
                start.elapsed().as_millis()
            ),
            false => format!("{name} had not given away what others could take within {DRAINED_WITHIN:?}"),
        });
        self.clients.excuses().begin(node);
        if !self.cluster.stop(node).await {
            done.notes.push(format!("{name} did not stop when asked and was killed"));
        }
        std::fs::remove_dir_all(self.cluster.data(node)).context("its data")?;
        tokio::time::sleep(hold).await;
        let start = Instant::now();
        self.cluster.run(node)?;
        self.until_ready(node).await?;
        self.admin.act(node, "uncordon", Duration::ZERO).await?;
        done.notes.push(format!(
            "{name} was ready {} ms after it had come back with an empty disk",
            start.elapsed().as_millis()
        ));
        Ok(done)
    }

    async fn until_ready(&mut self, node: usize) -> anyhow::Result<()> {
        let start = Instant::now();
        while !self.admin.ready(node).await {
            let name = &self.cluster.endpoints[node].name;
            if start.elapsed() > READY_WITHIN {
                bail!("{name} is not ready after {READY_WITHIN:?}");
            }
            if !self.cluster.runs(node) {
                bail!("{} ended by itself", self.cluster.endpoints[node].name);
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        Ok(())
    }

    async fn ail(&mut self, node: usize, ailment: Ailment, hold: Duration) -> anyhow::Result<Done> {
        let mut done = on(vec![node]);
        match ailment {
            Ailment::Full => {
                if !self.cluster.disks.own() {
                    return Ok(skipped("no disk of its own could be mounted for the node: it takes root"));
                }
                self.clients.excuses().begin(node);
                let filler = disk::fill(&self.cluster.data(node)).context("the filler")?;
                tokio::time::sleep(hold).await;
                std::fs::remove_file(&filler)?;
            }
            Ailment::SyncFails | Ailment::SyncSlow(_) => {
                let Some(pid) = self.cluster.pid(node) else { return Ok(skipped("the node does not run")) };
                self.clients.excuses().begin(node);
                let tracer = match disk::trace(pid, ailment).await {
                    Ok(tracer) => tracer,
                    Err(why) => return Ok(skipped(&format!("{why:#}"))),
                };
                tokio::time::sleep(hold).await;
                disk::leave(tracer).await;
            }
            Ailment::BitFlips(bits) => {
                self.kill(&[node]).await?;
                let flipped = disk::flip(&self.cluster.data(node).join("wal"), bits, self.seed)?;
                done.notes.push(format!(
                    "{flipped} bits turned over in the log of {}",
                    self.cluster.endpoints[node].name
                ));
                tokio::time::sleep(hold / 5).await;
                self.start(&[node])?;
            }
        }
        if !self.cluster.runs(node) {
            done.notes.push(format!("{} had ended and was started again", self.cluster.endpoints[node].name));
        }
        self.mend()?;
        Ok(done)
    }
}

fn on(nodes: Vec<usize>) -> Done {
    Done { nodes, ..Done::default() }
}

fn noted(notes: Vec<String>) -> Done {
    Done { notes, ..Done::default() }
}

fn skipped(why: &str) -> Done {
    Done { skipped: Some(why.to_owned()), ..Done::default() }
}
