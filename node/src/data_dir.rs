//! Whose a data directory is. What was written under other terms would be read wrongly, so it is not read at all.

use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use troupe_runtime::storage::Engine;

use crate::config::Config;

/// Version of the directory's layout. A newer one is refused; an older one is read.
const FORMAT: u32 = 1;
const FILE: &str = "owner.toml";
/// Held by the process that works in the directory.
const LOCK: &str = "owner.lock";

/// A data directory that no other process works in for as long as this lives.
#[derive(Debug)]
pub(crate) struct Claim(#[allow(dead_code, reason = "its lock ends with it")] File);

/// What must not change under a data directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Owner {
    format: u32,
    cluster: String,
    node: u16,
    shards: u32,
    engine: Engine,
    /// Whether its node founded a cluster by itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    alone: bool,
}

/// Checks that the directory is this node's, or makes it so when it is empty. Nothing in it is touched before.
///
/// # Errors
/// Another cluster's, another node's, made with other shards or another engine, or by a newer version: the error names
/// the file, the key and the fix. Or a process that works in it.
pub(crate) fn claim(config: &Config, node: u16, data: &Path, joins: bool) -> anyhow::Result<Claim> {
    check(config, node, data, joins)?;
    let path = data.join(LOCK);
    let file = File::create(&path).with_context(|| path.display().to_string())?;
    match file.try_lock() {
        Ok(()) => Ok(Claim(file)),
        Err(TryLockError::WouldBlock) => {
            bail!("{}: another process runs node {node} on this directory: stop it first", path.display())
        }
        Err(TryLockError::Error(error)) => Err(error).with_context(|| path.display().to_string()),
    }
}

fn check(config: &Config, node: u16, data: &Path, joins: bool) -> anyhow::Result<()> {
    let path = data.join(FILE);
    let (cluster, shards, engine) = (config.cluster.name.clone(), config.cluster.shards, config.store.engine);
    let alone = !joins && config.nodes.len() == 1;
    let ours = Owner { format: FORMAT, cluster, node, shards, engine, alone };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return write(data, &path, &ours).with_context(|| path.display().to_string());
        }
        Err(error) => bail!("{}: {error}", path.display()),
    };
    let format: Format = toml::from_str(&text).with_context(|| path.display().to_string())?;
    if format.format > FORMAT {
        bail!(
            "{}: format {} is of a newer version, and this one reads up to {FORMAT}: run the version that wrote it, or \
             let this node come back on an empty directory",
            path.display(),
            format.format
        );
    }
    let theirs: Owner = toml::from_str(&text).with_context(|| path.display().to_string())?;
    for (key, was, is) in [
        ("cluster.name", theirs.cluster, ours.cluster),
        ("nodes.id", theirs.node.to_string(), ours.node.to_string()),
        ("cluster.shards", theirs.shards.to_string(), ours.shards.to_string()),
        ("store.engine", name(theirs.engine).to_owned(), name(ours.engine).to_owned()),
    ] {
        if was != is {
            bail!(
                "{}: this directory was made with {key} = {was}, and the configuration says {is}: set it back, or give \
                 this node another cluster.data_dir",
                path.display()
            );
        }
    }
    Ok(())
}

/// Checks that a node with this directory can come to a cluster of others.
///
/// # Errors
/// It has founded a cluster of its own: it would go on as that, and confirm what the others never see.
pub(crate) fn may_join(data: &Path) -> anyhow::Result<()> {
    let path = data.join(FILE);
    let found = std::fs::read_to_string(&path).ok().and_then(|text| toml::from_str::<Owner>(&text).ok());
    if found.is_some_and(|owner| owner.alone) {
        bail!(
            "--join: {}: this node was started without --join before and founded a cluster of its own. Where that is the \
             one to go on, leave --join away; where nothing in it is wanted, give this node an empty directory",
            path.display()
        );
    }
    Ok(())
}

/// What every version of the file has.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

const fn name(engine: Engine) -> &'static str {
    match engine {
        Engine::Sled => "sled",
        Engine::Fjall => "fjall",
    }
}

fn write(data: &Path, path: &Path, owner: &Owner) -> anyhow::Result<()> {
    std::fs::create_dir_all(data)?;
    let draft = data.join(format!(".{FILE}"));
    let mut file = std::fs::File::create(&draft)?;
    file.write_all(toml::to_string(owner)?.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&draft, path)?;
    std::fs::File::open(data)?.sync_all()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_taken_once_and_whoever_differs_is_told_the_key() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("n1");
        let config = Config::default();
        let held = claim(&config, 1, &data, false).unwrap();
        let said = claim(&config, 1, &data, false).unwrap_err().to_string();
        assert!(said.contains("another process runs node 1 on this directory"), "{said}");
        drop(held);
        claim(&config, 1, &data, false).unwrap();
        let before = std::fs::read(data.join(FILE)).unwrap();
        let mut elsewhere = config.clone();
        elsewhere.cluster.name = "elsewhere".to_owned();
        let mut wider = config.clone();
        wider.cluster.shards += 1;
        let mut other = config.clone();
        other.store.engine = Engine::Fjall;
        for (config, node, key) in [
            (&elsewhere, 1, "cluster.name = troupe"),
            (&config, 2, "nodes.id = 1"),
            (&wider, 1, "cluster.shards"),
            (&other, 1, "store.engine = sled"),
        ] {
            let said = claim(config, node, &data, false).unwrap_err().to_string();
            assert!(said.contains(key) && said.contains("owner.toml"), "{said}");
        }
        assert_eq!(std::fs::read(data.join(FILE)).unwrap(), before);
        std::fs::write(data.join(FILE), "format = 2\nwhatever = 3\n").unwrap();
        let said = claim(&config, 1, &data, false).unwrap_err().to_string();
        assert!(said.contains("newer version"), "{said}");
        std::fs::write(data.join(FILE), "no toml").unwrap();
        let said = format!("{:#}", claim(&config, 1, &data, false).unwrap_err());
        assert!(said.contains("owner.toml"), "{said}");
    }

    #[test]
    fn who_founded_a_cluster_alone_cannot_join_another_with_that_directory() {
        let dir = tempfile::tempdir().unwrap();
        let three = Config::default();
        let mut one = three.clone();
        one.nodes.truncate(1);
        for (config, joins, may) in [(&one, false, false), (&one, true, true), (&three, false, true)] {
            let data = dir.path().join(format!("{}-{joins}", config.nodes.len()));
            may_join(&data).unwrap();
            claim(config, 1, &data, joins).unwrap();
            // Later starts do not change how it began.
            claim(config, 1, &data, !joins).unwrap();
            assert_eq!(may_join(&data).is_ok(), may, "{} nodes, joins: {joins}", config.nodes.len());
        }
    }
}
