//! Does what is drawn, and undoes it.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::time::Instant;

use super::disk;
use super::fault::{Ailment, Build, Fault, Round, Whom};
use super::load;
use super::slow;
use crate::proxy::Weather;
use crate::site::{Look, Site};
use crate::workload::Crowd;

/// For a node to be ready again while others are rolled.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// For a node to give away what it has.
const DRAINED_WITHIN: Duration = Duration::from_secs(60);
/// Between two turns of a clock that goes wrong.
const CLOCK_STEP: Duration = Duration::from_millis(50);

/// What a round came to.
#[derive(Debug, Clone, Default)]
pub struct Done {
    /// On whom it was done.
    pub nodes: Vec<usize>,
    /// Why it was not done, where it was not.
    pub skipped: Option<String>,
    /// What there is to say of it.
    pub notes: Vec<String>,
}

/// Hands on a cluster under load.
pub struct Hands<'a> {
    /// The cluster.
    pub site: &'a mut Site,
    /// Its consoles.
    pub look: &'a Look,
    /// Its clients.
    pub crowd: &'a Crowd,
    /// The dice of what is not in the round.
    pub seed: u64,
}

impl Hands<'_> {
    /// Does a round from beginning to end: when this returns, what was broken is mended, though not yet recovered.
    ///
    /// # Errors
    /// The system refused something that every system grants.
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
                self.site.lines.set(shape.cuts(self.site.places.len()), Weather::cut());
                tokio::time::sleep(hold).await;
                self.site.lines.set_all(Weather::default());
                Ok(on(Vec::new()))
            }
            Fault::Weather(weather) => {
                self.site.lines.set_all(weather);
                tokio::time::sleep(hold).await;
                self.site.lines.set_all(Weather::default());
                Ok(on(Vec::new()))
            }
            Fault::Clock(node, clock) => {
                let start = Instant::now();
                while start.elapsed() < hold {
                    self.site.turn_clock(node, clock.offset_ms(start.elapsed()))?;
                    tokio::time::sleep(CLOCK_STEP).await;
                }
                self.site.turn_clock(node, 0)?;
                Ok(on(vec![node]))
            }
            Fault::Disk(node, ailment) => self.ail(node, ailment, hold).await,
            Fault::Roll => self.roll(None, Duration::ZERO).await,
            Fault::RollTo(build) => self.roll(Some(build), hold).await,
            Fault::Certificates => self.exchange_certificates(hold).await,
            Fault::Churn(node) => self.churn(node, hold).await,
            Fault::Overload => load::overload(&self.site.places, hold, self.seed).await.map(noted),
            Fault::HotKey => load::hot_key(&self.site.places, hold, self.seed).await.map(noted),
            Fault::SlowConsumers => slow::consumers(&self.site.places, hold).await.map(noted),
        }
    }

    /// Excuses no longer count; nodes that died of their fault are started again, as an operator's supervisor would.
    /// Which ones did.
    ///
    /// # Errors
    /// The binary.
    pub fn mend(&mut self) -> anyhow::Result<Vec<usize>> {
        let dead: Vec<usize> = (0..self.site.places.len()).filter(|node| !self.site.runs(*node)).collect();
        self.start(&dead)?;
        Ok(dead)
    }

    async fn chosen(&self, whom: Whom) -> Vec<usize> {
        let nodes = self.site.places.len();
        match whom {
            Whom::One(node) => vec![node % nodes],
            Whom::ControlLeader => vec![self.look.control_leader().await.unwrap_or(0)],
            Whom::Busiest => vec![self.look.busiest().await.unwrap_or(0)],
            Whom::Majority => {
                let first = self.look.busiest().await.unwrap_or(0);
                let some: BTreeSet<usize> = (0..=nodes / 2).map(|at| (first + at) % nodes).collect();
                some.into_iter().collect()
            }
            Whom::All => (0..nodes).collect(),
        }
    }

    async fn kill(&mut self, nodes: &[usize]) -> anyhow::Result<()> {
        for node in nodes {
            self.crowd.excuses().begin(*node);
            self.site.kill(*node).await?;
        }
        Ok(())
    }

    fn start(&mut self, nodes: &[usize]) -> anyhow::Result<()> {
        for node in nodes {
            self.crowd.excuses().begin(*node);
            self.site.run(*node)?;
        }
        Ok(())
    }

    /// Takes the control group its majority, and no data shard its own.
    async fn behead(&mut self, hold: Duration) -> anyhow::Result<Done> {
        let sets = self.look.sets().await?;
        let control = sets.first().context("the control group's nodes")?;
        let fallen = control[..=control.len() / 2].to_vec();
        let others: Vec<usize> = (0..self.site.places.len()).filter(|node| !fallen.contains(node)).collect();
        let mut done = on(fallen.clone());
        let start = Instant::now();
        // All of them, so that none is moved back for balance: what is moved by hand stays.
        for (shard, set) in sets.iter().enumerate().skip(1) {
            // Each move makes room by the last that was there: after as many as there are replicas, all are new.
            for at in 0..set.len() {
                let to = others[(shard + at) % others.len()];
                if !self.look.move_shard(shard, to, DRAINED_WITHIN).await? {
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
        let act = self.look.act_on(others[0], "cordon", Duration::ZERO, &others[1..]).await;
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
            self.crowd.excuses().begin(*node);
            self.site.freeze(*node)?;
        }
        tokio::time::sleep(hold).await;
        for node in &nodes {
            self.site.thaw(*node)?;
        }
        Ok(on(nodes))
    }

    /// As an operator does it, with pauses in which nodes read what is new.
    async fn exchange_certificates(&mut self, hold: Duration) -> anyhow::Result<Done> {
        let steps = [&["rotate"][..], &["rotate", "--authority"], &["rotate"], &["retire"]];
        for step in steps {
            self.site.certs(step).await?;
            tokio::time::sleep(hold / 4).await;
        }
        self.roll(None, Duration::ZERO).await
    }

    /// One node after the other; with `pause` before the next, so that nodes of both builds serve together.
    async fn roll(&mut self, to: Option<Build>, pause: Duration) -> anyhow::Result<Done> {
        let mut done = Done::default();
        for node in 0..self.site.places.len() {
            self.crowd.excuses().begin(node);
            let start = Instant::now();
            if !self.site.stop(node).await {
                done.notes
                    .push(format!("{} did not stop when asked and was killed", self.site.places[node].name));
            }
            let stopped = start.elapsed();
            if let Some(build) = to {
                self.site.set_build(node, build);
            }
            self.site.run(node)?;
            self.until_ready(node).await?;
            self.crowd.excuses().end(node);
            let back = start.elapsed().saturating_sub(stopped);
            done.notes.push(format!(
                "{} left in {} ms and was ready again in {} ms",
                self.site.places[node].name,
                stopped.as_millis(),
                back.as_millis()
            ));
            done.nodes.push(node);
            tokio::time::sleep(pause).await;
        }
        Ok(done)
    }

    /// A node leaves as an operator would have it leave, and comes back with an empty disk.
    async fn churn(&mut self, node: usize, hold: Duration) -> anyhow::Result<Done> {
        let mut done = on(vec![node]);
        let name = self.site.places[node].name.clone();
        let start = Instant::now();
        let drained = self.look.act(node, "drain", DRAINED_WITHIN).await?;
        done.notes.push(match drained {
            true => format!(
                "{name} had given away what others could take after {} ms",
                start.elapsed().as_millis()
            ),
            false => format!("{name} had not given away what others could take within {DRAINED_WITHIN:?}"),
        });
        self.crowd.excuses().begin(node);
        if !self.site.stop(node).await {
            done.notes.push(format!("{name} did not stop when asked and was killed"));
        }
        std::fs::remove_dir_all(self.site.data(node)).context("its data")?;
        tokio::time::sleep(hold).await;
        let start = Instant::now();
        self.site.run(node)?;
        self.until_ready(node).await?;
        self.look.act(node, "uncordon", Duration::ZERO).await?;
        done.notes.push(format!(
            "{name} was ready {} ms after it had come back with an empty disk",
            start.elapsed().as_millis()
        ));
        Ok(done)
    }

    async fn until_ready(&mut self, node: usize) -> anyhow::Result<()> {
        let start = Instant::now();
        while !self.look.ready(node).await {
            let name = &self.site.places[node].name;
            if start.elapsed() > READY_WITHIN {
                bail!("{name} is not ready after {READY_WITHIN:?}");
            }
            if !self.site.runs(node) {
                bail!("{} ended by itself", self.site.places[node].name);
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        Ok(())
    }

    async fn ail(&mut self, node: usize, ailment: Ailment, hold: Duration) -> anyhow::Result<Done> {
        let mut done = on(vec![node]);
        match ailment {
            Ailment::Full => {
                if !self.site.disks.own() {
                    return Ok(skipped("no disk of its own could be mounted for the node: it takes root"));
                }
                self.crowd.excuses().begin(node);
                let filler = disk::fill(&self.site.data(node)).context("the filler")?;
                tokio::time::sleep(hold).await;
                std::fs::remove_file(&filler)?;
            }
            Ailment::SyncFails | Ailment::SyncSlow(_) => {
                let Some(pid) = self.site.pid(node) else { return Ok(skipped("the node does not run")) };
                self.crowd.excuses().begin(node);
                let tracer = match disk::trace(pid, ailment).await {
                    Ok(tracer) => tracer,
                    Err(why) => return Ok(skipped(&format!("{why:#}"))),
                };
                tokio::time::sleep(hold).await;
                disk::leave(tracer).await;
            }
            Ailment::BitFlips(bits) => {
                self.kill(&[node]).await?;
                let flipped = disk::flip(&self.site.data(node).join("wal"), bits, self.seed)?;
                done.notes.push(format!(
                    "{flipped} bits turned over in the log of {}",
                    self.site.places[node].name
                ));
                tokio::time::sleep(hold / 5).await;
                self.start(&[node])?;
            }
        }
        if !self.site.runs(node) {
            done.notes.push(format!("{} had ended and was started again", self.site.places[node].name));
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
