//! The command line.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::{certs, chaos, operate, reference, sim, workflow};
use troupe_benches::{demo, suites};
use troupe_learning::{evaluate, train};
use troupe_local_cluster::{admin, processes};
use troupe_node::boot;
use troupe_node::config::{Config, base_of, load};
use troupe_runtime::Registry;

/// Failed.
const FAILED: u8 = 1;
/// Bad usage or configuration.
const BAD_USAGE: u8 = 2;

/// A clustered actor runtime that runs an online-ML platform.
#[derive(Debug, Parser)]
#[command(name = "troupe", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs one node in the foreground.
    Node {
        /// The cluster's configuration.
        #[arg(long, default_value = "cluster.toml")]
        config: PathBuf,
        /// The node's name in it.
        #[arg(long)]
        name: String,
        /// Any node's admin address: this node comes to a cluster that runs, and takes its share of it. Needed once.
        #[arg(long, value_name = "HOST:PORT")]
        join: Option<String>,
        /// Ends when standard input is closed: for nodes that must not outlive their parent.
        #[arg(long, hide = true)]
        with_parent: bool,
    },
    /// Runs a local cluster as child processes; Ctrl-C drains and stops it.
    Up {
        /// The cluster's configuration.
        #[arg(long, default_value = "cluster.toml")]
        config: PathBuf,
    },
    /// The main job: real data through a real cluster, one node killed on the way.
    Demo(demo::Arguments),
    /// Trains a model from the events that a running cluster holds, and publishes it.
    Train(train::Arguments),
    /// Asks a model for each member's newest events as if they had not happened yet.
    Evaluate(evaluate::Arguments),
    /// Measurements, each beside its baseline in the same run.
    Bench(suites::Arguments),
    /// Whole clusters in one thread under seeds: faults of every kind, and histories that are checked.
    Sim(sim::Arguments),
    /// Faults against a throw-away cluster of real processes, and the judgement of what its clients saw.
    Chaos(chaos::Arguments),
    /// Nodes, and how they are.
    Status(admin::Target),
    /// The supervision tree of every node.
    Tree(admin::Target),
    /// What happened to nodes, shards, actors and entities in the last day, the newest last.
    Journal {
        /// Only of subjects whose name contains this: `shard-5`, `members/42`.
        about: Option<String>,
        /// Records at most.
        #[arg(long, default_value_t = 200)]
        limit: u32,
        #[command(flatten)]
        target: admin::Target,
    },
    /// Waits for the end of a node, an actor or an entity, and says how it came about; fails while it lives.
    Watch {
        /// `n2`, `node-2/shards/shard-7`, or an entity as `members/42`.
        of: String,
        /// Longest time to wait.
        #[arg(long, default_value = "10m", value_parser = humantime::parse_duration)]
        wait: std::time::Duration,
        #[command(flatten)]
        target: admin::Target,
    },
    /// Shards, their leaders and followers.
    Shards(admin::Target),
    /// Keys of a kind.
    Actors {
        /// The kind.
        kind: String,
        #[command(flatten)]
        target: admin::Target,
    },
    /// Asks an entity and prints the reply.
    Ask(admin::Message),
    /// Tells an entity and prints nothing when it is done.
    Tell(admin::Message),
    /// Workflows: pushed, checked, started, looked at, stopped and restarted.
    Workflow(workflow::Arguments),
    #[command(flatten)]
    Act(operate::Act),
    /// Certificates of the mesh: made, listed, and replaced while the cluster runs.
    Certs(certs::Arguments),
    /// Writes the pages of the reference.
    #[command(hide = true)]
    Reference(reference::Arguments),
    /// Reads a configuration and lists every problem.
    CheckConfig {
        /// The file.
        file: PathBuf,
    },
}

impl Command {
    const fn only_prints(&self) -> bool {
        matches!(
            self,
            Self::Status(_)
                | Self::Tree(_)
                | Self::Shards(_)
                | Self::Journal { .. }
                | Self::Watch { .. }
                | Self::Actors { .. }
                | Self::Ask(_)
                | Self::Tell(_)
                | Self::Workflow(_)
                | Self::Act(_)
                | Self::Certs(_)
                | Self::Reference(_)
                | Self::CheckConfig { .. }
        )
    }
}

/// The parser, for the reference.
pub(crate) fn command() -> clap::Command {
    Cli::command()
}

