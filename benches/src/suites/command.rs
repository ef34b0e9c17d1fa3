//! The arguments of `troupe bench`, and the order of its suites.

use super::{alone, cluster, idle, inside, judging, looping};
use std::path::PathBuf;

use clap::ValueEnum;

use troupe_local_cluster::dataset;
use troupe_local_cluster::dataset::Dataset;
use troupe_local_cluster::figures::{Report, writable};
use troupe_local_cluster::processes::stop_signal;
use troupe_node::config::Config;

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Name {
    /// Everything below.
    All,
    /// Acknowledged events a second, in batches over HTTP.
    Events,
    /// One durable command at a time.
    Command,
    /// Feature lookups: at the leader in this process, and over HTTP.
    Features,
    /// Follower reads over HTTP, beside the same query at the leader.
    Near,
    /// Recommendations at a fixed rate, and how soon an event shows.
    Recommend,
    /// The busiest node is killed under load, three times.
    Failover,
    /// Every node is stopped and started again, one after another, under load.
    Rolling,
    /// Queries of an entity here and elsewhere, one in flight, and messages that want no answer.
    Asks,
    /// Durable commands with many in flight, and their bytes on the wire.
    Durable,
    /// Leadership of each shard is handed over under load.
    Transfer,
    /// A leader is killed: gap of each shard.
    Kill,
    /// A leader is frozen: gap of each shard, and answers from the past.
    Pause,
    /// A node joins and takes its share of two gigabytes, under other traffic.
    Move,
    /// What a cluster with nothing to do costs.
    Idle,
    /// What an idle entity costs in memory, and how fast entities come back from the store.
    Entities,
    /// What a member costs in memory.
    Members,
    /// EASE, iALS and popularity on three random splits.
    Quality,
    /// Allocation, canaries, monitors and tests of experiments: how fast, and how often they err; and what a thousand
    /// experiments cost the events.
    Judges,
    /// Steps of workflows, a foreach of a hundred thousand, Maestro's samples, and the loop from a signal to a champion with
    /// a node killed in it.
    Loop,
    /// Beats and artifacts of runs, over HTTP and durable on three nodes.
    Metadata,
}

impl Name {
    /// Those that need a cluster of real processes.
    const CLUSTER: [Self; 9] = [
        Self::Events,
        Self::Command,
        Self::Features,
        Self::Near,
        Self::Recommend,
        Self::Judges,
        Self::Metadata,
        Self::Failover,
        Self::Rolling,
    ];
    /// Those that need one of its nodes in this process.
    const INSIDE: [Self; 6] =
        [Self::Asks, Self::Durable, Self::Transfer, Self::Kill, Self::Pause, Self::Move];
}

/// `troupe bench`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// What to measure, one or several.
    #[arg(value_enum, default_value = "all")]
    names: Vec<Name>,
    /// The cluster's configuration.
    #[arg(long, default_value = "cluster.toml")]
    pub config: PathBuf,
    /// Where set-up has put the data set.
    #[arg(long, default_value = ".deps/ml-100k")]
    data: PathBuf,
    /// Plays so many events made up by the seed, also where the data set is there.
    #[arg(long, value_name = "EVENTS", value_parser = clap::value_parser!(u32).range(1..))]
    synthetic: Option<u32>,
    /// Seed of everything that is drawn.
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// What the cluster holds before a node joins it, for `move`.
    #[arg(long, default_value_t = 2_048, value_name = "MIB")]
    pub(super) fill: u64,
    /// Runs from a signal to a champion in which a node is killed, for `loop`.
    #[arg(long, default_value_t = 50)]
    pub(super) kills: u32,
    /// Writes every figure to this file.
    #[arg(long)]
    json: Option<PathBuf>,
}

impl Arguments {
    pub(super) fn wants(&self, name: Name) -> bool {
        self.names.contains(&Name::All) || self.names.contains(&name)
    }
}

/// Measures what was asked for; the cluster that it starts ends with it.
pub async fn run(arguments: Arguments, config: Config) -> anyhow::Result<()> {
    writable(&arguments.json)?;
    let play = dataset::load(&arguments.data, arguments.synthetic, arguments.seed)?;
    let mut report = Report::new("bench", arguments.seed, play.name);
    let mut stop = stop_signal(false);
    let measured = tokio::select! {
        measured = Box::pin(measure(&arguments, config, &play, &mut report)) => measured,
        _ = stop.wait_for(|stop| *stop) => {
            println!("\ninterrupted");
            Ok(())
        }
    };
    // What was measured before a failure or an interruption counts.
    report.print();
    if let Some(path) = &arguments.json {
        report.write(path)?;
    }
    measured
}

pub(super) async fn measure(
    arguments: &Arguments,
    config: Config,
    play: &Dataset,
    report: &mut Report,
) -> anyhow::Result<()> {
    // Memory first: what others leave behind in this process would be counted.
    if arguments.wants(Name::Members) {
        alone::members(report).await?;
    }
    if arguments.wants(Name::Entities) {
        alone::entities(report).await?;
    }
    if arguments.wants(Name::Features) {
        alone::features(report).await?;
    }
    if arguments.wants(Name::Quality) {
        alone::quality(play, arguments.seed, report).await?;
    }
    if arguments.wants(Name::Judges) {
        let seed = arguments.seed;
        // Hundreds of milliseconds without a pause each: not on the runtime's own threads.
        let mut own = std::mem::replace(report, Report::new("bench", seed, play.name));
        let measured = tokio::task::spawn_blocking(move || judging::measure(seed, &mut own).map(|()| own));
        *report = measured.await??;
    }
    if Name::CLUSTER.into_iter().any(|name| arguments.wants(name)) {
        cluster::measure(arguments, config.clone(), play, report).await?;
    }
    if arguments.wants(Name::Loop) {
        looping::measure(config.clone(), arguments.seed, arguments.kills, report).await?;
    }
    if arguments.wants(Name::Idle) {
        idle::measure(config.clone(), report).await?;
    }
    // Last: the node in this process keeps its ports until the process ends.
    if Name::INSIDE.into_iter().any(|name| arguments.wants(name)) {
        inside::measure(arguments, config, report).await?;
    }
    Ok(())
}
