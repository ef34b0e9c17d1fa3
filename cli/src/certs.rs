//! `troupe certs`: the certificates of the mesh, and their replacement while the cluster runs.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use troupe_runtime::Timestamp;
use troupe_runtime::transport::mesh::{
    WARN_DAYS, nodes_with_certificates, read_certificates, retire_authorities, rotate_authority, rotate_nodes,
};

use troupe_node::config::Config;
use troupe_node::secrets;

/// Certificates of the mesh. Nodes that run take up what changes within a second; sessions that are there stay.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The cluster's configuration.
    #[arg(long, default_value = "cluster.toml", global = true)]
    pub(crate) config: PathBuf,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Makes a development authority and a certificate for each node, where it is missing.
    Make,
    /// Lists authorities and certificates, and how many days they have left.
    Show,
    /// Makes new certificates for every node that has one here, those included that joined later.
    Rotate {
        /// Only of this node.
        #[arg(long, conflicts_with = "authority")]
        node: Option<String>,
        /// Makes a new authority instead; the old one stays trusted until it is retired.
        #[arg(long)]
        authority: bool,
    },
    /// Ends the trust in every authority but the newest. Nodes need certificates of that one first.
    Retire,
}

pub(crate) fn run(arguments: &Arguments, config: &Config, base: &Path) -> anyhow::Result<()> {
    let dir = base.join(&config.cluster.certs_dir);
    if matches!(arguments.what, What::Make) {
        secrets::ready(config, &dir)?;
    }
    // Nodes that joined are in no file but their own.
    let all = nodes_with_certificates(&dir).context("`troupe certs make` makes what is missing")?;
    match &arguments.what {
        What::Make | What::Show => {}
        What::Rotate { authority: true, .. } => rotate_authority(&dir, &config.cluster.name)?,
        What::Rotate { node: Some(node), .. } => {
            let known = all.contains(node);
            anyhow::ensure!(known, "--node {node}: {} has certificates of {}", dir.display(), all.join(", "));
            rotate_nodes(&dir, std::slice::from_ref(node))?;
        }
        What::Rotate { node: None, .. } => rotate_nodes(&dir, &all)?,
        What::Retire => retire_authorities(&dir)?,
    }
    show(&dir, &all)
}

fn show(dir: &Path, nodes: &[String]) -> anyhow::Result<()> {
    let now = Timestamp::wall();
    println!("{}", dir.display());
    println!("{:<12} {:<40} {:<12} {:<17} {:>9}", "FILE", "SUBJECT", "NAMES", "SERIAL", "DAYS LEFT");
    let files = std::iter::once("ca.pem".to_owned()).chain(nodes.iter().map(|node| format!("{node}.pem")));
    for file in files {
        for one in read_certificates(&dir.join(&file)).map_err(anyhow::Error::msg)? {
            let left = one.days_left(now);
            let mark = match left {
                ..0 => "  has expired",
                0..WARN_DAYS => "  expires soon",
                _ => "",
            };
            let names = one.names.join(",");
            let serial: String = one.serial.chars().take(16).collect();
            println!("{:<12} {:<40} {names:<12} {serial:<17} {left:>9}{mark}", one.file, one.subject);
        }
    }
    Ok(())
}