/// Runs the command line of a binary whose nodes have these kinds. `troupe` is [`troupe_actors::registry`]; a binary of
/// one's own adds its kinds to it.
pub fn run(registry: fn() -> Registry) -> ExitCode {
    let cli = Cli::parse();
    if cli.command.only_prints() {
        // `troupe shards | head` ends quietly. A node must not: it writes to sockets.
        sigpipe::reset();
    }
    match cli.command {
        Command::CheckConfig { file } => match configuration(&file) {
            Ok(config) => {
                println!(
                    "{}: {} nodes, {} shards",
                    file.display(),
                    config.nodes.len(),
                    config.cluster.shards
                );
                ExitCode::SUCCESS
            }
            Err(code) => code,
        },
        Command::Node { config: file, name, join, with_parent } => with_config(&file, |config, _| {
            logging(&config.log.filter);
            let file = file.clone();
            runtime()?.block_on(async move {
                let stop = processes::stop_signal(with_parent);
                boot::run(registry(), config, &name, &file, join.as_deref(), stop).await
            })
        }),
        Command::Up { config } => {
            let path = config.clone();
            with_config(&config, |config, _| runtime()?.block_on(processes::up(config, &path)))
        }
        Command::Demo(arguments) => {
            let path = arguments.config.clone();
            with_config(&path, |config, _| runtime()?.block_on(demo::run(arguments, config)))
        }
        Command::Train(arguments) => {
            let path = arguments.config.clone();
            with_config(&path, |config, base| runtime()?.block_on(train::run(arguments, config, &base)))
        }
        Command::Evaluate(arguments) => {
            let path = arguments.config.clone();
            with_config(&path, |config, base| runtime()?.block_on(evaluate::run(arguments, config, &base)))
        }
        Command::Certs(arguments) => {
            let path = arguments.config.clone();
            with_config(&path, |config, base| certs::run(&arguments, &config, &base))
        }
        Command::Reference(arguments) => finish(reference::write(&arguments)),
        Command::Sim(arguments) => finish(sim::simulate(arguments)),
        Command::Bench(arguments) => {
            let path = arguments.config.clone();
            with_config(&path, |config, _| runtime()?.block_on(suites::run(arguments, config)))
        }
        Command::Chaos(arguments) => {
            let path = arguments.config.clone();
            with_config(&path, |_, _| runtime()?.block_on(chaos::run(arguments)))
        }
        Command::Status(target) => asked(admin::status(&target)),
        Command::Tree(target) => asked(admin::tree(&target)),
        Command::Journal { about, limit, target } => asked(admin::journal(&target, about.as_deref(), limit)),
        Command::Watch { of, wait, target } => asked(admin::watch(&target, &of, wait)),
        Command::Shards(target) => asked(admin::shards(&target)),
        Command::Actors { kind, target } => asked(admin::actors(&kind, &target)),
        Command::Workflow(arguments) => asked(workflow::run(&arguments)),
        Command::Act(act) => asked(operate::act(&act)),
        Command::Ask(message) => asked(admin::ask(&message, true)),
        Command::Tell(message) => asked(admin::ask(&message, false)),
    }
}

fn with_config(path: &Path, job: impl FnOnce(Config, PathBuf) -> anyhow::Result<()>) -> ExitCode {
    match configuration(path) {
        Ok(config) => finish(job(config, base_of(path).to_owned())),
        Err(code) => code,
    }
}

fn configuration(path: &Path) -> Result<Config, ExitCode> {
    load(path).map_err(|problems| {
        eprintln!("{}: {} problems", path.display(), problems.len());
        for problem in problems {
            eprintln!("  {problem}");
        }
        ExitCode::from(BAD_USAGE)
    })
}

fn finish(outcome: anyhow::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("troupe: {error:#}");
            ExitCode::from(FAILED)
        }
    }
}

/// Asks a cluster something.
fn asked(job: impl Future<Output = anyhow::Result<()>>) -> ExitCode {
    finish(runtime().and_then(|runtime| runtime.block_on(job)))
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// ractor_cluster has a line for every connection that fails, and a peer with the wrong cookie makes several a second for
/// as long as it runs. The mesh says it once, and better; name `ractor_cluster` in the filter.
const QUIET: &str = "ractor_cluster";

fn logging(filter: &str) {
    let heard = filter.contains(QUIET);
    let filter = if heard { filter.to_owned() } else { format!("{filter},{QUIET}=error") };
    let filter = filter.parse::<tracing_subscriber::EnvFilter>().unwrap_or_default();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(std::io::stderr).init();
}
